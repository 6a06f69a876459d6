"""Proration: which share of a period a part of it is. Rules: docs/semantics/proration.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tallybook.domain.catalog.in_force import InForce, Piece, Prorates
from tallybook.domain.kernel.calendar import days_between
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.kernel.shares import NOTHING, WHOLE, Share
from tallybook.domain.subscriptions.calendar import (
    Cycle,
    next_boundary,
    period_containing,
    periods_between,
)

_TICK = timedelta(microseconds=1)
_TICKS_A_SECOND = 1_000_000


class Counting(StrEnum):
    """How a part of a period is counted.

    `BY_DAY` counts local midnights, so that a day is charged to whoever has it when it ends;
    `BY_SECOND` counts time.
    """

    BY_DAY = "by_day"
    BY_SECOND = "by_second"


def share_of(part: Span, whole: Span, timezone: ZoneInfo, by: Counting = Counting.BY_DAY) -> Share:
    """The share of `whole` that `part` of it is.

    Parts that make up the whole have shares that make up one, by day and by second. A whole within
    one local day has no day to count and is counted by second.
    """
    assert whole.starts <= part.starts, "a part begins inside its whole"
    assert part.ends <= whole.ends, "a part ends inside its whole"
    if part.starts == part.ends:
        return NOTHING
    if part == whole:
        return WHOLE
    if by is Counting.BY_DAY:
        days = days_between(whole.starts, whole.ends, timezone)
        if days:
            return _share(days_between(part.starts, part.ends, timezone), days)
    ticks, all_ticks = part.length // _TICK, whole.length // _TICK
    if ticks % _TICKS_A_SECOND == 0 == all_ticks % _TICKS_A_SECOND:
        return _share(ticks // _TICKS_A_SECOND, all_ticks // _TICKS_A_SECOND)
    return _share(ticks, all_ticks)


def share_of_period(cycle: Cycle, part: Span, by: Counting = Counting.BY_DAY) -> Share:
    """The share of its full period that `part` is: of a stub, what a whole fee shrinks to.

    A first stub is measured against the period that would have led up to its boundary, a last one
    against the period it breaks off.
    """
    return share_of(part, period_containing(cycle, part.starts), zone(cycle.timezone), by)


def in_force_within(
    cycle: Cycle, spans: Iterable[Span], prorates: Prorates, by: Counting = Counting.BY_DAY
) -> InForce:
    """For how much of its full periods something is in force that is so in these spans."""
    pieces = [
        Piece(part, period_containing(cycle, part.starts))
        for span in spans
        for part in periods_between(cycle, span)
    ]
    return InForce(tuple(pieces), cycle.timezone, prorates, by_time=by is Counting.BY_SECOND)


class CountedIn(StrEnum):
    """What the parts of a share are."""

    DAYS = "days"
    SECONDS = "seconds"
    MICROSECONDS = "microseconds"


def counted_in(cycle: Cycle, part: Span, share: Share) -> CountedIn:
    """What a share of the full period around `part` was counted in."""
    whole = period_containing(cycle, part.starts)
    if share.denominator == days_between(whole.starts, whole.ends, zone(cycle.timezone)):
        return CountedIn.DAYS
    is_seconds = share.denominator == whole.length // (_TICK * _TICKS_A_SECOND)
    return CountedIn.SECONDS if is_seconds else CountedIn.MICROSECONDS


def begun_periods(
    cycle: Cycle, starts_at: datetime, *, until: datetime, ends_at: datetime | None = None
) -> Iterator[Span]:
    """The periods that have begun at `until`, the first and the last cut to the life of a
    subscription: what is owed when fees are charged in advance."""
    starts = starts_at
    while starts <= until and (ends_at is None or starts < ends_at):
        ends = next_boundary(cycle, starts, ends_at=ends_at)
        yield Span(starts, ends)
        starts = ends


def _share(numerator: int, denominator: int) -> Share:
    return WHOLE if numerator == denominator else Share(numerator, denominator)
