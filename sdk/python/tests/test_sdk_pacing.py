"""How long is waited before the next attempt."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook_sdk.pacing import backoff_seconds, retry_after_seconds, wait_seconds

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds", "why"),
    [
        ("30", 30, "seconds"),
        (" 5 ", 5, "with space around"),
        ("Sun, 01 Mar 2026 12:00:10 GMT", 10, "a date"),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0, "a date gone by"),
        ("99999999999999", 3600, "not for ever"),
        ("Sun, 01 Mar 2099 11:00:00 GMT", 3600, "not until then either"),
        ("", 0, "nothing"),
        ("soon", 0, "nothing readable"),
        ("-1", 0, "nothing sensible"),
        ("١٢", 0, "digits, but not of HTTP"),
    ],
)
def test_retry_after(header: str, seconds: float, why: str) -> None:
    assert retry_after_seconds(header, NOW) == seconds, why


@given(st.text(max_size=40))
def test_no_header_breaks_it(header: str) -> None:
    assert 0 <= retry_after_seconds(header, NOW) <= 3600


@pytest.mark.parametrize(
    ("attempt", "most", "why"),
    [
        (1, 0.5, "the base"),
        (2, 1.0, "doubled"),
        (5, 8.0, "and again"),
        (7, 30.0, "up to the cap"),
        (10_000, 30.0, "however often"),
    ],
)
def test_backoff(attempt: int, most: float, why: str) -> None:
    assert backoff_seconds(attempt, base=0.5, cap=30, chance=0.0) == 0, "full jitter: from nothing"
    assert backoff_seconds(attempt, base=0.5, cap=30, chance=1.0) == most, why


def test_never_before_the_server_asks() -> None:
    waits = [wait_seconds(1, retry_after=7, base=0.5, cap=30) for _ in range(200)]
    assert min(waits) >= 7
    assert max(waits) <= 7.5
    assert len({*waits}) > 100, "not all come back at once"
