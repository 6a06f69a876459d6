"""Trials, told in calendar order on a test clock. Rules: docs/semantics/trials.md."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from contracts import day
from story import Answer, Clock, Story, played, printed, told
from tallybook.domain.customers.organization import Organization
from tallybook.jobs.closing import close_everywhere
from tallybook.services.close_period import close_subscription
from tallybook.services.ports import Wiring

CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "1"},
}
BASE: Answer = {
    "key": "base",
    "rule": {"model": "flat", "amount": "31"},
    "timing": "in_advance",
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        prepare(begun)
        yield begun


def prepare(story: Story) -> None:
    story.meter("calls")
    story.plan("pro", BASE, CALLS)
    story.plan("free", {**BASE, "rule": {"model": "flat", "amount": "0"}})
    story.customer("acme")


def on_trial(story: Story, key: str = "acme", **trial: Any) -> Answer:
    return story.post("/v1/subscriptions", body(key, **trial))


def body(key: str = "acme", **trial: Any) -> Answer:
    return {
        "key": key,
        "customer": "acme",
        "plan": "pro",
        "starts_at": "2026-01-01T00:00:00Z",
        "trial": trial,
    }


def by_calls(quantity: int) -> Answer:
    return {"meter": "calls", "quantity": quantity}


def bills(story: Story) -> list[list[tuple[str, str, str]]]:
    return [printed(invoice) for invoice in story.proved("acme")]


def test_a_trial_of_three_calls(story: Story) -> None:
    """The third call ends it, to the microsecond; the fourth is the first that is paid for."""
    shown = on_trial(story, usage=by_calls(3))
    assert (shown["status"], shown["trial_usage"]) == (
        "trialing",
        {"meter": "calls", "quantity": "3"},
    )
    story.call("acme", day(1, 4), day(1, 6), day(1, 9, 15), day(1, 9, 16), day(2, 1))
    passed = story.pass_time(day(2, 20))
    assert passed["stops"] == 3, "where it stood, at the third call, and a month later"
    over = story.get("/v1/subscriptions/acme/phases")["results"]
    assert [phase["starts"] for phase in over] == [
        "2026-01-01T00:00:00Z",
        "2026-01-09T15:00:00.000001Z",
    ]
    assert bills(story) == [
        [("base", "1", "31.00")],
        [("base", "1", "31.00"), ("calls", "2", "2.00")],
    ]
    [opening, _] = story.invoices("acme")
    assert opening["created_at"] == "2026-01-09T15:00:00.000001Z", "billed when it was used up"
    assert story.get("/v1/subscriptions/acme")["trial_usage"] is None, "it is over"


def test_a_trial_by_usage_that_is_never_reached_ends_by_time(story: Story) -> None:
    on_trial(story, usage=by_calls(100), days=14, then="ended")
    story.call("acme", day(1, 4))
    story.pass_time(day(2))
    assert story.get("/v1/subscriptions/acme")["status"] == "ended"
    assert bills(story) == []


def test_a_trial_by_usage_that_goes_on_to_a_free_plan(story: Story) -> None:
    on_trial(story, usage=by_calls(2), then="free", free_plan="free")
    story.call("acme", day(1, 4), day(1, 5))
    story.pass_time(day(1, 20))
    assert story.get("/v1/subscriptions/acme")["plan"] == "free"
    assert bills(story) == [[("base", "1", "0.00")]]


def test_the_background_ends_trials_that_are_used_up(
    wiring: Wiring, organization: Organization
) -> None:
    """No one advances anything: what runs by itself looks at the events."""
    clock = Clock(day(1, 10))
    with told(wiring, organization, clock) as story:
        prepare(story)
        on_trial(story, usage=by_calls(2))
        story.call("acme", day(1, 4), day(1, 5))
        close_everywhere(story.wiring, grace=timedelta(hours=1))
        assert story.get("/v1/subscriptions/acme")["status"] == "active"
        assert bills(story) == [[("base", "1", "31.00")]]


def test_a_trial_that_requires_a_payment_method(story: Story) -> None:
    asked = body(days=14, requires_payment_method=True)
    refused = story.refused("/v1/subscriptions", asked)
    assert (refused["status"], refused["code"]) == (409, "payment_method_missing")
    story.patch("/v1/customers/acme", {"has_payment_method": True})
    assert story.post("/v1/subscriptions", asked)["status"] == "trialing"


@pytest.mark.parametrize(
    ("outcome", "is_on_file", "status", "totals", "why"),
    [
        ("ended", False, "ended", [], "nobody can be charged"),
        ("paused", False, "paused", [], "until there is one, and it is resumed"),
        ("paid", False, "active", ["31.00"], "an invoice is sent all the same"),
        ("ended", True, "active", ["31.00"], "it came in time"),
    ],
)
def test_a_trial_that_ends_without_a_payment_method(
    story: Story, outcome: str, is_on_file: bool, status: str, totals: list[str], why: str
) -> None:
    on_trial(story, days=14, without_payment_method=outcome)
    story.pass_time(day(1, 10))
    story.patch("/v1/customers/acme", {"has_payment_method": is_on_file})
    story.pass_time(day(2))
    assert story.get("/v1/subscriptions/acme")["status"] == status, why
    assert [invoice["total"] for invoice in story.invoices("acme")] == totals, why


def test_paused_for_want_of_a_payment_method_and_resumed(story: Story) -> None:
    """The calendar went on: the month that began with the trial's end is charged for its rest."""
    on_trial(story, days=14, without_payment_method="paused")
    story.pass_time(day(1, 20))
    story.patch("/v1/customers/acme", {"has_payment_method": True})
    story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "resume"}})
    story.pass_time(day(2, 15))
    assert [invoice["total"] for invoice in story.invoices("acme")] == ["57.00"], "26 days and 31"


