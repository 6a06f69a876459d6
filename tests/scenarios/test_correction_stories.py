"""Corrections and bills: the past stays provable. Rules: docs/semantics/corrections.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Clock, Story, printed, told
from tallybook.domain.customers.organization import Organization
from tallybook.services.ports import Wiring

CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "0.5"},
}


@pytest.fixture
def story(wiring: Wiring, organization: Organization, clock: Clock) -> Iterator[Story]:
    with told(wiring, organization, clock) as begun:
        begun.meter("calls")
        begun.plan("usage", CALLS)
        yield begun


def void(story: Story, **events: str) -> Answer:
    shown = story.post("/v1/corrections/void/preview", {"events": events})
    body = {"events": events, "token": shown["token"], "reason": "sent by a test"}
    return story.post("/v1/corrections/void", body)


def test_an_invoice_stays_proved_and_the_next_one_is_right(story: Story, clock: Clock) -> None:
    story.customer("acme")
    story.subscribe("acme", "usage", day(1))
    story.call("acme", day(1, 3), day(1, 4), day(1, 5), day(1, 6))

    clock.now = day(1, 20)
    made = void(story, customer="acme", to=day(1, 4).isoformat())
    clock.now = day(2)
    story.bill(finalize=True)
    [january] = story.invoices("acme")
    assert printed(january) == [("calls", "3", "1.50")], "a void event is not billed"

    clock.now = day(2, 10)
    later = void(story, source="api", id="e2")
    story.post(f"/v1/corrections/{made['id']}/revert", {"reason": "it was none"})
    verified = story.post(f"/v1/invoices/{january['id']}/verify")
    assert verified["is_equal"], "as of the bill, three events counted"
    [line] = january["lines"]
    behind = story.get(f"/v1/invoices/{january['id']}/lines/{line['number']}/events")["results"]
    assert [(event["id"], event["voided_by"]) for event in behind] == [
        ("e2", later["id"]),
        ("e3", ""),
        ("e4", ""),
    ], "what was billed, and what became of it since"

    story.call("acme", day(2, 3), day(2, 4))
    void(story, source="api", id="e5")
    clock.now = day(3)
    story.bill(finalize=True)
    february = story.invoices("acme")[-1]
    assert ("calls", "1", "0.50") in printed(february)
    assert story.post(f"/v1/invoices/{february['id']}/verify")["is_equal"]
