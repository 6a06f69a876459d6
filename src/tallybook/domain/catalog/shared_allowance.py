"""Units that are included once for several prices, and may be kept for later."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.models.rule import check_positive
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.spending import check_named, check_prices_known
from tallybook.domain.kernel.errors import Invalid

MOST_KEPT_PERIODS = 36


class SharedAllowance(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """`units` included in each billing period, for the usage of all `prices` together.

    They are units that are priced, after a price's conversion, and are used up in the order of the
    plan's prices. What is left is good for `keeps_periods` more periods; no more than
    `keeps_at_most` is carried in all. `prorates` shrinks the units of a period that is cut short.
    """

    key: str
    name: str
    units: Decimal
    prices: tuple[str, ...]
    keeps_periods: int = 0
    keeps_at_most: Decimal | None = None
    prorates: bool = False

    def check(self, prices: Mapping[str, Price]) -> None:
        """Refuse an allowance of nothing, or of prices that cannot share one."""
        check_named(self.key, self.name, "shared allowance")
        check_positive(self.units, "units", "An allowance")
        if not self.prices:
            raise Invalid(
                "no_prices",
                "The allowance is for no price.",
                field="prices",
                mend="Name the prices whose usage it covers.",
            )
        check_prices_known(self.prices, prices)
        for place, key in enumerate(self.prices):
            if prices[key].meter is None or prices[key].allowance or prices[key].need.each_event:
                raise Invalid(
                    "price_cannot_share",
                    f"The price {key!r} has no usage that could share an allowance: it has no "
                    "meter, an allowance of its own, or charges each event by itself.",
                    field=f"prices/{place}",
                    mend="Leave it out, or take its own allowance away.",
                )
        if not 0 <= self.keeps_periods <= MOST_KEPT_PERIODS:
            raise Invalid(
                "kept_too_long",
                f"What is left cannot be kept for {self.keeps_periods} periods.",
                field="keeps_periods",
                mend=f"Send 0 to {MOST_KEPT_PERIODS}.",
            )
        if self.keeps_at_most is not None:
            check_positive(self.keeps_at_most, "keeps_at_most", "A bound")
            if not self.keeps_periods:
                raise Invalid(
                    "bound_without_keeping",
                    "Nothing is carried over, so there is nothing to bound.",
                    field="keeps_at_most",
                    mend="Send keeps_periods too, or leave keeps_at_most out.",
                )