def test_one_trial_of_a_plan(story: Story) -> None:
    on_trial(story, days=14, then="ended")
    story.pass_time(day(3))
    again = {**body("again", days=14), "starts_at": "2026-03-01T00:00:00Z"}
    refused = story.refused("/v1/subscriptions", again)
    assert (refused["status"], refused["code"]) == (409, "trial_had_before")
    again["trial"]["again"] = True
    assert story.post("/v1/subscriptions", again)["status"] == "trialing", "allowed this time"


def test_one_trial_of_a_family(story: Story) -> None:
    family = {"name": "Cloud", "plans": ["free", "pro"]}
    story.put("/v1/plan-families/cloud", family)
    on_trial(story, days=14)
    other = {**body("other", days=14), "plan": "free"}
    assert story.refused("/v1/subscriptions", other)["code"] == "trial_had_before"


def test_a_trial_by_a_meter_that_goes_up_and_down_is_refused(story: Story) -> None:
    story.post(
        "/v1/meters",
        {
            "key": "seats",
            "name": "Seats",
            "event_type": "seats",
            "aggregation": {"type": "latest", "value": "count"},
        },
    )
    refused = story.refused("/v1/subscriptions", body(usage={"meter": "seats", "quantity": 5}))
    assert refused["code"] == "trial_by_no_total"
    refused = story.refused("/v1/subscriptions", body(usage={"meter": "sofas", "quantity": 5}))
    assert refused["code"] == "unknown_meter"


def test_a_trial_ended_too_early_by_mistake(story: Story) -> None:
    """Ended on the 8th, undone on the 9th: it runs to the 15th after all."""
    on_trial(story, days=14)
    story.pass_time(day(1, 8))
    ended = story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "end_trial"}})
    assert ended["subscription"]["status"] == "active"
    number = ended["changes"][-1]["number"]
    undone = story.delete(f"/v1/subscriptions/acme/changes/{number}")
    assert undone["subscription"]["status"] == "trialing"
    assert undone["subscription"]["trial_ends_at"] == "2026-01-15T00:00:00Z"
    story.pass_time(day(2))
    assert bills(story) == [[("base", "1", "31.00")]]


@pytest.mark.parametrize(
    ("path", "asked", "why"),
    [
        ("changes", {"what": {"kind": "plan", "plan": "free"}}, "a change"),
        ("cancellation", {"at": "now"}, "a cancellation"),
    ],
)
def test_a_trial_that_was_used_up_is_looked_at_before_billing_at_once(
    story: Story, path: str, asked: Answer, why: str
) -> None:
    """Used up on 10 January, over on the 15th at the latest; nothing ran until the 16th."""
    on_trial(story, usage=by_calls(2), days=14)
    story.call("acme", day(1, 4), day(1, 10), day(1, 12), day(1, 14))
    story.wiring.directory.set_clock(story.organization_id, day(1, 16))
    story.post(f"/v1/subscriptions/acme/{path}", {**asked, "bills_at_once": True})
    story.pass_time(day(3))
    calls = [quantity for bill in bills(story) for key, quantity, _ in bill if key == "calls"]
    assert sum(map(int, calls)) == 2, f"{why}: those of the 12th and the 14th are paid for"
    phases = story.get("/v1/subscriptions/acme/phases")["results"]
    assert phases[1]["starts"] == "2026-01-10T00:00:00.000001Z"


def test_a_trial_that_is_over_and_was_not_looked_at_is_left_to_the_next_run(story: Story) -> None:
    """What closes it would have to know whether it was used up before."""
    on_trial(story, usage=by_calls(2), days=14)
    story.call("acme", day(1, 4), day(1, 10), day(1, 12))
    story.wiring.directory.set_clock(story.organization_id, day(1, 16))
    with story.wiring.books.begin(story.organization_id) as records:
        acme = records.subscriptions.by_key("acme", locked=True)
        assert acme is not None
        close_subscription(story.wiring, records, acme, now=day(1, 16))
        assert records.subscriptions.by_key("acme") == acme
    assert bills(story) == []
    assert story.bill()["stuck"] == []
    assert bills(story) == [[("base", "1", "31.00")]]
