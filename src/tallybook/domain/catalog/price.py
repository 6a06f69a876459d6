"""Prices: rules from usage to amount. Amounts are in major units of the plan's currency."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.adjustments import Conversion, NegativeQuantity, check_limits
from tallybook.domain.catalog.in_force import InForce, Piece, Prorates
from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.models.bucketed import Bucketed
from tallybook.domain.catalog.models.capacity import Capacity
from tallybook.domain.catalog.models.composite import Composite
from tallybook.domain.catalog.models.demand import Demand
from tallybook.domain.catalog.models.filtered import Filtered
from tallybook.domain.catalog.models.flat import Flat
from tallybook.domain.catalog.models.graduated import Graduated
from tallybook.domain.catalog.models.matrix import Matrix
from tallybook.domain.catalog.models.outcome import Outcome
from tallybook.domain.catalog.models.package import Package
from tallybook.domain.catalog.models.per_unit import PerUnit
from tallybook.domain.catalog.models.percentage import Percentage
from tallybook.domain.catalog.models.price_list import PriceList
from tallybook.domain.catalog.models.quantity_rule import QuantityRule
from tallybook.domain.catalog.models.rate_card import RateCard
from tallybook.domain.catalog.models.rule import Rule, check_amount, check_percent, within
from tallybook.domain.catalog.models.tiers import Tier
from tallybook.domain.catalog.models.time_of_use import TimeOfUse
from tallybook.domain.catalog.models.uplift import Uplift
from tallybook.domain.catalog.models.volume import Volume
from tallybook.domain.catalog.usage_need import UsageNeed
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.kernel.instants import Span

__all__ = [
    "AnyRule",
    "Flat",
    "Graduated",
    "Package",
    "PerUnit",
    "Price",
    "Rule",
    "Tier",
    "Timing",
    "Volume",
]

AnyRule = (
    QuantityRule
    | Percentage
    | Matrix
    | Filtered
    | Composite
    | Capacity
    | Bucketed
    | TimeOfUse
    | Demand
    | Outcome
    | Uplift
    | RateCard
    | PriceList
)  # fmt: skip
"""Every pricing model, told apart by `model`."""


_HALF = InForce(
    (
        Piece(
            Span(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 16, tzinfo=UTC)),
            Span(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)),
        ),
    ),
    "UTC",
)
"""Half a period, to see what shrinks."""


class Timing(StrEnum):
    """Whether a fee is owed for the period that begins, for the one that ended, or once."""

    IN_ADVANCE = "in_advance"
    IN_ARREARS = "in_arrears"
    ONCE = "once"


class Amounts(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a price says in another currency of its plan: the rule and its limits anew."""

    rule: AnyRule
    maximum: Decimal | None = None
    minimum: Decimal | None = None

    def check(self) -> None:
        """Refuse amounts that cannot be what was meant."""
        within("rule", self.rule.check)
        check_limits(self.minimum, self.maximum)


