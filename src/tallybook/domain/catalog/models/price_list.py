"""`price_list`: prices that change on given days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.dates import check_dates, in_force
from tallybook.domain.catalog.models.matrix import Matrix
from tallybook.domain.catalog.models.quantity_rule import QuantityRule
from tallybook.domain.catalog.models.rule import PortionRule, total, within
from tallybook.domain.catalog.models.time_of_use import TimeOfUse
from tallybook.domain.catalog.usage_need import (
    Circumstances,
    Portion,
    UsageNeed,
    finest_window,
)
from tallybook.domain.catalog.working import (
    NOT_PRICED,
    RatedLine,
    Sentences,
    line,
    not_priced,
    part,
)


class PriceOf(StrEnum):
    """Which day decides: that of the usage, or that on which the billing period begins."""

    USAGE = "usage"
    PERIOD_START = "period_start"


class DatedRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rule in force from a local day on; without one from ever."""

    rule: QuantityRule | Matrix | TimeOfUse
    starts_on: date | None = None


class PriceList(PortionRule, frozen=True, tag="price_list"):
    """Usage costs what the entry in force says, on its own day or at the period's start.

    Days are those of the customer's calendar. With `price_of: usage` a period in which the price
    changes is rated in parts, each by itself: tiers and packages begin anew in each. Usage before
    the first entry is not charged; the working says so.
    """

    entries: tuple[DatedRule, ...]
    price_of: PriceOf = PriceOf.USAGE

    sentences: ClassVar[Sentences] = NOT_PRICED
    changes_by_day: ClassVar[bool] = True

    @property
    def need(self) -> UsageNeed:
        """What any of the rules needs, and days where the usage's own day decides."""
        needs = [entry.rule.need for entry in self.entries]
        names = [name for need in needs for name in need.group_by]
        windows = [need.window for need in needs]
        if self.price_of is PriceOf.USAGE:
            windows.append("day")
        return UsageNeed(
            group_by=tuple(dict.fromkeys(names)),
            window=finest_window(windows),
            timezone=next((need.timezone for need in needs if need.timezone), ""),
            adds_windows=self.price_of is PriceOf.USAGE or any(need.adds_windows for need in needs),
        )

    def check(self) -> None:
        check_dates([entry.starts_on for entry in self.entries], "entries")
        for index, entry in enumerate(self.entries):
            within(f"entries/{index}/rule", entry.rule.check)

    def prorated(self, within: InForce) -> Self:
        """Each entry's bounds shrink to the time that the entry itself is in force."""
        days = [entry.starts_on for entry in self.entries]
        ends: list[date | None] = [*days[1:], None]
        if self.price_of is PriceOf.PERIOD_START:
            days = ends = [None] * len(days)
        entries = []
        for entry, starts_on, until in zip(self.entries, days, ends, strict=True):
            own = within.between(starts_on, until)
            rule = entry.rule if own is None else entry.rule.prorated(own)
            entries.append(DatedRule(rule, entry.starts_on))
        return msgspec.structs.replace(self, entries=tuple(entries))

    def shrinks(self, within: InForce) -> bool:
        return any(entry.rule.shrinks(within) for entry in self.entries)

    def rate_portions(self, portions: Sequence[Portion], circumstances: Circumstances) -> RatedLine:
        starts = [entry.starts_on for entry in self.entries]
        found: dict[int | None, list[Portion]] = {}
        for portion in portions:
            decisive = portion
            if self.price_of is PriceOf.PERIOD_START and circumstances.period is not None:
                decisive = Portion(portion.quantity, {}, circumstances.period.starts)
            day = circumstances.local_time(decisive).date()
            found.setdefault(in_force(starts, day), []).append(portion)
        steps = []
        for index, inside in sorted(
            found.items(), key=lambda each: -1 if each[0] is None else each[0]
        ):
            if index is None:
                steps.append(not_priced(total(inside), {}))
                continue
            entry = self.entries[index]
            rated = entry.rule.rate_portions(inside, circumstances)
            name = str(entry.starts_on) if entry.starts_on is not None else ""
            steps += part(name, rated) if name else rated.working
        return line(total(portions), *steps)
