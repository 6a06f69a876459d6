"""Contracts that say otherwise than their plan, told in calendar order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

CALLS: Answer = {
    "key": "calls",
    "name": "Calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "10"},
}
FEE: Answer = {"key": "fee", "name": "Fee", "rule": {"model": "flat", "amount": "100"}}
HALF: Answer = {"prices": {"fee": {"discount_pct": "50"}}}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.plan("pro", FEE, CALLS)
        begun.customer("acme")
        yield begun


def subscribe(story: Story, **said: object) -> Answer:
    body = {"key": "acme", "customer": "acme", "plan": "pro", "alignment": "calendar"}
    starts_at = day(1).isoformat()
    return story.post("/v1/subscriptions", {**body, "starts_at": starts_at, **said})


def bills(story: Story) -> list[list[tuple[str, str]]]:
    """Every invoice in short, verified."""
    return [
        [(line["price_key"], line["amount"]) for line in invoice["lines"]]
        for invoice in story.proved("acme")
    ]


def test_a_contract_negotiated_from_the_start(story: Story) -> None:
    """Five calls free, the rest at 8, and 150 a month promised; the plan is as it was."""
    overrides = {
        "prices": {
            "calls": {
                "rule": {"model": "per_unit", "unit_amount": "8"},
                "allowance": "5",
                "maximum": None,
            }
        },
        "commitments": [{"key": "promise", "name": "Committed spend", "amounts": ["150"]}],
    }
    subscription = subscribe(story, overrides=overrides)
    assert subscription["overrides"]["prices"]["calls"]["allowance"] == "5"
    assert subscribe(story, overrides=overrides)["id"] == subscription["id"], "a retry"
    story.call("acme", *[day(1, 1, hour) for hour in range(7)])
    story.pass_time(day(2, 2))
    assert bills(story) == [[("fee", "100.00"), ("calls", "16.00"), ("promise", "34.00")]]
    assert story.get("/v1/plans/pro")["prices"][1]["rule"]["unit_amount"] == "10"


def test_a_discount_agreed_on_later_and_undone(story: Story) -> None:
    subscribe(story)
    story.pass_time(day(2, 2))
    change = {"what": {"kind": "override", "overrides": HALF}, "at": "period_end"}
    preview = story.post("/v1/subscriptions/acme/change-previews", change)
    assert preview["changed"]["total"] == preview["unchanged"]["total"], "not yet"
    made = story.post("/v1/subscriptions/acme/changes", change)
    assert made["changes"][0]["overrides"] == HALF
    assert made["subscription"]["overrides"] is None, "until the period ends"
    story.pass_time(day(4, 2))
    assert story.get("/v1/subscriptions/acme")["overrides"] == HALF
    none = {"what": {"kind": "override", "overrides": {}}, "at": "period_end"}
    story.post("/v1/subscriptions/acme/changes", none)
    story.pass_time(day(6, 2))
    fees = [bill[0] for bill in bills(story)]
    assert fees == [("fee", amount) for amount in ("100.00", "100.00", "50.00", "50.00", "100.00")]


def test_what_was_negotiated_goes_along_to_the_next_version(story: Story) -> None:
    subscribe(story, overrides=HALF)
    story.plan("pro", FEE, {**CALLS, "rule": {"model": "per_unit", "unit_amount": "20"}})
    story.plan("other", FEE)
    to_next = {"what": {"kind": "plan", "plan": "pro"}, "at": "period_end"}
    story.post("/v1/subscriptions/acme/changes", to_next)
    story.pass_time(day(2, 2))
    subscription = story.get("/v1/subscriptions/acme")
    assert (subscription["version"], subscription["overrides"]) == (2, HALF)
    to_other = {"what": {"kind": "plan", "plan": "other"}, "at": "period_end"}
    story.post("/v1/subscriptions/acme/changes", to_other)
    story.pass_time(day(4, 2))
    assert story.get("/v1/subscriptions/acme")["overrides"] is None, "another plan, another deal"
    assert [bill[0][1] for bill in bills(story)] == ["50.00", "50.00", "100.00"]


@pytest.mark.parametrize(
    ("overrides", "field", "why"),
    [
        ({"prices": {"nothing": {}}}, "overrides/prices/nothing", "the plan has no such price"),
        ({"prices": {"fee": {"discount_pct": "101"}}}, "overrides/prices/fee/discount_pct", "…"),
        (
            {"prices": {"calls": {"allowance": "-1"}}},
            "overrides/prices/calls/allowance",
            "negative",
        ),
        (
            {"commitments": [{"key": "fee", "name": "Fee", "amounts": ["1"]}]},
            "overrides/commitments/0/key",
            "the key is a price's",
        ),
        (
            {"spend_limits": [{"key": "cap", "name": "Cap", "minimum": "2", "maximum": "1"}]},
            "overrides/spend_limits/0/minimum",
            "both cannot be kept",
        ),
    ],
)
def test_overrides_that_cannot_be_meant(
    story: Story, overrides: Answer, field: str, why: str
) -> None:
    body = {"key": "acme", "customer": "acme", "plan": "pro", "overrides": overrides}
    assert story.refused("/v1/subscriptions", body)["field"] == field, why
