"""The base of the pricing models, and the checks that they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.usage_need import ONE_QUANTITY, Circumstances, Portion, UsageNeed
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences
from tallybook.domain.kernel.decimals import bounded, exactly
from tallybook.domain.kernel.errors import Invalid, Refusal


class Rule(
    msgspec.Struct,
    frozen=True,
    tag_field="model",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """From usage to amount. Base of the union of the pricing models.

    All quantities that reach a rule are 0 or more, and it runs under `exactly()`.
    """

    sentences: ClassVar[Sentences] = {}
    """How the steps of this model are told."""

    changes_by_day: ClassVar[bool] = False
    """Whether parts of it are in force for some days, so that they may shrink in a whole period."""

    @property
    def need(self) -> UsageNeed:
        """How usage must be split for this rule."""
        return ONE_QUANTITY

    @abstractmethod
    def check(self) -> None:
        """Refuse a definition that makes no price, with the field's path and the mend."""

    @abstractmethod
    def rate(self, quantity: Decimal) -> RatedLine:
        """What one quantity costs."""

    def rate_portions(self, portions: Sequence[Portion], circumstances: Circumstances) -> RatedLine:
        """What usage costs that was split as `need` says."""
        del circumstances
        return self.rate(total(portions))

    def prorated(self, within: InForce) -> Self:
        """The rule with what is for a full period shrunk to a part of one: itself if nothing is."""
        del within
        return self

    def shrinks(self, within: InForce) -> bool:
        """Whether anything of it would be another in such a part of a period."""
        return self.prorated(within) != self


class PortionRule(Rule, frozen=True):
    """A rule whose amount depends on how the usage is split. Base of those models."""

    @abstractmethod
    def rate_portions(self, portions: Sequence[Portion], circumstances: Circumstances) -> RatedLine:
        """What usage costs that was split as `need` says."""

    def rate(self, quantity: Decimal) -> RatedLine:
        """What one quantity costs of which nothing else is known."""
        return self.rate_portions((Portion(quantity),), Circumstances())


def within(field: str, check: Callable[[], None]) -> None:
    """Run the check of a part; what it refuses is named from the whole."""
    try:
        check()
    except Refusal as refusal:
        raise refusal.at(field) from None


def total(portions: Sequence[Portion]) -> Decimal:
    """The quantities of all portions, added."""
    return sum((portion.quantity for portion in portions), ZERO)


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


def check_distinct(words: Mapping[str, str]) -> None:
    """Words that events are told apart by: none empty, no two alike. By field."""
    taken: dict[str, str] = {}
    for field, word in words.items():
        if not word.strip():
            raise Invalid(
                "empty_word",
                f"{field} is empty, and events are told apart by it.",
                field=field,
                mend="Send a word.",
            )
        if word in taken:
            raise Invalid(
                "same_word",
                f"{taken[word]} and {field} are both {word!r}, and events are told apart by them.",
                field=field,
                mend="Send two different words.",
            )
        taken[word] = field


def check_percent(number: Decimal, field: str) -> None:
    """A percentage from 0 on; at most 10 decimals, so that its hundredth has no more than 12."""
    check_amount(number, field)
    with exactly():
        bounded(number.scaleb(-2), field=field)


def check_rate(rate_pct: Decimal, field: str = "rate_pct") -> None:
    """A percentage that a price charges of an amount: no more than the amount."""
    check_percent(rate_pct, field)
    if rate_pct > 100:
        raise Invalid(
            "rate_above_100",
            f"{rate_pct} % of an amount is more than the amount.",
            field=field,
            mend="Send 0 to 100; 1.5 is one and a half percent. For a mark-up use the model "
            "dynamic with a multiplier.",
        )
