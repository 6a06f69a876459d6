"""Windows of a span: where usage over time is cut, by the clock of a time zone.

Rules: docs/semantics/metering.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tallybook.domain.kernel.calendar import MIDNIGHT, add_months, local_day, local_instant
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span

MOST_WINDOWS = 50_000
"""Into how many windows a span may be cut: a month has up to 44,640 minutes."""


class Window(StrEnum):
    """The sizes that a span can be cut into."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_SHORTEST = {
    Window.MINUTE: timedelta(minutes=1),
    Window.HOUR: timedelta(minutes=30),
    Window.DAY: timedelta(hours=22),
    Window.WEEK: timedelta(days=6),
    Window.MONTH: timedelta(days=27),
}
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


def checked_window(window: str, *, field: str = "window") -> Window:
    """The window of that name."""
    try:
        return Window(window)
    except ValueError:
        raise Invalid(
            "unknown_window",
            f"Usage cannot be cut into {window[:40]!r}.",
            field=field,
            mend=f"Send one of {', '.join(Window)}.",
        ) from None


def is_cuttable(span: Span, window: Window) -> bool:
    """Whether `cut` takes a span so long: one with `MOST_WINDOWS` of the shortest such windows."""
    return is_coverable(span.length, window)


def is_coverable(length: timedelta, window: Window) -> bool:
    """Whether a span of that length, wherever it lies, is cut by `cut`."""
    return length <= _SHORTEST[window] * MOST_WINDOWS


def cut(span: Span, window: Window, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The boundaries of the windows of `span`: its start, every boundary within it, its end.

    Days, weeks (from Monday) and months begin at local midnight, hours where local clocks show a
    full hour, minutes on the minute. The first and last window are cut to the span.
    """
    if not is_cuttable(span, window):
        raise Invalid(
            "too_many_windows",
            f"The span has more than {MOST_WINDOWS:,} windows of a {window.value}.",
            field="window",
            mend="Ask for a shorter span or larger windows.",
        )
    within = (at for at in _boundaries(span, window, zone) if span.starts < at < span.ends)
    return (span.starts, *within, span.ends)


def _boundaries(span: Span, window: Window, zone: ZoneInfo) -> Iterator[datetime]:
    if window is Window.MINUTE:
        at = span.starts.replace(second=0, microsecond=0)
        while at < span.ends:
            at += _MINUTE
            yield at
        return
    if window is Window.HOUR:
        at = span.starts
        while at < span.ends:
            at = _next_full_hour(at, zone)
            yield at
        return
    day = _first_day(local_day(span.starts, zone), window)
    previous = span.starts
    while previous < span.ends:
        day = _next_day(day, window)
        at = local_instant(day, MIDNIGHT, zone)
        if at > previous:  # a day left out by the zone's clocks is no window
            yield at
        previous = max(at, previous)


def _first_day(day: date, window: Window) -> date:
    if window is Window.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if window is Window.MONTH else day


def _next_day(day: date, window: Window) -> date:
    if window is Window.MONTH:
        return add_months(day, 1)
    return day + timedelta(days=7 if window is Window.WEEK else 1)


def _next_full_hour(at: datetime, zone: ZoneInfo) -> datetime:
    """The next instant at which clocks in `zone` show a full hour, or jump over one.

    An hour shown twice is two windows. Where clocks move by half an hour, a window has 30 or 90
    minutes.
    """
    candidate = at + _HOUR - _past_hour(at, zone)
    past = _past_hour(candidate, zone)
    if not past:
        return candidate
    shown = candidate.astimezone(zone)
    jumped = local_instant(shown.date(), time(shown.hour), zone)
    return jumped if at < jumped <= candidate else candidate + _HOUR - past


def _past_hour(at: datetime, zone: ZoneInfo) -> timedelta:
    shown = at.astimezone(zone)
    return timedelta(minutes=shown.minute, seconds=shown.second, microseconds=shown.microsecond)


_PERIOD = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?|-W(\d{2}))?", re.ASCII)


def named_period(text: str, zone: ZoneInfo, *, field: str = "period") -> Span:
    """The year, month, day or ISO week of that name, from local midnight to local midnight.

    `2026`, `2026-03`, `2026-03-31`, `2026-W14`.
    """
    found = _PERIOD.fullmatch(text)
    try:
        days = _days_of(*found.groups()) if found else ()
        edges = [local_instant(day, MIDNIGHT, zone) for day in days]
    except (ValueError, OverflowError):  # no such day, or one at the end of all years
        edges = []
    if not edges:
        raise Invalid(
            "unknown_period",
            f"{text[:40]!r} is no period.",
            field=field,
            mend="Send a year, month, day or week: 2026, 2026-03, 2026-03-31, 2026-W14.",
        )
    return Span(*edges)


def _days_of(year: str, month: str | None, day: str | None, week: str | None) -> tuple[date, date]:
    if week is not None:
        monday = date.fromisocalendar(int(year), int(week), 1)
        return monday, monday + timedelta(days=7)
    if month is None:
        return date(int(year), 1, 1), date(int(year) + 1, 1, 1)
    first = date(int(year), int(month), int(day or 1))
    return first, first + timedelta(days=1) if day else add_months(first, 1)
