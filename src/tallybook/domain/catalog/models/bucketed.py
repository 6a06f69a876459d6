"""`bucketed`: each window of time is rated by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import ClassVar

from tallybook.domain.catalog.models.quantity_rule import QuantityRule
from tallybook.domain.catalog.models.rule import PortionRule, within
from tallybook.domain.catalog.usage_need import (
    Circumstances,
    Portion,
    UsageNeed,
    check_window,
)
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step, line, together

_WINDOWS = {
    "minute": {"en": "minute|minutes", "sv": "minut|minuter", "de": "Minute|Minuten"},
    "hour": {"en": "hour|hours", "sv": "timme|timmar", "de": "Stunde|Stunden"},
    "day": {"en": "day|days", "sv": "dag|dagar", "de": "Tag|Tage"},
    "week": {"en": "week|weeks", "sv": "vecka|veckor", "de": "Woche|Wochen"},
    "month": {"en": "month|months", "sv": "månad|månader", "de": "Monat|Monate"},
    "window": {"en": "part|parts", "sv": "del|delar", "de": "Teil|Teile"},
}
"""How windows are called; `window` is what lines have that were drawn up by earlier versions."""

_EACH = {
    "en": "Rated ONE by ONE: {quantity} {quantity:WINDOW} with usage",
    "sv": "Beräknat ONE för ONE: {quantity} {quantity:WINDOW} med användning",
    "de": "ONE für ONE berechnet: {quantity} {quantity:WINDOW} mit Nutzung",
}


def _told() -> Iterator[tuple[str, dict[str, str]]]:
    for window, names in _WINDOWS.items():
        told = {}
        for language, forms in names.items():
            one = forms.split("|", maxsplit=1)[0]
            told[language] = _EACH[language].replace("ONE", one).replace("WINDOW", forms)
        yield f"each_{window}", told


class Bucketed(PortionRule, frozen=True, tag="bucketed"):
    """`inner` is applied to each window of the period by itself, and the amounts are added.

    A window without usage is not rated, so its flat amounts are not owed. What windows have in
    common is told once.
    """

    inner: QuantityRule
    window: str = "day"

    sentences: ClassVar[Sentences] = dict(_told())

    @property
    def need(self) -> UsageNeed:
        """Usage by window."""
        return UsageNeed(window=self.window)

    def check(self) -> None:
        check_window(self.window, "window")
        within("inner", self.inner.check)

    def rate_portions(self, portions: Sequence[Portion], _: Circumstances) -> RatedLine:
        quantity = sum((portion.quantity for portion in portions), ZERO)
        rated = [self.inner.rate(portion.quantity) for portion in portions if portion.quantity]
        steps = together(step for each in rated for step in each.working)
        windows = Step(f"each_{self.window}", Decimal(len(rated)), ZERO, ZERO)
        return line(quantity, windows, *steps)
