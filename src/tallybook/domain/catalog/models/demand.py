"""`demand`: what counts is the highest window, not the sum."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from tallybook.domain.catalog.models.bands import BandedRule
from tallybook.domain.catalog.models.rule import check_positive, total
from tallybook.domain.catalog.usage_need import Circumstances, Portion, UsageNeed
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step, line, part
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import zone

_WINDOWS = (1, 5, 10, 15, 20, 30, 60)


class Demand(BandedRule, frozen=True, kw_only=True, tag="demand"):
    """Each band's rule is applied to the highest of the period's windows that fall in the band.

    `multiplier` turns a window's quantity into a rate: kWh in a quarter of an hour times 4 are kW.
    Times that no band has set no demand; the working says how much was used then. Of equal peaks
    the first is named. `unit` is what the rate is in, such as kW; the meter's unit if empty.
    """

    window_minutes: int = 60
    multiplier: Decimal = Decimal(1)
    unit: str = ""

    sentences: ClassVar[Sentences] = {
        "peak": {
            "en": (
                "Highest use in {minutes} {minutes:minute|minutes}: {peak} {unit:peak}, from {at}"
            ),
            "sv": (
                "Högsta användning under {minutes} {minutes:minut|minuter}: {peak} {unit:peak}, "
                "från {at}"
            ),
            "de": (
                "Höchste Nutzung in {minutes} {minutes:Minute|Minuten}: {peak} {unit:peak}, ab {at}"
            ),
        },
        "no_demand": {
            "en": "{quantity} {unit} at times that set no demand: not charged",
            "sv": "{quantity} {unit} på tider då effekten inte räknas: debiteras inte",
            "de": "{quantity} {unit} zu Zeiten, in denen keine Spitze zählt: nicht berechnet",
        },
    }

    @property
    def need(self) -> UsageNeed:
        """Usage by the windows in which demand is measured, or by the minutes in them."""
        window = "hour" if self.window_minutes == 60 else "minute"
        return UsageNeed(window=window, timezone=self.timezone)

    def check(self) -> None:
        super().check()
        check_positive(self.multiplier, "multiplier", "A multiplier")
        if self.window_minutes not in _WINDOWS:
            raise Invalid(
                "unknown_window",
                f"Demand cannot be measured in windows of {self.window_minutes} minutes.",
                field="window_minutes",
                mend=f"Send one of {', '.join(map(str, _WINDOWS))}.",
            )
        if self.window == "minute" and self.window_minutes != 1:
            raise Invalid(
                "window_across_bands",
                "A window of demand is cut by the edge of a band.",
                field="window_minutes",
                mend="Let bands begin and end at full hours, or measure by the minute.",
            )

    def rate_portions(self, portions: Sequence[Portion], circumstances: Circumstances) -> RatedLine:
        steps: list[Step] = []
        for band, inside in self.banded(portions, circumstances):
            if band is None:
                if quantity := total(inside):
                    steps.append(Step("no_demand", quantity, ZERO, ZERO))
                continue
            at, highest = self._highest(inside, circumstances)
            peak = highest * self.multiplier
            if not peak:
                continue
            terms = {"peak": peak, "minutes": Decimal(self.window_minutes)}
            labels = {"part": band.name, "at": f"{at:%Y-%m-%d %H:%M}"}
            if self.unit:
                labels["priced_unit"] = self.unit
            steps.append(Step("peak", highest, ZERO, ZERO, terms, labels))
            steps += part(band.name, band.rule.rate(peak))
        return line(total(portions), *steps)

    def _highest(
        self, portions: Sequence[Portion], circumstances: Circumstances
    ) -> tuple[datetime, Decimal]:
        """The local start of the highest window, and its quantity."""
        windows: dict[datetime, Decimal] = {}
        for portion in portions:
            at = circumstances.starts_at(portion)
            starts = at - timedelta(minutes=at.minute % self.window_minutes)
            windows[starts] = windows.get(starts, ZERO) + portion.quantity
        starts = min(windows, key=lambda window: (-windows[window], window))
        clock = zone(self.timezone or circumstances.timezone)
        return starts.astimezone(clock), windows[starts]
