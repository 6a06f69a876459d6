"""Billing periods: tables of their boundaries, and the laws that hold in every time zone.

Rules: docs/semantics/periods.md.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import (
    Alignment,
    BoundaryTime,
    Cycle,
    boundary,
    elapsed,
    last_boundary,
    last_completed,
    next_boundary,
    period_containing,
    periods_between,
)

ZONES = sorted(available_timezones())


def _clock_of(name: str) -> bytes:
    """The rules of a zone, the same for all the names that it has."""
    rules = files("tzdata") / "zoneinfo" / name
    return rules.read_bytes() if rules.is_file() else name.encode()


CLOCKS = sorted({_clock_of(name): name for name in ZONES}.values())
"""A name for each clock in the world."""
TICK = timedelta(microseconds=1)
ANNIVERSARY, CALENDAR = Alignment.ANNIVERSARY, Alignment.CALENDAR


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def cycle(
    interval: str,
    anchor: str,
    zone: str = "UTC",
    count: int = 1,
    alignment: Alignment = ANNIVERSARY,
    clock: BoundaryTime = BoundaryTime.LOCAL_MIDNIGHT,
) -> Cycle:
    return Cycle(
        interval=Interval(interval),
        count=count,
        alignment=alignment,
        anchor=at(anchor),
        timezone=zone,
        boundary_time=clock,
    )


@pytest.mark.parametrize(
    ("rule", "k", "expected", "why"),
    [
        (cycle("month", "2026-01-31T10:00Z"), 1, "2026-02-28T00:00Z", "a shorter month clamps"),
        (cycle("month", "2026-01-31T10:00Z"), 2, "2026-03-31T00:00Z", "counted from the anchor"),
        (cycle("month", "2024-02-29T00:00Z"), 12, "2025-02-28T00:00Z", "a common February"),
        (cycle("year", "2024-02-29T00:00Z"), 4, "2028-02-29T00:00Z", "29 February comes back"),
        (cycle("quarter", "2025-11-30T00:00Z"), 1, "2026-02-28T00:00Z", "quarters clamp too"),
        (cycle("half_year", "2025-08-31T00:00Z"), 1, "2026-02-28T00:00Z", "and half-years"),
        (cycle("week", "2026-03-26T10:00Z"), 1, "2026-04-02T00:00Z", "a week is seven dates"),
        (cycle("day", "2026-03-29T10:00Z", "Europe/Oslo"), 1, "2026-03-29T22:00Z", "of 23 hours"),
        (cycle("month", "2026-01-15T10:00Z"), -1, "2025-12-15T00:00Z", "also before the anchor"),
        (cycle("month", "2026-01-31T23:30Z", "Asia/Tokyo"), 0, "2026-01-31T15:00Z", "local date"),
        (cycle("week", "2026-01-01T00:00Z", count=2), 1, "2026-01-15T00:00Z", "every other week"),
        (
            cycle("month", "2026-01-15T09:30Z", "Europe/Oslo", clock=BoundaryTime.ANCHOR_TIME),
            3,
            "2026-04-15T08:30Z",
            "10:30 on the wall, in winter and in summer",
        ),
        (
            cycle("day", "2026-03-28T01:30Z", "Europe/Oslo", clock=BoundaryTime.ANCHOR_TIME),
            1,
            "2026-03-29T01:00Z",
            "02:30 is not shown on that day: the jump",
        ),
    ],
)
def test_boundary(rule: Cycle, k: int, expected: str, why: str) -> None:
    assert boundary(rule, k) == at(expected), why


@pytest.mark.parametrize(
    ("interval", "count", "instant", "starts", "ends", "why"),
    [
        ("month", 1, "2026-02-10", "2026-02-01", "2026-03-01", "the first of the month"),
        ("quarter", 1, "2026-05-31", "2026-04-01", "2026-07-01", "January, April, July, October"),
        ("month", 3, "2026-05-31", "2026-04-01", "2026-07-01", "three months are a quarter"),
        ("half_year", 1, "2026-05-31", "2026-01-01", "2026-07-01", "January and July"),
        ("year", 1, "2026-05-31", "2026-01-01", "2027-01-01", "the year"),
        ("year", 2, "2027-05-31", "2026-01-01", "2028-01-01", "two years: from an even one"),
        ("week", 1, "2026-03-01", "2026-02-23", "2026-03-02", "weeks begin on Monday"),
        ("week", 2, "2000-01-10", "2000-01-03", "2000-01-17", "counted from 3 January 2000"),
        ("day", 1, "2026-03-01", "2026-03-01", "2026-03-02", "the day"),
        ("month", 1, "1999-12-31", "1999-12-01", "2000-01-01", "also before 2000"),
    ],
)
def test_calendar_alignment(
    interval: str, count: int, instant: str, starts: str, ends: str, why: str
) -> None:
    rule = cycle(interval, "2026-01-17T10:00Z", count=count, alignment=CALENDAR)
    expected = Span(at(f"{starts}T00:00Z"), at(f"{ends}T00:00Z"))
    assert period_containing(rule, at(f"{instant}T12:00Z")) == expected, why


def test_a_day_that_was_left_out_is_no_period() -> None:
    """Apia went from 29 to 31 December 2011: 30 December has no instant to bill."""
    rule = cycle("day", "2011-12-28T10:00Z", "Pacific/Apia")
    periods = list(periods_between(rule, Span(at("2011-12-28T10:00Z"), at("2012-01-01T10:00Z"))))
    assert [period.length / timedelta(hours=1) for period in periods] == [24, 24, 24, 24]
    assert period_containing(rule, at("2011-12-30T10:00Z")).starts == at("2011-12-30T10:00Z")
    assert last_completed(rule, at("2011-12-30T10:00Z")).ends == at("2011-12-30T10:00Z")


@pytest.mark.parametrize(
    ("ends_at", "expected", "why"),
    [
        (None, "2026-02-01T00:00Z", "no end in sight"),
        ("2026-01-20T12:00Z", "2026-01-20T12:00Z", "the end comes first"),
        ("2026-06-01T00:00Z", "2026-02-01T00:00Z", "the boundary comes first"),
    ],
)
def test_no_boundary_passes_the_end(ends_at: str | None, expected: str, why: str) -> None:
    rule = cycle("month", "2026-01-01T00:00Z")
    end = at(ends_at) if ends_at else None
    assert next_boundary(rule, at("2026-01-10T00:00Z"), ends_at=end) == at(expected), why


_BOUNDS = [datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (2000, 2040)]
INSTANTS = st.datetimes(*_BOUNDS, timezones=st.just(UTC))
CYCLES = st.builds(
    Cycle,
    interval=st.sampled_from(Interval),
    count=st.integers(1, 4),
    alignment=st.sampled_from(Alignment),
    anchor=INSTANTS,
    timezone=st.sampled_from(ZONES),
    boundary_time=st.sampled_from(BoundaryTime),
)


@given(CYCLES, INSTANTS)
def test_an_instant_is_in_one_period(rule: Cycle, instant: datetime) -> None:
    """The period found holds the instant, and so does none of its neighbours."""
    period = period_containing(rule, instant)
    assert instant in period
    assert period_containing(rule, period.starts) == period
    assert period_containing(rule, period.ends - TICK) == period
    assert period_containing(rule, period.starts - TICK).ends == period.starts
    assert next_boundary(rule, instant) == period.ends
    assert last_completed(rule, instant).ends == period.starts


@given(CYCLES, INSTANTS, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_periods_form_a_chain(rule: Cycle, starts: datetime, length: timedelta) -> None:
    """Between any two instants the periods leave no gap, do not overlap, and none is empty."""
    span = Span(starts, starts + length)
    periods = list(itertools.islice(periods_between(rule, span), 60))
    assert all(one.ends == other.starts for one, other in itertools.pairwise(periods))
    assert all(period.starts < period.ends for period in periods)
    if periods:
        assert periods[0].starts == span.starts
        assert len(periods) == 60 or periods[-1].ends == span.ends
        within = Span(span.starts, periods[-1].ends - TICK)
        assert elapsed(rule, within) >= len(periods) - 1


@given(CYCLES, st.integers(-300, 300))
def test_boundaries_are_numbered_in_order(rule: Cycle, k: int) -> None:
    assert boundary(rule, k) <= boundary(rule, k + 1)
    assert last_boundary(rule, boundary(rule, k)) >= k
    assert last_boundary(rule, boundary(rule, k) - TICK) < k


@cache
def jumps(name: str) -> tuple[datetime, ...]:
    """The instants from 2000 to 2040 at which clocks in a zone are put forward or back."""
    zone, found = ZoneInfo(name), []
    day, end = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
    while day < end:
        low, high = day, day + timedelta(days=7)
        if _offset(low, zone) != _offset(high, zone):
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                if _offset(middle, zone) == _offset(low, zone):
                    low = middle
                else:
                    high = middle
            found.append(high.replace(microsecond=0))
        day += timedelta(days=7)
    return tuple(found)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()


def check_around(jump: datetime, name: str) -> None:
    """Daily and monthly chains around a jump, at midnight and at the jump's own clock times."""
    for interval, clock in itertools.product(("day", "month"), BoundaryTime):
        for anchor in (jump - timedelta(days=366, minutes=30), jump + timedelta(minutes=30)):
            rule = Cycle(
                interval=Interval(interval),
                alignment=ANNIVERSARY,
                anchor=anchor,
                timezone=name,
                boundary_time=clock,
            )
            span = Span(jump - timedelta(days=2), jump + timedelta(days=2))
            periods = list(periods_between(rule, span))
            assert periods[0].starts == span.starts
            assert periods[-1].ends == span.ends
            for one, other in itertools.pairwise(periods):
                assert one.starts < one.ends == other.starts, (name, jump, rule)
            for instant in (jump - TICK, jump, jump + TICK):
                held = [period for period in periods if instant in period]
                found = period_containing(rule, instant, starts_at=span.starts, ends_at=span.ends)
                assert held == [found], (name, jump, rule)


