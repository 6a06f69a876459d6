from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span, parse_instant, zone

MARCH = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "instant", "why"),
    [
        ("2026-03-01T12:30:00Z", datetime(2026, 3, 1, 12, 30, tzinfo=UTC), "Z is UTC"),
        ("2026-03-01T12:30:00+05:30", datetime(2026, 3, 1, 7, tzinfo=UTC), "kept as UTC"),
        (
            "2023-11-16T18:17:03.9799609Z",
            datetime(2023, 11, 16, 18, 17, 3, 979960, tzinfo=UTC),
            "a seventh digit is cut: rounding up could carry an event into the next period",
        ),
    ],
)
def test_instants_are_utc(text: str, instant: datetime, why: str) -> None:
    assert parse_instant(text) == instant, why


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-03-01T12:30:00", "time_without_zone"),
        ("2026-03-01", "time_without_zone"),
        ("yesterday", "not_a_time"),
        ("2026-02-30T00:00:00Z", "not_a_time"),
        ("0001-01-01T00:00:00+10:00", "time_out_of_range"),
        ("9999-12-31T23:00:00-10:00", "time_out_of_range"),
    ],
)
def test_what_is_no_instant_is_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_instant(text, field="time")
    assert (refusal.value.code, refusal.value.field) == (code, "time")


def test_a_span_is_half_open() -> None:
    assert MARCH.starts in MARCH
    assert MARCH.ends not in MARCH
    assert Span(MARCH.starts, MARCH.starts).length.total_seconds() == 0


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="time zone"):
        zone(name)
