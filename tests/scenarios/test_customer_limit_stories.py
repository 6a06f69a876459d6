"""Limits on all that a customer is billed for: whose bill waits for which, and what it counts.

Rules: docs/semantics/conditions.md.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.close_period import close_due_periods, close_subscription
from tallybook.services.ports import Wiring

CALLS: Answer = {
    "key": "calls",
    "name": "Calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "10"},
}
SEAT: Answer = {"key": "seat", "name": "Seat", "rule": {"model": "flat", "amount": "30"}}
LIMIT: Answer = {"key": "in_all", "name": "In all", "minimum": "100", "whose": "customer"}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        yield begun


def limited(story: Story, *prices: Answer) -> None:
    """Acme is to a plan of these prices, at least 100.00 a month with all else that it has."""
    body = {"key": "pro", "name": "Pro", "currency": "EUR", "spend_limits": [LIMIT]}
    story.post("/v1/plans", {**body, "prices": list(prices)})
    story.subscribe("acme", "pro", day(1))


def also(story: Story, key: str, plan: str, starts_at: datetime, **said: str) -> None:
    """Another subscription of acme's."""
    body = {"key": key, "customer": "acme", "plan": plan, "alignment": "calendar", **said}
    story.post("/v1/subscriptions", {**body, "starts_at": starts_at.isoformat()})


def bills(story: Story) -> list[list[tuple[str, str]]]:
    """Whose every line is and what it comes to; each bill is verified."""
    return sorted(
        [(line["price_key"], line["amount"]) for line in invoice["lines"]]
        for invoice in story.proved("acme")
    )


def test_a_bill_that_another_run_commits_meanwhile_is_counted(story: Story) -> None:
    """One run waits until acme's turn comes: another has it, and closes the other subscription."""
    limited(story, CALLS)
    story.plan("other", SEAT)
    also(story, "other", "other", day(1))
    story.pass_time(day(1, 2))
    wiring, organization_id = story.wiring, story.organization_id
    wiring.directory.set_clock(organization_id, day(2, 2))
    with ThreadPoolExecutor(1) as pool:
        with wiring.books.begin(organization_id) as records:
            other = records.subscriptions.by_key("other", locked=True)
            assert other is not None
            assert records.turns.take([other.customer_id]), "the limit is another subscription's"
            run = pool.submit(close_due_periods, wiring, organization_id)
            time.sleep(1)  # it has come to acme by then
            assert not run.done()
            close_subscription(wiring, records, other, now=day(2, 2))
        assert run.result().stuck == (), "it looked who is due only when its turn had come"
    assert bills(story) == [[("calls", "0.00"), ("in_all", "70.00")], [("seat", "30.00")]]


def test_it_waits_for_one_that_is_stuck_and_the_others_go_on(story: Story) -> None:
    largest = {"type": "max", "value": "size"}
    peak = {"key": "peak", "name": "Peak", "event_type": "call", "aggregation": largest}
    story.post("/v1/meters", peak)
    limited(story, CALLS)
    rule = {"model": "per_unit", "unit_amount": "1"}
    story.plan("peaks", {"key": "peak", "meter": "peak", "rule": rule})
    story.plan("seats", SEAT)
    also(story, "peaks", "peaks", day(1))
    also(story, "seats", "seats", day(1))
    north = {"key": "north", "name": "North", "currency": "EUR", "parent": "acme"}
    story.post("/v1/customers", {**north, "usage_at": "parent"})
    story.call("acme", day(1, 2), size="3")
    stuck = story.pass_time(day(2, 2))["run"]["stuck"]
    assert {(each["subscription_key"], each["code"]) for each in stuck} == {
        ("peaks", "cannot_be_pooled"),
        ("acme", "waits_for_others"),
    }
    assert bills(story) == [[("seat", "30.00")]]
    story.patch("/v1/customers/north", {"usage_at": "self"})
    assert story.bill()["stuck"] == []
    assert bills(story) == [
        [("calls", "10.00"), ("in_all", "57.00")],
        [("peak", "3.00")],
        [("seat", "30.00")],
    ], "100 less 10, 3 and 30"


def test_it_is_made_anew_when_anothers_draft_is_drawn_up_again(story: Story) -> None:
    limited(story, SEAT)
    story.plan("usage", CALLS)
    also(story, "usage", "usage", day(1))
    story.pass_time(day(2, 2))
    assert bills(story) == [[("calls", "0.00")], [("seat", "30.00"), ("in_all", "70.00")]]
    story.call("acme", day(1, 5), day(1, 6))
    run = story.post("/v1/restatement-runs")
    assert (run["recalculated"], run["stuck"]) == (1, [])
    assert bills(story) == [[("calls", "20.00")], [("seat", "30.00"), ("in_all", "50.00")]]
    drafts = {invoice["lines"][0]["price_key"]: invoice for invoice in story.invoices("acme")}
    story.post(f"/v1/invoices/{drafts['seat']['id']}/finalize")
    refused = story.refused(f"/v1/invoices/{drafts['calls']['id']}/recalculate", {})
    assert (refused["status"], refused["code"]) == (409, "later_is_final")


def test_an_opening_that_the_same_run_drew_up_is_counted_again(story: Story) -> None:
    """Begun on 15 January, paid in advance; all is billed on 2 February by one run."""
    limited(story, CALLS)
    story.plan("ahead", SEAT | {"timing": "in_advance"})
    also(story, "ahead", "ahead", day(1, 15), alignment="anniversary")
    story.wiring.directory.set_clock(story.organization_id, day(2, 2))
    assert story.bill()["stuck"] == []
    assert bills(story) == [[("calls", "0.00"), ("in_all", "70.00")], [("seat", "30.00")]]
