"""When an event occurred, from a cell: RFC 3339, local times, counts since an epoch."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_FLOOR, Decimal
from time import strptime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tallybook.cli.files.rows import text_of
from tallybook.domain.kernel.decimals import parse_decimal
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import (
    leap_second,
    parse_instant,
    read_written,
    second_before_leap,
    zone,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = {
    "seconds": Decimal(1_000_000),
    "millis": Decimal(1_000),
    "micros": Decimal(1),
    "nanos": Decimal("0.001"),
}
_LOOKS_LIKE = {10: "seconds", 13: "millis", 16: "micros", 19: "nanos"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")

ToInstant = Callable[[Any], datetime]


class TimeFormat(NamedTuple):
    """How times are written.

    `pattern` is "" for RFC 3339 (a space for the T will do), a unit (`seconds`, `millis`, `micros`,
    `nanos`) for counts since `base`, or a `strptime` pattern, which contains %. `timezone` is for
    times that name none. `base` is 1970 unless it is given.
    """

    pattern: str = ""
    timezone: str = ""
    base: str = ""


def instants(time_format: TimeFormat) -> ToInstant:
    """The reader of such times; what cannot be read is refused at the field `time`.

    Digits beyond a microsecond are cut; a leap second is the last of the second before it. Of a
    local hour that occurs twice the first is taken; a local time that never was, because clocks
    jumped over it, is refused.
    """
    pattern, local = time_format.pattern, None
    if time_format.timezone:
        local = zone(time_format.timezone, field="timezone")
    if pattern in _MICROSECONDS:
        base = parse_instant(time_format.base, field="time_base") if time_format.base else _EPOCH
        return _counts(_MICROSECONDS[pattern], base)
    if time_format.base:
        raise Invalid(
            "base_without_unit",
            "A base is for times that are counts.",
            field="time_base",
            mend=f"Add --time-format: {', '.join(_MICROSECONDS)}.",
        )
    if "%" in pattern:
        return _written(
            lambda text: datetime.strptime(text, pattern),  # noqa: DTZ007
            lambda text: _second_before_leap(text, pattern),
            local,
            pattern,
        )
    if pattern:
        raise Invalid(
            "unknown_time_format",
            f"{pattern!r} is not a way to write times.",
            field="time_format",
            mend=f"Use {', '.join(_MICROSECONDS)}, or a pattern such as %d/%m/%Y %H:%M:%S.",
        )
    return _written(read_written, second_before_leap, local, "RFC 3339")


def _counts(factor: Decimal, base: datetime) -> ToInstant:
    def to_instant(cell: Any) -> datetime:
        count = parse_decimal(text_of(cell).strip(), field="time")
        micros = int((count * factor).to_integral_value(rounding=ROUND_FLOOR))
        try:
            return base + timedelta(microseconds=micros)
        except OverflowError:
            raise _unreadable(str(count), "a time between the years 1 and 9999") from None

    return to_instant


def _second_before_leap(text: str, pattern: str) -> datetime | None:
    """The second before the one that is the 60th by the pattern; None for others."""
    try:
        parts = strptime(text, pattern)
    except ValueError:
        return None
    if parts.tm_sec != 60:
        return None
    offset = timezone(timedelta(seconds=parts.tm_gmtoff)) if "%z" in pattern else None
    return datetime(*parts[:5], 59, tzinfo=offset)


def _written(
    read: Callable[[str], datetime],
    read_before_leap: Callable[[str], datetime | None],
    local: ZoneInfo | None,
    kind: str,
) -> ToInstant:
    """Times read by `read`; one that it cannot read may be a leap second."""

    def to_instant(cell: Any) -> datetime:
        if isinstance(cell, datetime):
            return in_utc(cell)
        text = text_of(cell).strip()
        try:
            return in_utc(read(text))
        except ValueError:
            before = read_before_leap(text)
        if before is None:
            raise _unreadable(text, kind)
        return leap_second(in_utc(before), field="time")

    def in_utc(written: datetime) -> datetime:
        if written.tzinfo is None and local is None:
            raise Invalid(
                "time_without_zone",
                f"{written.isoformat()} names no time zone.",
                field="time",
                mend="Add --timezone, such as --timezone UTC.",
            )
        try:
            if written.tzinfo is not None:
                return written.astimezone(UTC)
            return _settled(written.replace(tzinfo=local))
        except OverflowError:  # in UTC it is before the year 1 or after the year 9999
            raise _unreadable(written.isoformat(), "a time between the years 1 and 9999") from None

    return to_instant


def _settled(written: datetime) -> datetime:
    instant = written.astimezone(UTC)
    back = instant.astimezone(written.tzinfo)
    if back.replace(tzinfo=None) != written.replace(tzinfo=None):
        raise Invalid(
            "time_never_was",
            f"{written.replace(tzinfo=None).isoformat()} was skipped by the clocks there.",
            field="time",
            mend="Check --timezone.",
        )
    return instant


def _unreadable(text: str, kind: str) -> Invalid:
    mend = "Say how times are written: --time-format."
    if _NUMBER.fullmatch(text):
        unit = _LOOKS_LIKE.get(len(text.partition(".")[0]), "")
        mend = f"Say what it counts: --time-format {unit or 'seconds|millis|micros|nanos'}."
    return Invalid("not_a_time", f"{text[:40]!r} is not {kind}.", field="time", mend=mend)
