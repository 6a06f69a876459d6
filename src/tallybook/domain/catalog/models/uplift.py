"""`uplift`: a percentage of what was gained over a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import (
    PortionRule,
    check_amount,
    check_distinct,
    check_rate,
    total,
)
from tallybook.domain.catalog.usage_need import Circumstances, Portion, UsageNeed
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step, line


class Uplift(PortionRule, frozen=True, tag="uplift"):
    """`rate_pct` of the amount by which the measured value exceeds the baseline; never below zero.

    The meter adds up amounts of money, by a dimension that tells the measured ones from those of
    the baseline (a group held out, scaled by whoever sends it). `baseline_amount` is added to what
    is measured of the baseline: alone it is a baseline that was agreed on.
    """

    rate_pct: Decimal
    baseline_amount: Decimal = Decimal(0)
    dimension: str = "arm"
    measured: str = "measured"
    baseline: str = "baseline"

    sentences: ClassVar[Sentences] = {
        "uplift": {
            "en": "{percent}% of the uplift of {base} over the baseline = {amount}",
            "sv": "{percent}\u00a0% av ökningen på {base} över utgångsläget = {amount}",
            "de": "{percent}\u00a0% des Zuwachses von {base} über die Ausgangsbasis = {amount}",
        },
        "measured": {
            "en": "Measured: {base}",
            "sv": "Uppmätt: {base}",
            "de": "Gemessen: {base}",
        },
        "baseline": {
            "en": "Baseline: {base}",
            "sv": "Utgångsläge: {base}",
            "de": "Ausgangsbasis: {base}",
        },
    }

    @property
    def need(self) -> UsageNeed:
        """Usage by the dimension that tells the arms apart."""
        return UsageNeed(group_by=(self.dimension,))

    def check(self) -> None:
        check_rate(self.rate_pct)
        check_amount(self.baseline_amount, "baseline_amount")
        check_distinct({"measured": self.measured, "baseline": self.baseline})

    def prorated(self, within: InForce) -> Self:
        return msgspec.structs.replace(self, baseline_amount=within.units(self.baseline_amount))

    def rate_portions(self, portions: Sequence[Portion], _: Circumstances) -> RatedLine:
        sums = {self.measured: ZERO, self.baseline: self.baseline_amount}
        for portion in portions:
            arm = portion.dimensions.get(self.dimension, "")
            if arm in sums:
                sums[arm] += portion.quantity
        gained = max(sums[self.measured] - sums[self.baseline], ZERO)
        rate = self.rate_pct.scaleb(-2)
        return line(
            total(portions),
            Step("measured", sums[self.measured], ZERO, ZERO),
            Step("baseline", sums[self.baseline], ZERO, ZERO),
            Step("uplift", gained, rate, gained * rate, {"percent": self.rate_pct}),
        )
