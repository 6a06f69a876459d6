"""Plans: named sets of prices whose versions never change once published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.price import Price
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.kernel.identifiers import checked_key, derived_id
from tallybook.domain.kernel.money import minor_digits

__all__ = ["MOST_PRICES", "Interval", "PlanTerms", "PlanVersion", "publish", "terms_of"]

MOST_PRICES = 500
"""Prices that one plan may have: each is a row of the invoice."""


class PlanTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a plan says: prices in one currency, billed every `interval_count` intervals."""

    plan_key: str = msgspec.field(name="key")
    name: str
    currency: str
    interval: Interval = Interval.MONTH
    interval_count: int = 1
    prices: tuple[Price, ...]

    def check(self) -> None:
        """Refuse terms that nobody could be billed by, with the field's path and the mend."""
        checked_key(self.plan_key)
        if not self.name.strip():
            raise Invalid(
                "no_name",
                "A plan needs a name; it is printed on the invoice.",
                field="name",
                mend="Send a name, such as Pro.",
            )
        minor_digits(self.currency)
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
        self._check_prices()

    def _check_prices(self) -> None:
        taken: dict[str, int] = {}
        for index, price in enumerate(self.prices):
            try:
                price.check()
            except Refusal as refusal:
                raise refusal.at(f"prices/{index}") from None
            if price.key in taken:
                raise Invalid(
                    "price_key_taken",
                    f"Prices {taken[price.key]} and {index} are both called {price.key!r}.",
                    field=f"prices/{index}/key",
                    mend="Give each price of the plan a key of its own.",
                )
            taken[price.key] = index

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
    def has_clocks(self) -> bool:
        """Whether a fee is owed by a clock of its own."""
        return any(price.interval is not None for price in self.prices)

    @property
    def meters(self) -> tuple[str, ...]:
        """Keys of the meters that the prices name, each once."""
        return tuple(dict.fromkeys(price.meter for price in self.prices if price.meter is not None))


class PlanVersion(PlanTerms, frozen=True, kw_only=True):
    """One immutable set of terms, the `version`th of the plan."""

    id: str
    version: int
    created_at: datetime


def publish(
    terms: PlanTerms, latest: PlanVersion | None, *, organization_id: str, now: datetime
) -> PlanVersion:
    """The version that holds `terms`: the latest if it says the same, else one more."""
    if latest is not None and terms_of(latest) == terms:
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
