"""Shares of periods: docs/semantics/proration.md. Parts of a period make up the whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.kernel.money import Rounding
from tallybook.domain.kernel.shares import NOTHING, WHOLE, Share
from tallybook.domain.rating.proration import Legs, capped_credit, change_legs, days_covered
from tallybook.domain.subscriptions.calendar import Alignment, Cycle, period_containing
from tallybook.domain.subscriptions.proration import (
    Counting,
    begun_periods,
    share_of,
    share_of_period,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def span(starts: str, ends: str) -> Span:
    return Span(at(starts), at(ends))


JANUARY = span("2026-01-01T00:00Z", "2026-02-01T00:00Z")
MARCH_IN_OSLO = span("2026-02-28T23:00Z", "2026-03-31T22:00Z")


@pytest.mark.parametrize(
    ("part", "whole", "zone_name", "by", "expected", "why"),
    [
        (JANUARY, JANUARY, "UTC", "by_day", "1/1", "all of it is one"),
        (span("2026-01-20T00:00Z", "2026-02-01T00:00Z"), JANUARY, "UTC", "by_day", "12/31", "days"),
        (
            span("2026-01-20T15:00Z", "2026-02-01T00:00Z"),
            JANUARY,
            "UTC",
            "by_day",
            "12/31",
            "the day of a change belongs to what it changes to",
        ),
        (
            span("2026-01-01T00:00Z", "2026-01-20T15:00Z"),
            JANUARY,
            "UTC",
            "by_day",
            "19/31",
            "and not to what it changes from",
        ),
        (
            span("2026-01-20T15:00Z", "2026-01-20T18:00Z"),
            JANUARY,
            "UTC",
            "by_day",
            "0/31",
            "gone before the day ended",
        ),
        (
            span("2026-01-31T23:59:30Z", "2026-02-01T00:00Z"),
            JANUARY,
            "UTC",
            "by_second",
            "30/2678400",
            "half a minute",
        ),
        (
            span("2026-03-28T23:00Z", "2026-03-31T22:00Z"),
            MARCH_IN_OSLO,
            "Europe/Oslo",
            "by_day",
            "3/31",
            "a day of 23 hours is a day",
        ),
        (
            span("2026-03-28T23:00Z", "2026-03-31T22:00Z"),
            MARCH_IN_OSLO,
            "Europe/Oslo",
            "by_second",
            "255600/2674800",
            "and 23 hours by the second",
        ),
        (
            span("2026-01-01T06:00Z", "2026-01-01T12:00Z"),
            span("2026-01-01T00:00Z", "2026-01-01T18:00Z"),
            "UTC",
            "by_day",
            "21600/64800",
            "a whole without a midnight is counted by the second",
        ),
    ],
)
def test_share_of(
    part: Span, whole: Span, zone_name: str, by: str, expected: str, why: str
) -> None:
    assert str(share_of(part, whole, zone(zone_name), Counting(by))) == expected, why


_BOUNDS = [datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (2000, 2040)]
INSTANTS = st.datetimes(*_BOUNDS, timezones=st.just(UTC))


@given(
    st.sampled_from(Interval),
    st.sampled_from(Alignment),
    INSTANTS,
    INSTANTS,
    st.sampled_from(sorted(available_timezones())),
    st.sampled_from(Counting),
    st.lists(st.floats(0, 1), max_size=5),
)
def test_parts_make_up_the_whole(
    interval: Interval,
    alignment: Alignment,
    anchor: datetime,
    instant: datetime,
    zone_name: str,
    by: Counting,
    cuts: list[float],
) -> None:
    """However a period is cut, in every zone, the shares add up to one, and none is negative."""
    cycle = Cycle(interval=interval, alignment=alignment, anchor=anchor, timezone=zone_name)
    period = period_containing(cycle, instant)
    ticks = period.length // timedelta(microseconds=1)
    inside = sorted({period.starts + timedelta(microseconds=int(cut * ticks)) for cut in cuts})
    points = [period.starts, *inside, period.ends]
    shares = [share_of_period(cycle, Span(one, other), by) for one, other in pairwise(points)]
    assert all(share.numerator >= 0 for share in shares)
    assert sum(Fraction(share.numerator, share.denominator) for share in shares) == 1


@pytest.mark.parametrize(
    ("starts", "until", "ends", "expected", "why"),
    [
        ("2011-02-17", "2011-03-03", None, ["14/28", "1/1"], "a stub, then the first whole one"),
        ("2011-02-17", "2011-02-16", None, [], "not begun"),
        ("2011-03-03", "2011-05-10", "2011-04-13", ["1/1", "10/30"], "the last is cut"),
        ("2011-03-03", "2011-05-10", "2011-04-03", ["1/1"], "an end on a boundary cuts nothing"),
    ],
)
def test_begun_periods(
    starts: str, until: str, ends: str | None, expected: list[str], why: str
) -> None:
    anchor = at("2011-03-03T00:00Z")
    cycle = Cycle(
        interval=Interval.MONTH, alignment=Alignment.ANNIVERSARY, anchor=anchor, timezone="UTC"
    )
    periods = begun_periods(
        cycle,
        at(f"{starts}T00:00Z"),
        until=at(f"{until}T00:00Z"),
        ends_at=at(f"{ends}T00:00Z") if ends else None,
    )
    assert [str(share_of_period(cycle, period)) for period in periods] == expected, why


@pytest.mark.parametrize(
    ("share", "amount", "expected", "why"),
    [
        (Share(17, 31), "100", "54.838709677419354838709677", "kept to 24 places"),
        (Share(1, 2), "0.05", "0.025", "exact"),
        (WHOLE, "12.345678901234567890123456789", "12.345678901234567890123456789", "untouched"),
        (NOTHING, "100", "0", "nothing of it"),
    ],
)
def test_the_share_of_an_amount(share: Share, amount: str, expected: str, why: str) -> None:
    assert share.of(Decimal(amount)) == Decimal(expected), why


def test_a_change_keeps_its_two_sides_apart() -> None:
    legs = change_legs(Decimal(90), Decimal(120), Share(10, 30))
    assert legs == Legs(Decimal(-30), Decimal(40))
    assert legs.net == Decimal(10)


@pytest.mark.parametrize(
    ("potential", "charged", "credited", "expected", "why"),
    [
        ("50", "200", "0", "50", "within what was charged"),
        ("100", "200", "150", "50", "only what is left of it"),
        ("100", "200", "250", "0", "nothing is left"),
        ("-50", "200", "50", "0", "a credit is no charge"),
    ],
)
def test_capped_credit(
    potential: str, charged: str, credited: str, expected: str, why: str
) -> None:
    credit = capped_credit(Decimal(potential), charged=Decimal(charged), credited=Decimal(credited))
    assert credit == Decimal(expected), why


def test_a_credit_given_as_days() -> None:
    assert days_covered(Decimal(15), Decimal(2)) == 8
    assert days_covered(Decimal(15), Decimal(2), Rounding.DOWN) == 7
