"""Time that passes when it is told to: a year in seconds, and what a test clock may not do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from contracts import day
from story import Story, played, printed
from tallybook.jobs.closing import close_everywhere
from tallybook.services.ports import Wiring


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        yield begun


def test_a_year_of_a_subscription_in_one_go(story: Story) -> None:
    """12 months from 31 January, with a call on the last day of most of them."""
    story.meter("calls")
    story.plan(
        "pro",
        {"key": "base", "rule": {"model": "flat", "amount": "10"}, "timing": "in_advance"},
        {"key": "calls", "meter": "calls", "rule": {"model": "per_unit", "unit_amount": "1"}},
    )
    story.customer("acme")
    story.subscribe("acme", "pro", day(1, 31), alignment="anniversary")
    story.call("acme", *(day(month, 28) for month in range(2, 13)))
    passed = story.pass_time(day(1, 31, year=2027), finalize=True)
    assert passed["stops"] == 14, "where the clock stood, and where something was due"
    run = passed["run"]
    assert (run["opened"], run["closed"], run["invoices"], run["finalized"]) == (1, 12, 13, 13)
    invoices = story.invoices("acme")
    assert [invoice["created_at"] for invoice in invoices[:4]] == [
        "2026-01-31T00:00:00Z",
        "2026-02-28T00:00:00Z",
        "2026-03-31T00:00:00Z",
        "2026-04-30T00:00:00Z",
    ], "each invoice is of the day on which it was due"
    assert max(invoice["number"] for invoice in invoices) == "INV-2027-000001"
    assert printed(invoices[0]) == [("base", "1", "10.00")], "the opening, in advance"
    assert printed(invoices[1]) == [("base", "1", "10.00"), ("calls", "0", "0.00")]
    assert printed(invoices[2]) == [("base", "1", "10.00"), ("calls", "2", "2.00")], "28.2., 28.3."
    assert run["totals"] == {"EUR": "141.00"}


def test_nothing_happens_by_itself_on_a_test_clock(story: Story, wiring: Wiring) -> None:
    story.plan("pro", {"key": "base", "rule": {"model": "flat", "amount": "10"}})
    story.customer("acme")
    story.subscribe("acme", "pro", day(1))
    close_everywhere(wiring, grace=timedelta())
    assert story.invoices("acme") == [], "the background leaves it alone"
    assert story.get("/v1/test-clock")["now"] == "2026-01-01T00:00:00Z"
    refused = story.refused("/v1/billing-runs", {"until": "2026-02-01T00:00:00Z"})
    assert refused["code"] == "period_not_over", "of its own clock"
    assert story.pass_time(day(2))["run"]["invoices"] == 1


def test_what_is_told_later_dates_back_to_its_time(story: Story) -> None:
    """A subscription from a past time is brought up at once when the clock is next moved."""
    story.plan("pro", {"key": "base", "rule": {"model": "flat", "amount": "10"}})
    story.customer("acme")
    story.pass_time(day(4, 10))
    story.subscribe("acme", "pro", day(1))
    passed = story.pass_time(day(4, 10))
    assert (passed["stops"], passed["run"]["closed"]) == (1, 3), "to where it stands: no time"
    assert story.get("/v1/subscriptions/acme")["created_at"] == "2026-04-10T00:00:00Z"


def test_a_clock_is_never_turned_back(story: Story) -> None:
    story.pass_time(day(3))
    refused = story.refused("/v1/test-clock", {"at": "2026-02-01T00:00:00Z"})
    assert (refused["status"], refused["code"]) == (409, "clock_turned_back")
    without_zone = story.refused("/v1/test-clock", {"at": "2026-05-01T00:00:00"})
    assert without_zone["code"] == "time_without_zone"
    too_far = story.refused("/v1/test-clock", {"at": "2300-01-01T00:00:00Z"})
    assert too_far["code"] == "time_out_of_range"


def test_a_live_organization_has_no_clock(api: TestClient[Litestar]) -> None:
    shown = api.get("/v1/test-clock").json()
    assert (shown["mode"], shown["at"]) == ("live", None)
    refused = api.post("/v1/test-clock", json={"at": "2027-01-01T00:00:00Z"})
    assert (refused.status_code, refused.json()["code"]) == (403, "live_organization")
