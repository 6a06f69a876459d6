"""Instants and spans. Every instant is aware and UTC; every span is half-open."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tallybook.domain.kernel.errors import Invalid


class Span(msgspec.Struct, frozen=True, order=True):
    """A stretch of time `[starts, ends)`."""

    starts: datetime
    ends: datetime

    def __post_init__(self) -> None:
        assert self.starts.tzinfo is not None, "a span starts at an aware instant"
        assert self.ends.tzinfo is not None, "a span ends at an aware instant"
        assert self.starts <= self.ends, "a span does not run backwards"

    def __contains__(self, instant: datetime) -> bool:
        return self.starts <= instant < self.ends

    @property
    def length(self) -> timedelta:
        return self.ends - self.starts


def to_utc(instant: datetime, *, field: str = "") -> datetime:
    """The same instant in UTC. A time without a zone is refused: it could mean 26 hours."""
    if instant.tzinfo is None:
        raise Invalid(
            "time_without_zone",
            f"{instant.isoformat()} names no time zone.",
            field=field,
            mend="Add Z or an offset, such as 2026-03-01T00:00:00Z.",
        )
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise Invalid(
            "time_out_of_range",
            f"{instant.isoformat()} is not between the years 1 and 9999 in UTC.",
            field=field,
            mend="Send a time of our days.",
        ) from None


def parse_instant(text: str, *, field: str = "") -> datetime:
    """Read an RFC 3339 time. Digits beyond a microsecond are cut, never rounded up.

    A leap second is the last microsecond of the second before it.
    """
    try:
        return to_utc(read_written(text), field=field)
    except ValueError:
        before = second_before_leap(text)
    if before is not None:
        return leap_second(to_utc(before, field=field), field=field)
    raise Invalid(
        "not_a_time",
        f"{text[:40]!r} is not an RFC 3339 time.",
        field=field,
        mend="Send a time such as 2026-03-01T12:30:00Z.",
    )


def read_written(text: str) -> datetime:
    """A time as it is written, with a zone or without; `ValueError` if it is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        if not text.endswith("z"):
            raise
        return datetime.fromisoformat(f"{text[:-1]}Z")


_LEAP = re.compile(r"(.+[0-9]:[0-9][0-9]):60(?:[.,][0-9]+)?([zZ]|[+-][0-9:]+)?")


def second_before_leap(text: str) -> datetime | None:
    """The second before the one that `text` calls the 60th, as it is written; None for others."""
    found = _LEAP.fullmatch(text)
    try:
        return found and read_written(f"{found[1]}:59{found[2] or ''}")
    except ValueError:
        return None


def leap_second(before: datetime, *, field: str = "") -> datetime:
    """What a leap second is kept as, by the second before it: its last microsecond.

    So it stays in the day and the month that it ends. `Invalid` where there can be none: they are
    put in at the end of a month, in UTC.
    """
    ends_a_month = before.day == monthrange(before.year, before.month)[1]
    if not ends_a_month or (before.hour, before.minute, before.second) != (23, 59, 59):
        raise Invalid(
            "not_a_time",
            f"There is no leap second after {before:%Y-%m-%dT%H:%M:%S}Z.",
            field=field,
            mend="Send seconds from 0 to 59; a month may end at 23:59:60 in UTC.",
        )
    return before.replace(microsecond=999_999)


def zone(name: str, *, field: str = "timezone") -> ZoneInfo:
    """The IANA time zone of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            "unknown_timezone",
            f"{name!r} is not an IANA time zone.",
            field=field,
            mend="Send a name such as Europe/Stockholm or UTC.",
        ) from None
