"""Coupons: discounts with a scope and a life."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.models.rule import check_amount, check_percent
from tallybook.domain.catalog.spending import check_named
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.kernel.instants import to_utc
from tallybook.domain.kernel.money import minor_digits


class Frequency(StrEnum):
    """How long a coupon lives: until it is used up, for some periods, or for ever."""

    ONCE = "once"
    RECURRING = "recurring"
    FOREVER = "forever"


class Stacking(StrEnum):
    """In which order several coupons act; each acts on what the ones before left."""

    AS_LISTED = "as_listed"
    PERCENTAGE_FIRST = "percentage_first"
    NARROW_FIRST = "narrow_first"


class Coupon(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An amount or a percentage off the charges in scope.

    `only_plans`, `only_prices` and `only_meters` narrow the scope; a charge must satisfy all. An
    amount is in `currency` and takes nothing off charges in another one. `used` is how much of a
    `once` amount is spent already; `remaining_periods` counts a `recurring` one down.
    """

    amount: Decimal | None = None
    rate_pct: Decimal | None = None
    currency: str = ""
    frequency: Frequency = Frequency.ONCE
    used: Decimal = Decimal(0)
    remaining_periods: int | None = None
    only_plans: tuple[str, ...] = ()
    only_meters: tuple[str, ...] = ()
    only_prices: tuple[str, ...] = ()

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

    def fits(self, plan: str, meter: str, price: str = "") -> bool:
        """Whether a charge of this plan, meter and price is in scope."""
        return (
            (not self.only_plans or plan in self.only_plans)
            and (not self.only_meters or meter in self.only_meters)
            and (not self.only_prices or price in self.only_prices)
        )


class CouponAmount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a coupon takes off in another currency than its first."""

    amount: Decimal


class CouponOffer(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What anyone can redeem who has the code, which is its `key`; and who cannot.

    `periods` are those of a `recurring` one. It can be redeemed in `[redeem_from, redeem_until)`,
    `max_redemptions` times in all and `max_per_customer` times by one customer. An exclusive one
    stands with no other coupon on the same invoices. An amount is in `currency`; `in_currency` has
    those for customers who are billed in others.
    """

    key: str
    name: str
    amount: Decimal | None = None
    rate_pct: Decimal | None = None
    currency: str = ""
    frequency: Frequency = Frequency.ONCE
    periods: int | None = None
    only_plans: tuple[str, ...] = ()
    only_prices: tuple[str, ...] = ()
    is_exclusive: bool = False
    redeem_from: datetime | None = None
    redeem_until: datetime | None = None
    max_redemptions: int | None = None
    max_per_customer: int = 1
    in_currency: dict[str, CouponAmount] = {}

    @property
    def currencies(self) -> tuple[str, ...]:
        """Those that it takes an amount off in; none where it is a percentage."""
        return (self.currency, *self.in_currency) if self.currency else ()

    def priced_in(self, currency: str) -> CouponOffer:
        """The offer with the amount of one currency alone: its first where it has none in that."""
        said = self.in_currency.get(currency)
        if said is None:
            return self
        return msgspec.structs.replace(self, amount=said.amount, currency=currency, in_currency={})

    def checked(self) -> CouponOffer:
        """The same with its times in UTC; refused where nobody could redeem it."""
        check_named(self.key, self.name, "coupon")
        if self.frequency is Frequency.RECURRING and self.periods is None:
            raise Invalid(
                "no_periods",
                "A recurring coupon lasts for a number of invoices.",
                field="periods",
                mend="Send 1 or more, or the frequency forever.",
            )
        try:
            self.coupon().check()
        except Refusal as refusal:
            if refusal.field != "remaining_periods":
                raise
            raise Invalid(
                refusal.code, refusal.message, field="periods", mend=refusal.mend
            ) from None
        if not (self.rate_pct or self.amount):
            raise Invalid(
                "coupon_of_nothing",
                "The coupon takes nothing off.",
                field="amount" if self.rate_pct is None else "rate_pct",
                mend="Send more than 0.",
            )
        if (self.amount is None) != (not self.currency):
            raise Invalid(
                "currency_of_amount",
                "An amount is in a currency, and a percentage in none.",
                field="currency",
                mend="Send a currency with an amount, and none with a percentage.",
            )
        if self.currency:
            minor_digits(self.currency)
        self._check_other_currencies()
        if self.periods is not None and self.frequency is not Frequency.RECURRING:
            raise Invalid(
                "periods_of_recurring",
                f"A coupon that is {self.frequency.value} counts no periods.",
                field="periods",
                mend="Leave periods out, or send the frequency recurring.",
            )
        self._check_counts()
        redeem_from, redeem_until = (
            None if at is None else to_utc(at, field=field)
            for field, at in (
                ("redeem_from", self.redeem_from),
                ("redeem_until", self.redeem_until),
            )
        )
        if redeem_from and redeem_until and redeem_until <= redeem_from:
            raise Invalid(
                "never_redeemable",
                "The coupon ends before it begins.",
                field="redeem_until",
                mend="Send a redeem_until that is later than redeem_from.",
            )
        return msgspec.structs.replace(self, redeem_from=redeem_from, redeem_until=redeem_until)

    def _check_other_currencies(self) -> None:
        """Amounts in other currencies are of an amount, each in a currency of its own."""
        for currency, said in self.in_currency.items():
            field = f"in_currency/{currency}"
            minor_digits(currency, field=field)
            if self.amount is None or currency == self.currency:
                raise Invalid(
                    "currency_of_amount",
                    f"The coupon takes a percentage off, the same in {currency}."
                    if self.amount is None
                    else f"The coupon has an amount in {currency} already.",
                    field=field,
                    mend=f"Leave {currency} out of in_currency.",
                )
            check_amount(said.amount, f"{field}/amount")

    def _check_counts(self) -> None:
        for field, count in (
            ("max_redemptions", self.max_redemptions),
            ("max_per_customer", self.max_per_customer),
            ("periods", self.periods),
        ):
            if count is not None and not 1 <= count <= 1_000_000_000:
                raise Invalid(
                    "count_out_of_range",
                    f"{count} makes no sense as {field}.",
                    field=field,
                    mend="Send 1 or more.",
                )

    def coupon(self, *, used: Decimal = Decimal(0), used_periods: int = 0) -> Coupon:
        """The discount after it took off so much, on so many invoices."""
        periods = None if self.periods is None else max(self.periods - used_periods, 0)
        return Coupon(
            amount=self.amount,
            rate_pct=self.rate_pct,
            currency=self.currency,
            frequency=self.frequency,
            used=used,
            remaining_periods=periods,
            only_plans=self.only_plans,
            only_prices=self.only_prices,
        )

    def is_spent(self, *, used: Decimal, used_periods: int) -> bool:
        """Whether a redemption has nothing left to take off."""
        if self.frequency is Frequency.FOREVER or not used_periods:
            return False
        if self.frequency is Frequency.RECURRING:
            return self.periods is not None and used_periods >= self.periods
        return self.amount is None or used >= self.amount


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that a customer has: for all of its subscriptions, or for one.

    It acts on each invoice that is drawn up later than `redeemed_at`, until it is spent or until
    `ended_at`, when it was taken away.
    """

    id: str
    coupon_id: str
    customer_id: str
    subscription_id: str | None
    redeemed_at: datetime
    ended_at: datetime | None = None


class KeptCoupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon as it was made. Retired, it cannot be redeemed any more; who has it keeps it."""

    id: str
    offer: CouponOffer
    created_at: datetime
    retired_at: datetime | None = None
