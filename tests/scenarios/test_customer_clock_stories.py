"""A clock for one customer: its time passes, nobody else's. Rules: docs/semantics/periods.md."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from contracts import day
from story import Answer, Story, played
from tallybook.jobs.closing import close_everywhere
from tallybook.services.ports import Wiring

CLOCK = "/v1/customers/acme/test-clock"


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.plan("pro", {"key": "base", "rule": {"model": "flat", "amount": "10"}})
        for customer in ("acme", "other"):
            begun.customer(customer)
        yield begun


def advance(story: Story, at: str) -> Answer:
    return story.post(CLOCK, {"at": at, "finalize": True})


def test_a_year_of_one_customer(story: Story) -> None:
    advance(story, "2026-01-01T00:00:00Z")
    for customer in ("acme", "other"):
        story.subscribe(customer, "pro", day(1))
    passed = advance(story, "2027-01-01T00:00:00Z")
    assert (passed["stops"], passed["run"]["invoices"]) == (13, 12)
    assert story.get("/v1/test-clock")["now"] == "2026-01-01T00:00:00Z", "of all others"
    assert len(story.invoices("acme")) == 12
    assert story.invoices("acme")[0]["created_at"] == "2026-02-01T00:00:00Z"
    assert story.invoices("other") == []
    story.pass_time(day(3))
    assert len(story.invoices("other")) == 2
    assert len(story.invoices("acme")) == 12, "its own clock, and no other, moves it"


def test_what_it_does_is_dated_by_its_clock(story: Story, wiring: Wiring) -> None:
    advance(story, "2026-06-10T12:00:00Z")
    begun = story.post("/v1/subscriptions", {"key": "acme", "customer": "acme", "plan": "pro"})
    assert begun["starts_at"] == "2026-06-10T12:00:00Z"
    assert begun["status"] == "active", "although it is January for all others"
    advance(story, "2026-06-20T12:00:00Z")
    pause = {"what": {"kind": "pause"}}
    made = story.post("/v1/subscriptions/acme/changes", pause)
    assert made["changes"][0]["effective_at"] == "2026-06-20T12:00:00Z"
    assert made["subscription"]["status"] == "paused"
    close_everywhere(wiring, grace=timedelta())
    story.bill()
    assert story.invoices("acme") == [], "no run touches it"


def test_its_trial_ends_at_the_event_that_ends_it(story: Story) -> None:
    story.meter("calls")
    advance(story, "2026-01-01T00:00:00Z")
    story.post(
        "/v1/subscriptions",
        {
            "key": "acme",
            "customer": "acme",
            "plan": "pro",
            "trial": {"usage": {"meter": "calls", "quantity": 2}},
        },
    )
    story.call("acme", day(1, 4), day(1, 5, 6))
    assert advance(story, "2026-02-20T00:00:00Z")["stops"] == 3
    [phase, _] = story.get("/v1/subscriptions/acme/phases")["results"]
    assert phase["ends"] == "2026-01-05T06:00:00.000001Z"
    assert len(story.invoices("acme")) == 1


def test_it_is_never_turned_back(story: Story) -> None:
    advance(story, "2026-06-01T00:00:00Z")
    refused = story.refused(CLOCK, {"at": "2026-05-01T00:00:00Z"})
    assert (refused["status"], refused["code"]) == (409, "clock_turned_back")
    assert story.get("/v1/customers/acme")["clock_at"] == "2026-06-01T00:00:00Z"


def test_no_customer_of_a_live_organization_has_a_clock(api: TestClient[Litestar]) -> None:
    body = {"key": "acme", "name": "Acme", "currency": "EUR"}
    assert api.post("/v1/customers", json=body).is_success
    refused = api.post(CLOCK, json={"at": "2027-01-01T00:00:00Z"})
    assert (refused.status_code, refused.json()["code"]) == (403, "live_organization")
