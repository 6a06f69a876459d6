"""Changes sent again: under a key each is made once. Rules: docs/semantics/proration.md."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

MORE = {"kind": "add_quantity", "price_key": "seats", "quantity": "3"}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    """One seat of 31.00 from January on; it is 11 January."""
    with played(wiring, day(1)) as begun:
        rule = {"model": "per_unit", "unit_amount": "31"}
        begun.plan("team", {"key": "seats", "rule": rule, "timing": "in_advance"})
        begun.customer("acme")
        begun.subscribe("acme", "team", day(1))
        begun.pass_time(day(1, 11))
        yield begun


def change(story: Story, what: Answer, key: str, **said: Any) -> Answer:
    return story.post("/v1/subscriptions/acme/changes", {"what": what, "key": key, **said})


def test_three_more_seats_sent_twice_are_three(story: Story) -> None:
    """The answer to the first was lost on its way."""
    first = change(story, MORE, "order-17")
    again = change(story, {**MORE, "quantity": 3.0}, "order-17")
    assert again == first, "the same number, however it is written"
    assert first["subscription"]["quantities"] == {"seats": "4"}
    change(story, MORE, "order-18")
    assert story.get("/v1/subscriptions/acme")["quantities"] == {"seats": "7"}


def test_another_change_under_the_key_is_refused(story: Story) -> None:
    change(story, MORE, "order-17")
    body = {"what": {**MORE, "quantity": "4"}, "key": "order-17"}
    refused = story.refused("/v1/subscriptions/acme/changes", body)
    assert (refused["status"], refused["code"], refused["field"]) == (409, "change_differs", "key")
    malformed = story.refused("/v1/subscriptions/acme/changes", {**body, "key": "?"})
    assert (malformed["code"], malformed["field"]) == ("malformed_key", "key")


def test_what_is_refused_does_not_use_its_key_up(story: Story) -> None:
    body = {"what": {"kind": "resume"}, "key": "order-17"}
    assert story.refused("/v1/subscriptions/acme/changes", body)["code"] == "nothing_changes"
    assert change(story, MORE, "order-17")["changes"][0]["number"] == 1


def test_billed_at_once_it_is_billed_once(story: Story) -> None:
    """Sent again when more has happened: what was recorded then, and all as it is now."""
    first = change(story, MORE, "order-17", bills_at_once=True)
    assert [invoice["total"] for invoice in first["invoices"]] == ["63.00"], "3 × 21 of 31 days"
    change(story, {**MORE, "quantity": "1"}, "order-18")
    story.pass_time(day(1, 15))
    again = change(story, MORE, "order-17", bills_at_once=True)
    assert (again["changes"], again["invoices"]) == (first["changes"], first["invoices"])
    assert again["subscription"]["quantities"] == {"seats": "5"}
    assert len(story.proved("acme")) == 2, "the opening, and the one"


def test_sent_ten_times_side_by_side(story: Story) -> None:
    with ThreadPoolExecutor(10) as senders:
        answers = list(senders.map(lambda _: change(story, MORE, "order-17"), range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert len(story.get("/v1/subscriptions/acme/changes")["results"]) == 1


def test_a_key_is_of_one_subscription(story: Story) -> None:
    story.customer("umbrella")
    story.subscribe("umbrella", "team", day(1))
    change(story, MORE, "order-17")
    story.post("/v1/subscriptions/umbrella/changes", {"what": MORE, "key": "order-17"})
    assert story.get("/v1/subscriptions/umbrella")["quantities"] == {"seats": "4"}
