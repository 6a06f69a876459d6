"""Coupons: discounts with a scope and a life."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.models.rule import check_amount, check_percent
from tallybook.domain.kernel.errors import Invalid


class Frequency(StrEnum):
    """How long a coupon lives: until it is used up, for some periods, or for ever."""

    ONCE = "once"
    RECURRING = "recurring"
    FOREVER = "forever"


class Coupon(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An amount or a percentage off the charges in scope.

    `only_plans` and `only_meters` narrow the scope; a charge must satisfy both. An amount is in
    `currency` and takes nothing off charges in another one. `used` is how much of a `once` amount
    is spent already; `remaining_periods` counts a `recurring` one down.
    """

    amount: Decimal | None = None
    rate_pct: Decimal | None = None
    currency: str = ""
    frequency: Frequency = Frequency.ONCE
    used: Decimal = Decimal(0)
    remaining_periods: int | None = None
    only_plans: tuple[str, ...] = ()
    only_meters: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse a coupon that takes off nothing, or two things at once."""
        if (self.amount is None) == (self.rate_pct is None):
            raise Invalid(
                "amount_or_percentage",
                "A coupon takes off an amount or a percentage.",
                field="amount",
                mend="Send one of amount and rate_pct.",
            )
        if self.amount is not None:
            check_amount(self.amount, "amount")
        if self.rate_pct is not None:
            check_percent(self.rate_pct, "rate_pct")
            if self.rate_pct > 100:
                raise Invalid(
                    "discount_above_100",
                    f"{self.rate_pct} % off would pay the customer.",
                    field="rate_pct",
                    mend="Send 0 to 100.",
                )
        if (self.frequency is Frequency.RECURRING) and not self.remaining_periods:
            raise Invalid(
                "no_periods",
                "A recurring coupon lasts for a number of periods.",
                field="remaining_periods",
                mend="Send 1 or more, or the frequency forever.",
            )

    def fits(self, plan: str, meter: str) -> bool:
        """Whether a charge of this plan and meter is in scope."""
        return (not self.only_plans or plan in self.only_plans) and (
            not self.only_meters or meter in self.only_meters
        )
