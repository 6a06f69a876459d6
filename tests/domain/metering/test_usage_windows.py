"""Windows and named periods: cut by local clocks, in every zone a gapless chain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.windows import (
    MOST_WINDOWS,
    Window,
    checked_window,
    cut,
    named_period,
)

HOUR = timedelta(hours=1)

instants = st.integers(0, 40 * 366 * 86400).map(
    lambda seconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("starts", "ends", "window", "zone", "hours", "why"),
    [
        ("2026-03-28T23:00Z", "2026-03-30T22:00Z", "day", "Europe/Stockholm", [23, 24], "forward"),
        ("2026-10-24T22:00Z", "2026-10-25T23:00Z", "day", "Europe/Stockholm", [25], "back"),
        ("2026-03-01T12:00Z", "2026-03-03T06:00Z", "day", "UTC", [12, 24, 6], "cut to the span"),
        ("2026-03-01T00:00Z", "2026-03-08T00:00Z", "week", "UTC", [24, 144], "weeks begin Mondays"),
        ("2026-01-31T00:00Z", "2026-03-01T00:00Z", "month", "UTC", [24, 672], "28 days"),
        ("2026-10-25T00:00Z", "2026-10-25T03:00Z", "hour", "Europe/Stockholm", [1, 1, 1], "twice"),
        ("2026-04-04T14:00Z", "2026-04-04T17:00Z", "hour", "Australia/Lord_Howe",
         [1.5, 1, 0.5], "back by half an hour: 01:00 to 02:00 lasts 90 minutes"),
        ("2026-10-03T14:30Z", "2026-10-03T17:00Z", "hour", "Australia/Lord_Howe",
         [1, 0.5, 1], "forward by half an hour over 02:00"),
        ("2026-03-01T00:10Z", "2026-03-01T02:00Z", "hour", "Asia/Kolkata", [1 / 3, 1, 0.5], "5:30"),
        ("2011-12-29T10:00Z", "2011-12-31T10:00Z", "day", "Pacific/Apia", [24, 24],
         "30 December was left out"),
        ("2026-03-01T00:00Z", "2026-03-01T00:00:01Z", "month", "UTC", [1 / 3600], "inside one"),
    ],
)  # fmt: skip
def test_where_a_span_is_cut(
    starts: str, ends: str, window: str, zone: str, hours: list[float], why: str
) -> None:
    bounds = cut(Span(at(starts), at(ends)), Window(window), ZoneInfo(zone))
    assert [(later - earlier) / HOUR for earlier, later in pairwise(bounds)] == pytest.approx(
        hours
    ), why


@given(
    instants,
    st.integers(1, 80 * 24 * 3600),
    st.sampled_from(Window),
    st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})),
)
def test_windows_are_a_gapless_chain(
    starts: datetime, seconds: int, window: Window, name: str
) -> None:
    """In every zone: from the span's start to its end, in order, none empty, none too long."""
    zone = ZoneInfo(name)
    if window is Window.MINUTE:
        seconds %= 5 * 3600
    span = Span(starts, starts + timedelta(seconds=seconds + 1))
    bounds = cut(span, window, zone)
    assert (bounds[0], bounds[-1]) == (span.starts, span.ends)
    assert all(earlier < later for earlier, later in pairwise(bounds))
    longest = {"minute": 1 / 60, "hour": 2, "day": 48, "week": 192, "month": 31 * 24 + 2}
    assert all(later - earlier <= longest[window] * HOUR for earlier, later in pairwise(bounds))
    for boundary in bounds[1:-1]:
        shown = boundary.astimezone(zone)
        was = (boundary - timedelta(microseconds=1)).astimezone(zone)
        if shown.utcoffset() == was.utcoffset() and window is not Window.MINUTE:
            assert (shown.minute, shown.second) == (0, 0)
            assert window is Window.HOUR or shown.hour == 0
            assert window is not Window.WEEK or shown.weekday() == 0
            assert window is not Window.MONTH or shown.day == 1


@given(
    instants,
    st.sampled_from([Window.HOUR, Window.DAY, Window.WEEK, Window.MONTH]),
    st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})),
)
def test_boundaries_do_not_depend_on_where_a_span_begins(
    starts: datetime, window: Window, name: str
) -> None:
    zone = ZoneInfo(name)
    long, short = (Span(starts + timedelta(hours=h), starts + 80 * HOUR) for h in (0, 30))
    wanted = [bound for bound in cut(long, window, zone) if bound > short.starts]
    assert list(cut(short, window, zone))[1:] == wanted


@pytest.mark.parametrize(
    ("text", "zone", "starts", "ends"),
    [
        ("2026", "UTC", "2026-01-01T00:00Z", "2027-01-01T00:00Z"),
        ("2026-03", "Europe/Stockholm", "2026-02-28T23:00Z", "2026-03-31T22:00Z"),
        ("2026-12", "UTC", "2026-12-01T00:00Z", "2027-01-01T00:00Z"),
        ("2026-03-29", "Europe/Stockholm", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("2026-W01", "UTC", "2025-12-29T00:00Z", "2026-01-05T00:00Z"),
    ],
)
def test_named_periods(text: str, zone: str, starts: str, ends: str) -> None:
    assert named_period(text, ZoneInfo(zone)) == Span(at(starts), at(ends))


@pytest.mark.parametrize(
    "text",
    ["", "26", "2026-13", "2026-02-30", "2026-W54", "2026-3", "0000", "0001", "9999-12-31", "٢٠٢٦"],
)
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        named_period(text, ZoneInfo("Pacific/Apia"))
    assert refused.value.code == "unknown_period"


def test_there_is_a_most_of_windows() -> None:
    starts = at("2026-01-01T00:00Z")
    span = Span(starts, starts + timedelta(minutes=MOST_WINDOWS))
    assert len(cut(span, Window.MINUTE, ZoneInfo("UTC"))) == MOST_WINDOWS + 1
    longer = Span(starts, span.ends + timedelta(minutes=1))
    with pytest.raises(Invalid):
        cut(longer, Window.MINUTE, ZoneInfo("UTC"))
    with pytest.raises(Invalid):
        checked_window("second")
