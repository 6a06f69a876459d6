"""Plans: named sets of prices whose versions never change once published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial

import msgspec

from tallybook.domain.catalog.conditions import Conditions, condition_checks
from tallybook.domain.catalog.coupon import Stacking
from tallybook.domain.catalog.feature import Grant, check_grants
from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.shared_allowance import SharedAllowance
from tallybook.domain.catalog.spending import Commitment, Per, SpendLimit, is_of_customer
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.kernel.identifiers import checked_key, derived_id
from tallybook.domain.kernel.money import minor_digits

__all__ = [
    "MOST_PRICES",
    "Interval",
    "PlanTerms",
    "PlanVersion",
    "publish",
    "terms_of",
    "version_id_of",
]

MOST_PRICES = 500
"""Prices that one plan may have: each is a row of the invoice."""


class PlanTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a plan says: its prices, what it grants, billed every `interval_count` intervals.

    Prices are in `currency`. In each of the other `currencies` every price, commitment and limit
    has amounts of its own; a customer's currency chooses. Conditions act on a bill as a whole:
    `shared_allowances`, `commitments`, `spend_limits`; `coupon_order` says in which order coupons
    do.
    """

    plan_key: str = msgspec.field(name="key")
    name: str
    currency: str
    currencies: tuple[str, ...] = ()
    interval: Interval = Interval.MONTH
    interval_count: int = 1
    prices: tuple[Price, ...]
    grants: tuple[Grant, ...] = ()
    shared_allowances: tuple[SharedAllowance, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    spend_limits: tuple[SpendLimit, ...] = ()
    coupon_order: Stacking = Stacking.AS_LISTED

    def check(self) -> None:
        """Refuse terms that nobody could be billed by, with the field's path and the mend."""
        for check in self._checks():
            check()

    def problems(self) -> tuple[Refusal, ...]:
        """Everything that `check` would refuse, for a draft that need not be right yet."""
        found = []
        for check in self._checks():
            try:
                check()
            except Refusal as refusal:
                found.append(refusal)
        return tuple(found)

    def _checks(self) -> Iterator[Callable[[], object]]:
        yield partial(checked_key, self.plan_key)
        yield self._check_name
        yield self._check_currencies
        yield self._check_size
        for index, price in enumerate(self.prices):
            yield partial(self._check_price, index, price)
        yield partial(check_grants, self.grants)
        yield from condition_checks(self._conditions)

    def _check_name(self) -> None:
        if not self.name.strip():
            raise Invalid(
                "no_name",
                "A plan needs a name; it is printed on the invoice.",
                field="name",
                mend="Send a name, such as Pro.",
            )

    def _check_currencies(self) -> None:
        minor_digits(self.currency)
        taken = [self.currency]
        for index, currency in enumerate(self.currencies):
            minor_digits(currency, field=f"currencies/{index}")
            if currency in taken:
                raise Invalid(
                    "currency_twice",
                    f"The plan has {currency} twice.",
                    field=f"currencies/{index}",
                    mend="Name each of the other currencies once.",
                )
            taken.append(currency)

    def _check_size(self) -> None:
        if not 1 <= self.interval_count <= 100:
            raise Invalid(
                "interval_count_out_of_range",
                f"A period of {self.interval_count} intervals cannot be billed.",
                field="interval_count",
                mend="Send 1 to 100.",
            )
        if not 1 <= len(self.prices) <= MOST_PRICES:
            raise Invalid(
                "price_count_out_of_range",
                f"The plan has {len(self.prices)} prices.",
                field="prices",
                mend=f"Send 1 to {MOST_PRICES} prices.",
            )

    def _check_price(self, index: int, price: Price) -> None:
        try:
            price.check()
            self._check_amounts(price)
        except Refusal as refusal:
            raise refusal.at(f"prices/{index}") from None
        keys = [other.key for other in self.prices[:index]]
        if price.key in keys:
            raise Invalid(
                "price_key_taken",
                f"Prices {keys.index(price.key)} and {index} are both called {price.key!r}.",
                field=f"prices/{index}/key",
                mend="Give each price of the plan a key of its own.",
            )

    def _check_amounts(self, price: Price) -> None:
        """Each price has amounts in every currency of the plan, and in no other."""
        for currency in self.currencies:
            if currency not in price.in_currency:
                raise Invalid(
                    "currency_without_price",
                    f"The plan is sold in {currency}, and price {price.key!r} has no amounts "
                    "in it.",
                    field=f"in_currency/{currency}",
                    mend=f"Send its rule in {currency}, or leave {currency} out of currencies.",
                )
        for currency in price.in_currency:
            if currency not in self.currencies:
                raise Invalid(
                    "price_without_currency",
                    f"Price {price.key!r} has amounts in {currency}, and the plan is not sold "
                    "in it.",
                    field=f"in_currency/{currency}",
                    mend=f"Add {currency} to the plan's currencies, or leave the amounts out.",
                )

    def check_meters(self, dimensions: Mapping[str, tuple[str, ...]]) -> None:
        """Refuse prices of meters that are not there, or that lack a dimension they are split by.

        `dimensions` are those of the meters that exist, by meter key.
        """
        for index, price in enumerate(self.prices):
            if price.meter is None:
                continue
            if price.meter not in dimensions:
                raise Invalid(
                    "unknown_meter",
                    f"There is no meter {price.meter!r}.",
                    field=f"prices/{index}/meter",
                    mend="Make the meter first, or correct its key.",
                )
            known = dimensions[price.meter]
            asked = [(name, f"match/{name}") for name in price.match]
            asked += [(name, "rule") for name in price.need.group_by]
            for name, field in asked:
                if name not in known:
                    raise Invalid(
                        "unknown_dimension",
                        f"Meter {price.meter!r} has no dimension {name!r}; "
                        f"it has {', '.join(known) or 'none'}.",
                        field=f"prices/{index}/{field}",
                        mend="Add the dimension to the meter, or name one that it has.",
                    )

    @property
    def _conditions(self) -> Conditions:
        return Conditions(
            {price.key: price for price in self.prices},
            self.shared_allowances,
            self.commitments,
            self.spend_limits,
            self.currencies,
        )

    @property
    def has_conditions(self) -> bool:
        """Whether anything acts on its bills as a whole."""
        return bool(self.shared_allowances or self.commitments or self.spend_limits)

    @property
    def keeps_units(self) -> bool:
        """Whether units that prices share are kept for later periods."""
        return any(allowance.keeps_periods for allowance in self.shared_allowances)

    @property
    def counts_customer(self) -> bool:
        """Whether a condition counts all that a customer has."""
        return any(is_of_customer(limit) for limit in self.spend_limits)

    @property
    def counted_per(self) -> frozenset[Per]:
        """The times over which its conditions count spending."""
        of_commitments = {commitment.per for commitment in self.commitments}
        return frozenset(of_commitments | {limit.per for limit in self.spend_limits})

    @property
    def has_clocks(self) -> bool:
        """Whether a fee is owed by a clock of its own."""
        return any(price.interval is not None for price in self.prices)

    @property
    def all_currencies(self) -> tuple[str, ...]:
        """The currencies that it is sold in, its first one first."""
        return (self.currency, *self.currencies)

    @property
    def meters(self) -> tuple[str, ...]:
        """Keys of the meters that the prices name, each once."""
        return tuple(dict.fromkeys(price.meter for price in self.prices if price.meter is not None))


class PlanVersion(PlanTerms, frozen=True, kw_only=True):
    """One immutable set of terms, the `version`th of the plan.

    One that is retired takes no new subscribers; those that it has stay.
    """

    id: str
    version: int
    created_at: datetime
    retired_at: datetime | None = None

    def priced_in(self, currency: str) -> PlanVersion:
        """The version as it is sold in one currency, by an id of its own.

        In a currency that it is not sold in, as in its first.
        """
        if currency not in self.currencies:
            currency = self.currency
        if not self.currencies:
            return self
        return msgspec.structs.replace(
            self,
            id=self.id if currency == self.currency else f"{self.id}.{currency}",
            currency=currency,
            currencies=(),
            prices=tuple(price.priced_in(currency) for price in self.prices),
            commitments=tuple(each.priced_in(currency) for each in self.commitments),
            spend_limits=tuple(each.priced_in(currency) for each in self.spend_limits),
        )


def version_id_of(priced_id: str) -> tuple[str, str]:
    """The id of the version that one in a currency is of, and the currency; "" for its first."""
    version_id, _, currency = priced_id.partition(".")
    return version_id, currency


def publish(
    terms: PlanTerms, latest: PlanVersion | None, *, organization_id: str, now: datetime
) -> PlanVersion:
    """The version that holds `terms`: the latest if it says the same and is sold, else one more."""
    if latest is not None and latest.retired_at is None and terms_of(latest) == terms:
        return latest
    version = 1 if latest is None else latest.version + 1
    return PlanVersion(
        id=derived_id("plan", organization_id, terms.plan_key, str(version)),
        version=version,
        created_at=now,
        **{name: getattr(terms, name) for name in PlanTerms.__struct_fields__},
    )


def terms_of(version: PlanTerms) -> PlanTerms:
    """What a version says, without its number and date."""
    return PlanTerms(**{name: getattr(version, name) for name in PlanTerms.__struct_fields__})
