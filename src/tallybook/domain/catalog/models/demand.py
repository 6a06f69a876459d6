"""`demand`: what counts is the highest window, not the sum."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from tallybook.domain.catalog.models.bands import BandedRule
from tallybook.domain.catalog.models.rule import check_positive, total
from tallybook.domain.catalog.usage_need import Circumstances, Portion, UsageNeed, check_window
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step, line, part
from tallybook.domain.kernel.errors import Invalid


class Demand(BandedRule, frozen=True, kw_only=True, tag="demand"):
    """Each band's rule is applied to the highest of the period's windows that fall in the band.

    `multiplier` turns a window's quantity into a rate: kWh in a quarter of an hour times 4 are kW.
    Times that no band has set no demand. Of equal peaks the first is named.
    """

    measured_by: str = "hour"
    multiplier: Decimal = Decimal(1)

    sentences: ClassVar[Sentences] = {
        "peak": {
            "en": "Highest {window}: {peak}, from {at}",
            "sv": "Högsta {window}: {peak}, från {at}",
            "de": "Höchster Wert ({window}): {peak}, ab {at}",
        },
    }

    @property
    def need(self) -> UsageNeed:
        """Usage by the windows in which demand is measured."""
        return UsageNeed(window=self.measured_by, timezone=self.timezone)

    def check(self) -> None:
        super().check()
        check_window(self.measured_by, "measured_by")
        check_positive(self.multiplier, "multiplier", "A multiplier")
        if self.measured_by != "minute" and self.window == "minute":
            raise Invalid(
                "window_across_bands",
                f"A window of {self.measured_by} is cut by the edge of a band.",
                field="measured_by",
                mend="Let bands begin and end at full hours.",
            )

    def rate_portions(self, portions: Sequence[Portion], circumstances: Circumstances) -> RatedLine:
        steps: list[Step] = []
        for band, inside in self.banded(portions, circumstances):
            if band is None:
                continue
            highest = max(inside, key=lambda portion: portion.quantity)
            peak = highest.quantity * self.multiplier
            if not peak:
                continue
            at = circumstances.local_time(highest, self.timezone)
            labels = {"part": band.name, "window": self.measured_by, "at": f"{at:%Y-%m-%d %H:%M}"}
            steps.append(Step("peak", highest.quantity, ZERO, ZERO, {"peak": peak}, labels))
            steps += part(band.name, band.rule.rate(peak))
        return line(total(portions), *steps)
