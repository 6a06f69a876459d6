"""`time_of_use`: usage costs what the band of time costs that it falls in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.bands import BandedRule
from tallybook.domain.catalog.models.rule import total
from tallybook.domain.catalog.usage_need import Circumstances, Portion, UsageNeed
from tallybook.domain.catalog.working import RatedLine, Sentences, Step, line, part


class TimeOfUse(BandedRule, frozen=True, tag="time_of_use"):
    """The usage of each band is added over the period and rated by the band's rule.

    Every moment is in one band: the first that it fits. An hour that the clock repeats in autumn is
    in the band of its name both times. Bands without usage are not rated.
    """

    sentences: ClassVar[Sentences] = {}

    @property
    def need(self) -> UsageNeed:
        """Usage by windows that add up."""
        return UsageNeed(window=self.window, timezone=self.timezone, adds_windows=True)

    def check(self) -> None:
        super().check()
        self.check_gaps()

    def prorated(self, within: InForce) -> Self:
        bands = tuple(
            msgspec.structs.replace(band, rule=band.rule.prorated(within)) for band in self.bands
        )
        return msgspec.structs.replace(self, bands=bands)

    def rate_portions(self, portions: Sequence[Portion], circumstances: Circumstances) -> RatedLine:
        steps: list[Step] = []
        for band, inside in self.banded(portions, circumstances):
            assert band is not None, "bands leave no gap"
            quantity = total(inside)
            if quantity:
                steps += part(band.name, band.rule.rate(quantity))
        return line(total(portions), *steps)
