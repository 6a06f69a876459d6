"""Instants and spans. Every instant is aware and UTC; every span is half-open."""

from __future__ import annotations

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
    """Read an RFC 3339 time. Digits beyond a microsecond are cut, never rounded up."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            "not_a_time",
            f"{text[:40]!r} is not an RFC 3339 time.",
            field=field,
            mend="Send a time such as 2026-03-01T12:30:00Z.",
        ) from None
    return to_utc(instant, field=field)


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
