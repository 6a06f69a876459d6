"""The base of the pricing models, and the checks that they share."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tallybook.domain.kernel.decimals import bounded
from tallybook.domain.kernel.errors import Invalid


class Rule(msgspec.Struct, frozen=True, tag_field="model", omit_defaults=True):
    """From usage to amount. Base of the union of the pricing models."""


def check_amount(amount: Decimal, field: str) -> None:
    """An amount or a rate: finite, at most 12 decimals, not below zero."""
    bounded(amount, field=field)
    if amount < 0:
        raise Invalid(
            "negative_amount",
            f"{amount} is below zero; a price does not pay the customer.",
            field=field,
            mend="Send 0 or more. To give something back, use a coupon or a credit grant.",
        )


def check_positive(number: Decimal, field: str, what: str) -> None:
    """A size or a factor: finite, at most 12 decimals, above zero."""
    bounded(number, field=field)
    if number <= 0:
        raise Invalid(
            "not_positive",
            f"{what} of {number} makes no sense.",
            field=field,
            mend="Send a number above 0.",
        )
