"""Subscriptions through the year: stories in calendar order. Rules: docs/semantics/periods.md."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from contracts import day
from story import Answer, Clock, Story, printed, told
from tallybook.domain.customers.organization import Organization
from tallybook.services.ports import Wiring

FEE: Answer = {"key": "base", "rule": {"model": "flat", "amount": "100"}}


@pytest.fixture
def story(wiring: Wiring, organization: Organization, clock: Clock) -> Iterator[Story]:
    with told(wiring, organization, clock) as begun:
        begun.plan("pro", FEE)
        yield begun


def periods(story: Story, customer: str) -> list[tuple[str, str]]:
    """What the invoices of a customer cover."""
    found = [invoice["period"] for invoice in story.invoices(customer)]
    return [(period["starts"], period["ends"]) for period in found]


def test_month_ends_in_oslo(story: Story, clock: Clock) -> None:
    """From 31 January, by anniversary: month ends, local midnights, summer time from March on."""
    story.customer("oslo", timezone="Europe/Oslo")
    story.subscribe("oslo", "pro", day(1, 31, 10), alignment="anniversary")
    clock.now = day(6, 1)
    assert story.bill()["closed"] == 4, "one late run brings four months up"
    assert periods(story, "oslo") == [
        ("2026-01-31T10:00:00Z", "2026-02-27T23:00:00Z"),
        ("2026-02-27T23:00:00Z", "2026-03-30T22:00:00Z"),
        ("2026-03-30T22:00:00Z", "2026-04-29T22:00:00Z"),
        ("2026-04-29T22:00:00Z", "2026-05-30T22:00:00Z"),
    ]
    assert all(printed(invoice) == [("base", "1", "100.00")] for invoice in story.invoices("oslo"))


def test_a_late_run_and_punctual_ones_draw_up_the_same(story: Story, clock: Clock) -> None:
    for customer in ("late", "punctual"):
        story.customer(customer, timezone="America/Sao_Paulo")
    story.subscribe("punctual", "pro", day(1, 17, 5))
    for month in range(2, 8):
        clock.now = day(month, 1, 3)
        story.bill()
    story.subscribe("late", "pro", day(1, 17, 5))
    story.bill()
    assert periods(story, "late") == periods(story, "punctual")
    assert [printed(one) for one in story.invoices("late")] == [
        printed(one) for one in story.invoices("punctual")
    ]
    assert len(periods(story, "late")) == 6


def test_a_customer_moves_and_the_boundaries_stay(story: Story, clock: Clock) -> None:
    story.customer("acme", timezone="Asia/Tokyo")
    story.subscribe("acme", "pro", day(1, 10))
    clock.now = day(2, 1)
    story.bill()
    moved = story.patch("/v1/customers/acme", {"timezone": "America/New_York"})
    assert moved["timezone"] == "America/New_York"
    clock.now = day(3, 1)
    story.bill()
    assert [ends for _, ends in periods(story, "acme")] == [
        "2026-01-31T15:00:00Z",
        "2026-02-28T15:00:00Z",
    ], "still midnight in Tokyo"


def test_ended_with_its_period_and_billed_for_the_last_time(story: Story, clock: Clock) -> None:
    story.customer("acme")
    story.subscribe("acme", "pro", day(1))
    clock.now = day(3, 15)
    ending = story.post("/v1/subscriptions/acme/cancellation")
    assert ending["ends_at"] == "2026-04-01T00:00:00Z", "this month's end; two are not billed yet"
    clock.now = day(6)
    run = story.bill()
    assert (run["closed"], run["ended"]) == (3, 1)
    assert story.get("/v1/subscriptions/acme")["status"] == "ended"
    clock.now = datetime(2027, 1, 1, tzinfo=UTC)
    assert story.bill()["closed"] == 0, "nothing follows"


def test_ended_now_and_billed_for_its_share(story: Story, clock: Clock) -> None:
    story.customer("acme")
    story.subscribe("acme", "pro", day(1))
    clock.now = day(1, 15, 12)
    assert story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})["status"] == "ended"
    assert story.bill()["ended"] == 1
    [last] = story.invoices("acme")
    assert printed(last) == [("base", "1", "45.16")], "14 of 31 days: the day of the end is free"


def test_called_off_before_it_began(story: Story, clock: Clock) -> None:
    story.customer("acme")
    story.subscribe("acme", "pro", day(3))
    assert story.get("/v1/subscriptions/acme")["status"] == "scheduled"
    clock.now = day(2)
    assert story.post("/v1/subscriptions/acme/cancellation")["status"] == "ended"
    clock.now = day(6)
    assert story.bill()["closed"] == 0
    assert story.invoices("acme") == []
