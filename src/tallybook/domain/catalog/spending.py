"""What is agreed about spending as a whole: commitments, and least and most amounts.

Rules: docs/semantics/conditions.md.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import partial

import msgspec

from tallybook.domain.catalog.adjustments import check_limits
from tallybook.domain.catalog.models.rule import check_amount, within
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.identifiers import checked_key

MOST_STAGES = 120
"""Amounts that a ramp may have."""


class Per(StrEnum):
    """Over which time spending is counted.

    `PERIOD`: each billing period. `YEAR`: each year of the subscription's calendar; a billing
    period belongs to the year that it begins in. `TOTAL`: from its start to its end.
    """

    PERIOD = "period"
    YEAR = "year"
    TOTAL = "total"


class Whose(StrEnum):
    """Whose spending is counted: one subscription's, or that of all its customer has."""

    SUBSCRIPTION = "subscription"
    CUSTOMER = "customer"


class Promise(StrEnum):
    """What a commitment counts: money, or units at their price."""

    AMOUNT = "amount"
    QUANTITY = "quantity"


class CommitmentAmounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a commitment promises in another currency of its plan."""

    amounts: tuple[Decimal, ...]


class LimitAmounts(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The least and the most in another currency of the plan."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None


class Commitment(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A promised minimum, drawn down by what is charged for.

    `amounts` are those of successive periods or years since the subscription began; the last one
    stays. Only `prices` (by key) draw it down; without any, all do. What goes beyond it costs
    `overage_factor` times its price. With `has_true_up` what is missing when its time is over is
    owed too; without, it only marks where overage begins. `prorates` shrinks it with a time that is
    cut short. A promised `QUANTITY` is of one price, and worth what it costs by that price's rule.
    `in_currency` has the amounts for the plan's other currencies; a quantity is the same in all.
    """

    key: str
    name: str
    amounts: tuple[Decimal, ...]
    promise: Promise = Promise.AMOUNT
    per: Per = Per.PERIOD
    prices: tuple[str, ...] = ()
    overage_factor: Decimal = Decimal(1)
    has_true_up: bool = True
    prorates: bool = True
    in_currency: dict[str, CommitmentAmounts] = {}

    def priced_in(self, currency: str) -> Commitment:
        """The commitment with the amounts of one currency alone: its first where it has none."""
        if not self.in_currency:
            return self
        said = self.in_currency.get(currency)
        amounts = self.amounts if said is None else said.amounts
        return msgspec.structs.replace(self, amounts=amounts, in_currency={})

    def check_currencies(self, currencies: Sequence[str]) -> None:
        """Refuse to lack amounts in one of a plan's other `currencies`, or to have more."""
        if self.promise is Promise.QUANTITY:
            currencies = ()
        check_in_currencies("Commitment", self.key, self.in_currency, currencies)

    def amount(self, number: int) -> Decimal:
        """What is promised of the period or year of that number, counted from 0."""
        return self.amounts[min(number, len(self.amounts) - 1)]

    def check(self) -> None:
        """Refuse a promise that nobody could keep or check."""
        check_named(self.key, self.name, "commitment")
        _check_stages(self.amounts, "amounts")
        for currency, said in self.in_currency.items():
            field = f"in_currency/{currency}/amounts"
            _check_stages(said.amounts, field)
            if len(said.amounts) != len(self.amounts):
                raise Invalid(
                    "stages_differ",
                    f"In {currency} the ramp has {len(said.amounts)} amounts, and "
                    f"{len(self.amounts)} otherwise.",
                    field=field,
                    mend="Send as many amounts in every currency.",
                )
        if self.per is Per.TOTAL and len(self.amounts) > 1:
            raise Invalid(
                "ramp_of_total",
                "A commitment in total has one amount.",
                field="amounts",
                mend="Send one amount, or per period or year.",
            )
        check_amount(self.overage_factor, "overage_factor")
        if self.promise is Promise.QUANTITY and (
            len(self.prices) != 1 or self.per is not Per.PERIOD
        ):
            raise Invalid(
                "quantity_of_one_price",
                "A promised quantity is of one price, in each period.",
                field="prices",
                mend="Name one price and per period, or promise an amount.",
            )


def _check_stages(amounts: Sequence[Decimal], field: str) -> None:
    if not 1 <= len(amounts) <= MOST_STAGES:
        raise Invalid(
            "stages_out_of_range",
            f"The commitment has {len(amounts)} amounts.",
            field=field,
            mend=f"Send 1 to {MOST_STAGES} amounts, one for each period or year of a ramp.",
        )
    for place, amount in enumerate(amounts):
        check_amount(amount, f"{field}/{place}")