class Price(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a plan charges for: a fee (no meter) or the usage of a meter.

    `key` is unique within the plan and stays the same over its versions. `match` keeps the usage
    with these dimension values only. Usage is always charged in arrears. A fee in advance with an
    `interval` is owed by a clock of its own: once a year, say, while usage is billed monthly.

    Around the rule, in this order: `conversion` of the unit, `allowance` (units included a period),
    the rule, `discount_pct`, `maximum`, `minimum`.

    A fee that is an add-on (`is_optional`) is owed once somebody takes some of it. `in_currency`
    has the amounts for the plan's other currencies. `product` is what is sold by it. `prorates` is
    what of a usage price shrinks where it is in force for a part of a period.
    """

    key: str
    name: str
    rule: AnyRule
    meter: str | None = None
    match: dict[str, str] = {}
    timing: Timing = Timing.IN_ARREARS
    interval: Interval | None = None
    interval_count: int = 1
    conversion: Conversion | None = None
    allowance: Decimal = Decimal(0)
    discount_pct: Decimal = Decimal(0)
    maximum: Decimal | None = None
    minimum: Decimal | None = None
    negative_quantity: NegativeQuantity = NegativeQuantity.FREE
    is_optional: bool = False
    in_currency: dict[str, Amounts] = {}
    product: str = ""
    prorates: Prorates = Prorates.NONE

    def priced_in(self, currency: str) -> Price:
        """The price with the amounts of one currency alone: the plan's first where it has none."""
        if not self.in_currency:
            return self
        amounts = self.in_currency.get(currency)
        if amounts is None:
            return msgspec.structs.replace(self, in_currency={})
        return msgspec.structs.replace(
            self,
            rule=amounts.rule,
            maximum=amounts.maximum,
            minimum=amounts.minimum,
            in_currency={},
        )

    def prorated(self, within: InForce) -> Price:
        """The price as it is for a part of a period, by what it says that shrinks."""
        return msgspec.structs.replace(
            self,
            rule=self.rule.prorated(within),
            allowance=within.units(self.allowance),
            maximum=within.limit(self.maximum),
            minimum=within.limit(self.minimum),
        )

    @property
    def need(self) -> UsageNeed:
        """How the meter's usage, after `match`, must be split to be rated."""
        return self.rule.need

    @property
    def is_adjusted(self) -> bool:
        """Whether anything is done around the rule."""
        return bool(
            self.conversion is not None
            or self.allowance
            or self.discount_pct
            or self.maximum is not None
            or self.minimum is not None
        )

    def check(self) -> None:
        """Refuse a price that cannot be what was meant, with the field's path and the mend."""
        checked_key(self.key)
        if not self.name.strip():
            raise Invalid(
                "no_name",
                "A price needs a name; it is printed on the invoice.",
                field="name",
                mend="Send a name, such as Input tokens.",
            )
        within("rule", self.rule.check)
        if self.conversion is not None:
            within("conversion", self.conversion.check)
        check_amount(self.allowance, "allowance")
        check_percent(self.discount_pct, "discount_pct")
        if self.discount_pct > 100:
            raise Invalid(
                "discount_above_100",
                f"A discount of {self.discount_pct} % would pay the customer.",
                field="discount_pct",
                mend="Send 0 to 100.",
            )
        check_limits(self.minimum, self.maximum)
        for currency, amounts in self.in_currency.items():
            within(f"in_currency/{currency}", amounts.check)
            if amounts.rule.need != self.need:
                raise Invalid(
                    "usage_differs",
                    f"In {currency} the price would need usage that is split otherwise.",
                    field=f"in_currency/{currency}/rule",
                    mend="Use the same dimensions and windows in every currency.",
                )
        self._check_clock()
        self._check_source()
        self._check_prorates()

    def _check_clock(self) -> None:
        """A clock of its own is for fees in advance."""
        if self.interval is None:
            if self.interval_count != 1:
                raise Invalid(
                    "count_without_interval",
                    "interval_count counts intervals, and this price has none.",
                    field="interval_count",
                    mend="Send interval too, or leave interval_count out.",
                )
            return
        if not 1 <= self.interval_count <= 100:
            raise Invalid(
                "interval_count_out_of_range",
                f"A period of {self.interval_count} intervals cannot be billed.",
                field="interval_count",
                mend="Send 1 to 100.",
            )
        if self.meter is not None or self.timing is not Timing.IN_ADVANCE:
            raise Invalid(
                "clock_in_arrears",
                "Only a fee in advance is owed by a clock of its own.",
                field="interval",
                mend="Leave interval out, or send timing in_advance and no meter.",
            )

    def _check_prorates(self) -> None:
        """A fee is charged for its share of a period anyway; and something must shrink."""
        if self.prorates is Prorates.NONE:
            return
        if self.meter is None:
            raise Invalid(
                "fee_prorates",
                "A fee is charged for its share of a period without being told to.",
                field="prorates",
                mend="Leave prorates out of prices that have no meter.",
            )
        if not self._shrinks:
            raise Invalid(
                "nothing_to_prorate",
                f"Nothing of the price is for a whole period in {self.prorates.value}, so that "
                "nothing would shrink.",
                field="prorates",
                mend="Leave it out; or send all, if the price has flat amounts or limits.",
            )

    @property
    def _shrinks(self) -> bool:
        """Whether the half of a period would be another price."""
        half = msgspec.structs.replace(_HALF, prorates=self.prorates)
        amounts = (self.minimum, self.maximum) if self.prorates is Prorates.ALL else ()
        return bool(self.allowance or any(amounts)) or self.rule.shrinks(half)

    def _check_source(self) -> None:
        """What only usage can have is refused of a fee, and the reverse."""
        if self.meter is not None:
            if self.timing is not Timing.IN_ARREARS:
                raise Invalid(
                    "usage_in_advance",
                    "Usage is known only once it has happened.",
                    field="timing",
                    mend="Leave timing out of prices that have a meter.",
                )
            if self.is_optional:
                raise Invalid(
                    "usage_optional",
                    "Usage is charged as it is counted; only a fee can be an add-on.",
                    field="is_optional",
                    mend="Leave is_optional out of prices that have a meter.",
                )
            return
        if self.match:
            raise Invalid(
                "match_without_meter",
                "match narrows the usage of a meter, and this price has none.",
                field="match",
                mend="Name the meter, or leave match out.",
            )
        if not self.need.is_one_quantity:
            raise Invalid(
                "rule_needs_meter",
                "This pricing model needs usage that is split, and a fee has none.",
                field="meter",
                mend="Name the meter whose usage it charges.",
            )