@settings(max_examples=60)
@given(st.data())
def test_chains_hold_where_clocks_jump(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(ZONES))
    if jumps(name):
        check_around(data.draw(st.sampled_from(jumps(name))), name)


@pytest.mark.slow
def test_chains_hold_at_every_jump_of_every_zone() -> None:
    """All of the world's time zones with all their jumps from 2000 to 2040.

    Zones that make the same jump at the same instant are checked once.
    """
    alike: dict[tuple[object, ...], tuple[datetime, str]] = {}
    for name in CLOCKS:
        zone = ZoneInfo(name)
        for jump in jumps(name):
            alike[jump, _offset(jump - TICK, zone), _offset(jump, zone)] = (jump, name)
    assert len(CLOCKS) > 300
    assert len(alike) > 3000, "forty years of the world's clocks"
    for jump, name in alike.values():
        check_around(jump, name)


@pytest.mark.slow
@pytest.mark.parametrize("anchor", ["2000-01-31T12:00Z", "2000-02-29T12:00Z"])
def test_forty_years_of_months_are_one_chain_in_every_zone(anchor: str) -> None:
    """Month ends and 29 February: 480 periods, each found again by its first and last instant."""
    years = Span(at(anchor), at("2040-01-01T00:00Z"))
    for name in CLOCKS:
        rule = cycle("month", anchor, name)
        periods = list(periods_between(rule, years))
        assert all(one.ends == other.starts for one, other in itertools.pairwise(periods)), name
        assert len(periods) in {479, 480}, name
        for period in periods[1:-1:40]:
            assert period_containing(rule, period.ends - TICK) == period, name