class SpendLimit(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The least and the most that is charged for `prices` (by key; without any, for all) together.

    What is above the `maximum` is given back when a billing period ends; what is missing to the
    `minimum` is owed when its time is over. `prorates` shrinks both with a time that is cut short.
    One of a `CUSTOMER` counts all that the customer is billed for, by whatever subscription, and is
    met by the bill of the one that has it. `in_currency` has both for the plan's other currencies.
    """

    key: str
    name: str
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    per: Per = Per.PERIOD
    prices: tuple[str, ...] = ()
    whose: Whose = Whose.SUBSCRIPTION
    prorates: bool = True
    in_currency: dict[str, LimitAmounts] = {}

    def priced_in(self, currency: str) -> SpendLimit:
        """The limit with the amounts of one currency alone: its first where it has none."""
        if not self.in_currency:
            return self
        said = self.in_currency.get(currency, LimitAmounts(self.minimum, self.maximum))
        return msgspec.structs.replace(
            self, minimum=said.minimum, maximum=said.maximum, in_currency={}
        )

    def check_currencies(self, currencies: Sequence[str]) -> None:
        """Refuse to lack amounts in one of a plan's other `currencies`, or to have more."""
        check_in_currencies("Limit", self.key, self.in_currency, currencies)

    def check(self) -> None:
        """Refuse limits that cannot be kept."""
        if self.whose is Whose.CUSTOMER and self.prices:
            raise Invalid(
                "customer_of_all_prices",
                "A limit on all that a customer spends is about no single prices.",
                field="prices",
                mend="Leave prices out, or whose.",
            )
        check_named(self.key, self.name, "limit")
        if self.minimum is None and self.maximum is None:
            raise Invalid(
                "no_limit",
                "The limit has neither a least nor a most.",
                field="minimum",
                mend="Send a minimum, a maximum or both.",
            )
        check_limits(self.minimum, self.maximum)
        for currency, said in self.in_currency.items():
            within(f"in_currency/{currency}", partial(self._check_same_kind, said, currency))

    def _check_same_kind(self, said: LimitAmounts, currency: str) -> None:
        """A least in one currency and none in another would be two plans."""
        check_limits(said.minimum, said.maximum)
        for field in ("minimum", "maximum"):
            if (getattr(said, field) is None) != (getattr(self, field) is None):
                has = "no" if getattr(said, field) is None else "a"
                raise Invalid(
                    "limit_differs",
                    f"In {currency} the limit has {has} {field}, otherwise than elsewhere.",
                    field=field,
                    mend=f"Send a {field} in every currency, or in none.",
                )


_LONGER = {Per.PERIOD: 0, Per.YEAR: 1, Per.TOTAL: 2}


def is_of_customer(condition: Commitment | SpendLimit) -> bool:
    """Whether it counts all that the customer has."""
    return isinstance(condition, SpendLimit) and condition.whose is Whose.CUSTOMER


def width_of(condition: Commitment | SpendLimit) -> tuple[bool, int, bool, int]:
    """How much a condition is about: whose, over which time, how many prices; narrow ones first."""
    prices = condition.prices
    return is_of_customer(condition), _LONGER[condition.per], not prices, len(prices)


def is_within(inner: Commitment | SpendLimit, outer: Commitment | SpendLimit) -> bool:
    """Whether all that one condition is about, another is about too."""
    covers = not outer.prices or (bool(inner.prices) and set(inner.prices) <= set(outer.prices))
    covers &= is_of_customer(inner) <= is_of_customer(outer)
    return covers and _LONGER[inner.per] <= _LONGER[outer.per]


def are_apart(one: Commitment | SpendLimit, other: Commitment | SpendLimit) -> bool:
    """Whether no price is in both."""
    return bool(one.prices and other.prices) and not set(one.prices) & set(other.prices)


def check_named(key: str, name: str, what: str) -> None:
    """A key, and a name to print."""
    checked_key(key)
    if not name.strip():
        raise Invalid(
            "no_name",
            f"A {what} needs a name; it is printed on the invoice.",
            field="name",
            mend="Send a name.",
        )


def check_in_currencies(
    what: str, key: str, in_currency: Mapping[str, object], currencies: Sequence[str]
) -> None:
    """Refuse one of a plan's other `currencies` that has no amounts, and amounts in no such one."""
    for currency in currencies:
        if currency not in in_currency:
            raise Invalid(
                "currency_without_amount",
                f"The plan is sold in {currency}, and {what.lower()} {key!r} has no amounts in it.",
                field=f"in_currency/{currency}",
                mend=f"Send its amounts in {currency}, or leave {currency} out of currencies.",
            )
    for currency in in_currency:
        if currency not in currencies:
            raise Invalid(
                "amount_without_currency",
                f"{what} {key!r} has amounts in {currency}, which are never used.",
                field=f"in_currency/{currency}",
                mend=f"Add {currency} to the plan's currencies, or leave the amounts out.",
            )


def check_prices_known(prices: tuple[str, ...], known: Container[str]) -> None:
    """Refuse a key that no price of the plan has, and one that is named twice."""
    for place, key in enumerate(prices):
        if key not in known:
            raise Invalid(
                "unknown_price",
                f"The plan has no price {key[:60]!r}.",
                field=f"prices/{place}",
                mend="Name the key of a price of the same plan.",
            )
        if key in prices[:place]:
            raise Invalid(
                "price_named_twice",
                f"The price {key!r} is named twice.",
                field=f"prices/{place}",
                mend="Name it once.",
            )
