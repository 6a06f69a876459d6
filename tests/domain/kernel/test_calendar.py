"""Local clocks through gaps, folds and left-out days: docs/semantics/periods.md."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.kernel.calendar import (
    add_months,
    days_between,
    local_day,
    local_instant,
)

ZONES = sorted(available_timezones())


@pytest.mark.parametrize(
    ("day", "months", "expected", "why"),
    [
        ("2026-01-31", 1, "2026-02-28", "a shorter month clamps"),
        ("2026-01-31", 2, "2026-03-31", "and leaves no trace in the next"),
        ("2024-02-29", 12, "2025-02-28", "29 February in a common year"),
        ("2024-02-29", 48, "2028-02-29", "and in the next leap year"),
        ("2026-03-31", -1, "2026-02-28", "backwards"),
        ("2026-01-15", -1, "2025-12-15", "over the new year"),
        ("2099-12-31", 2, "2100-02-28", "2100 is no leap year"),
    ],
)
def test_add_months(day: str, months: int, expected: str, why: str) -> None:
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(expected), why


@pytest.mark.parametrize(
    ("zone", "local", "expected", "why"),
    [
        ("UTC", "2026-03-01T00:00", "2026-03-01T00:00Z", "no clock moves"),
        ("Europe/Stockholm", "2026-03-29T00:00", "2026-03-28T23:00Z", "before the gap, winter"),
        ("Europe/Stockholm", "2026-03-30T00:00", "2026-03-29T22:00Z", "after it, summer"),
        ("Europe/Stockholm", "2026-03-29T02:30", "2026-03-29T01:00Z", "never shown: the jump"),
        ("Europe/Stockholm", "2026-10-25T02:30", "2026-10-25T00:30Z", "shown twice: the first"),
        ("America/Sao_Paulo", "2018-11-04T00:00", "2018-11-04T03:00Z", "no midnight: the jump"),
        ("America/Sao_Paulo", "2018-02-18T00:00", "2018-02-18T03:00Z", "back from midnight to 23"),
        ("America/St_Johns", "2010-11-07T00:00", "2010-11-07T02:30Z", "midnight twice: the first"),
        ("Africa/Cairo", "2026-04-24T00:00", "2026-04-23T22:00Z", "the gap begins at midnight"),
        ("Pacific/Apia", "2011-12-30T00:00", "2011-12-30T10:00Z", "a day left out: its jump"),
        ("Pacific/Apia", "2011-12-30T17:00", "2011-12-30T10:00Z", "all of it"),
        ("Pacific/Apia", "2011-12-31T00:00", "2011-12-30T10:00Z", "the day after begins there"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30Z", "a gap of half an hour"),
        ("Asia/Kathmandu", "2026-01-01T00:00", "2025-12-31T18:15Z", "a quarter of an hour"),
    ],
)
def test_local_instant(zone: str, local: str, expected: str, why: str) -> None:
    wanted = datetime.fromisoformat(local)
    got = local_instant(wanted.date(), wanted.time(), ZoneInfo(zone))
    assert got == datetime.fromisoformat(expected), why


@pytest.mark.parametrize(
    ("zone", "starts", "ends", "days", "why"),
    [
        ("Europe/Berlin", "2026-03-28T23:00Z", "2026-03-29T22:00Z", 1, "a day of 23 hours"),
        ("Europe/Berlin", "2026-10-24T22:00Z", "2026-10-25T23:00Z", 1, "a day of 25 hours"),
        ("Europe/Berlin", "2026-05-01T08:00Z", "2026-05-01T17:00Z", 0, "within a day"),
        ("Pacific/Apia", "2011-12-29T10:00Z", "2011-12-30T10:00Z", 2, "24 hours, two dates on"),
        ("America/St_Johns", "2010-11-07T02:30Z", "2010-11-07T03:00Z", 0, "23:30 shown again"),
    ],
)
def test_days_between(zone: str, starts: str, ends: str, days: int, why: str) -> None:
    got = days_between(datetime.fromisoformat(starts), datetime.fromisoformat(ends), ZoneInfo(zone))
    assert got == days, why


_BOUNDS = [datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (2000, 2040)]
INSTANTS = st.datetimes(*_BOUNDS, timezones=st.just(UTC))


@given(st.sampled_from(ZONES), INSTANTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_later_local_times_are_never_earlier_instants(
    name: str, instant: datetime, step: timedelta
) -> None:
    zone, local = ZoneInfo(name), instant.replace(tzinfo=None)
    later = local + step
    assert local_instant(local.date(), local.time(), zone) <= local_instant(
        later.date(), later.time(), zone
    )


@given(st.sampled_from(ZONES), INSTANTS)
def test_a_local_day_holds_its_instants(name: str, instant: datetime) -> None:
    zone = ZoneInfo(name)
    day = local_day(instant, zone)
    assert local_instant(day, time(0), zone) <= instant
    assert instant < local_instant(day + timedelta(days=1), time(0), zone)
