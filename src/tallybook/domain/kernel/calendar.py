"""Dates and local clocks: months that clamp, and the instant a local clock shows a time.

Rules: docs/semantics/periods.md.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from tallybook.domain.kernel.errors import Invalid

MIDNIGHT = time(0)
_SECOND = timedelta(seconds=1)


def checked_timezone(name: str, *, field: str = "timezone") -> str:
    """A name of the IANA database, as a user chose it.

    What a machine's own files offer beyond it (`localtime`, `right/…`) means something else
    elsewhere and is refused.
    """
    if name not in _names():
        raise Invalid(
            "unknown_timezone",
            f"{name[:40]!r} is not an IANA time zone.",
            field=field,
            mend="Send a name such as Europe/Stockholm or UTC.",
        )
    return name


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "Factory"})


def add_months(day: date, months: int) -> date:
    """The same day of the month, `months` later (or earlier), clamped to that month's end.

    >>> add_months(date(2026, 1, 31), 1), add_months(date(2026, 1, 31), 2)
    (datetime.date(2026, 2, 28), datetime.date(2026, 3, 31))
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def local_instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks in `zone` show `clock` of `day`, or have gone past it.

    A time that is shown twice, when clocks go back, means its first showing. A time that is never
    shown, when clocks go forward (or a day is left out), means the instant of the jump. So later
    local times never give earlier instants.
    """
    local = datetime.combine(day, clock, tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    return _jump(local.replace(fold=1).astimezone(UTC), instant, zone)


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The date that a calendar in `zone` shows."""
    return instant.astimezone(zone).date()


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The day whose local midnight was the last one passed.

    It is the calendar's date, but for clocks that go back over midnight: the hour that is shown
    again belongs to the day that had begun. So later instants never have earlier days.
    """
    shown = local_date(instant, zone)
    tomorrow = shown + timedelta(days=1)
    return tomorrow if local_instant(tomorrow, MIDNIGHT, zone) <= instant else shown


def days_between(starts: datetime, ends: datetime, zone: ZoneInfo) -> int:
    """The days from one instant's local day to another's, however long the clocks made them."""
    return (local_day(ends, zone) - local_day(starts, zone)).days


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant in (`before`, `after`] at which the zone's offset changes, to the second."""
    old = before.astimezone(zone).utcoffset()
    low, high = 0, -((before - after) // _SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if (before + middle * _SECOND).astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return (before + high * _SECOND).replace(microsecond=0)
