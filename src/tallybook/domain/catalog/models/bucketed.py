"""`bucketed`: each window of time is rated by itself."""

from __future__ import annotations

from collections.abc import Sequence
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


class Bucketed(PortionRule, frozen=True, tag="bucketed"):
    """`inner` is applied to each window of the period by itself, and the amounts are added.

    A window without usage is not rated, so its flat amounts are not owed. What windows have in
    common is told once.
    """

    inner: QuantityRule
    window: str = "day"

    sentences: ClassVar[Sentences] = {
        "each_window": {
            "en": ("1 window with usage", "{quantity} windows with usage, each rated by itself"),
            "sv": ("1 fönster med användning", "{quantity} fönster med användning, vart för sig"),
            "de": ("1 Fenster mit Nutzung", "{quantity} Fenster mit Nutzung, jedes für sich"),
        },
    }

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
        windows = Step("each_window", Decimal(len(rated)), ZERO, ZERO)
        return line(quantity, windows, *steps)
