"""The calendar of billing periods: where one ends and the next begins.

Boundary k lies k intervals after the anchor and is always computed from the anchor, never from the
boundary before it: 31 January → 28 February → 31 March. Rules: docs/semantics/periods.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.calendar import MIDNIGHT, add_months, local_date, local_instant
from tallybook.domain.kernel.instants import Span, zone

_MONTHS = {Interval.MONTH: 1, Interval.QUARTER: 3, Interval.HALF_YEAR: 6, Interval.YEAR: 12}
_DAYS = {Interval.DAY: 1, Interval.WEEK: 7}

_TICK = timedelta(microseconds=1)
_FIRST_OF_JANUARY = date(2000, 1, 1)
_MONDAY = date(2000, 1, 3)
"""Calendar boundaries of n intervals are counted from here, so that they are the same for all."""


class Alignment(StrEnum):
    """Where boundaries fall: on the calendar's own, or counted from the day it began."""

    CALENDAR = "calendar"
    ANNIVERSARY = "anniversary"


class BoundaryTime(StrEnum):
    """At which local time of its day a boundary falls."""

    LOCAL_MIDNIGHT = "local_midnight"
    ANCHOR_TIME = "anchor_time"


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """The rule that every boundary follows, without beginning or end.

    `anchor` counts by its local date and, with `ANCHOR_TIME`, its local clock time. Calendar
    alignment reads neither: its boundaries are local midnights of the calendar's own days.
    """

    interval: Interval
    count: int = 1
    alignment: Alignment
    anchor: datetime
    timezone: str
    boundary_time: BoundaryTime = BoundaryTime.LOCAL_MIDNIGHT

    def __post_init__(self) -> None:
        assert self.count >= 1, "a period is at least one interval long"
        assert self.anchor.tzinfo is not None, "an anchor is an aware instant"


@lru_cache(maxsize=4096)  # customers on one calendar share their boundaries
def boundary(cycle: Cycle, k: int) -> datetime:
    """Boundary number k, in UTC; number 0 is the anchor's own. Negative numbers lie before it."""
    zoned = zone(cycle.timezone)
    clock = MIDNIGHT
    if cycle.alignment is Alignment.ANNIVERSARY and cycle.boundary_time is BoundaryTime.ANCHOR_TIME:
        clock = cycle.anchor.astimezone(zoned).time()
    return local_instant(_day(cycle, zoned, k), clock, zoned)


@lru_cache(maxsize=4096)
def last_boundary(cycle: Cycle, at: datetime) -> int:
    """The number of the last boundary that is not after `at`."""
    zoned = zone(cycle.timezone)
    origin, day = _origin(cycle, zoned), local_date(at, zoned)
    if cycle.interval in _MONTHS:
        months = (day.year - origin.year) * 12 + day.month - origin.month
        k = months // (_MONTHS[cycle.interval] * cycle.count)
    else:
        k = (day - origin).days // (_DAYS[cycle.interval] * cycle.count)
    # The local date is right to a day; at most two boundaries lie between it and the answer.
    while boundary(cycle, k) > at:
        k -= 1
    while boundary(cycle, k + 1) <= at:
        k += 1
    return k


def period_containing(
    cycle: Cycle,
    at: datetime,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Span:
    """The period with `starts <= at < ends`; the first and last are cut to `[starts_at, ends_at)`.

    Where a whole interval was left out by the zone's clocks (a day, when an island changed sides
    of the date line), its two boundaries are one instant and it is no period.
    """
    k = last_boundary(cycle, at)
    starts, ends = boundary(cycle, k), boundary(cycle, k + 1)
    return Span(
        starts if starts_at is None else max(starts, starts_at),
        ends if ends_at is None else min(ends, ends_at),
    )


def last_completed(cycle: Cycle, at: datetime) -> Span:
    """The latest whole period that had ended at `at`: what billing in arrears bills."""
    ends = boundary(cycle, last_boundary(cycle, at))
    return period_containing(cycle, ends - _TICK)


def next_boundary(
    cycle: Cycle, after: datetime, *, nth: int = 1, ends_at: datetime | None = None
) -> datetime:
    """The nth boundary strictly after `after`, and never one later than `ends_at`."""
    assert nth >= 1, "the first one after is number 1"
    found = boundary(cycle, last_boundary(cycle, after) + nth)
    return found if ends_at is None else min(found, ends_at)


def periods_between(cycle: Cycle, span: Span) -> Iterator[Span]:
    """The periods of `span` in order, the first and the last cut to it: no gap, no overlap."""
    starts = span.starts
    while starts < span.ends:
        ends = next_boundary(cycle, starts, ends_at=span.ends)
        yield Span(starts, ends)
        starts = ends


def elapsed(cycle: Cycle, span: Span) -> int:
    """How many boundaries lie in `(span.starts, span.ends]`: cycles completed, a short one too."""
    return last_boundary(cycle, span.ends) - last_boundary(cycle, span.starts)


def _day(cycle: Cycle, zoned: ZoneInfo, k: int) -> date:
    origin = _origin(cycle, zoned)
    if cycle.interval in _MONTHS:
        return add_months(origin, k * cycle.count * _MONTHS[cycle.interval])
    return origin + timedelta(days=k * cycle.count * _DAYS[cycle.interval])


def _origin(cycle: Cycle, zoned: ZoneInfo) -> date:
    """The local date of boundary 0."""
    if cycle.alignment is Alignment.ANNIVERSARY:
        return local_date(cycle.anchor, zoned)
    return _FIRST_OF_JANUARY if cycle.interval in _MONTHS else _MONDAY
