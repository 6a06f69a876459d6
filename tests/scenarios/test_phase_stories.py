"""Phases, ramps and scheduled changes, told in calendar order. Rules: docs/semantics/phases.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        for key, amount in (("start", "20"), ("grow", "40")):
            base = {"key": "base", "rule": {"model": "flat", "amount": amount}}
            seats = {"key": "seats", "rule": {"model": "per_unit", "unit_amount": "10"}}
            begun.plan(key, {**base, "timing": "in_advance"}, {**seats, "timing": "in_advance"})
        begun.customer("acme")
        yield begun


def subscribe(story: Story, **said: Any) -> Answer:
    return story.post(
        "/v1/subscriptions",
        {
            "key": "acme",
            "customer": "acme",
            "plan": "start",
            "starts_at": "2026-01-01T00:00:00Z",
            **said,
        },
    )


def bills(story: Story) -> list[list[str]]:
    return [[line["amount"] for line in invoice["lines"]] for invoice in story.proved("acme")]


def phases(story: Story) -> list[tuple[str, str, str]]:
    found = story.get("/v1/subscriptions/acme/phases")["results"]
    return [(one["starts"][:10], one["plan"], one["quantities"].get("seats", "1")) for one in found]


def test_a_ramp_agreed_at_the_start(story: Story) -> None:
    """Two seats; from the third month on five; from the fifth on the larger plan with ten."""
    subscribe(
        story,
        quantities={"seats": 2},
        phases=[
            {"after": 2, "quantities": {"seats": 5}},
            {"after": 4, "plan": "grow", "quantities": {"seats": 10}},
        ],
    )
    assert phases(story) == [
        ("2026-01-01", "start", "2"),
        ("2026-03-01", "start", "5"),
        ("2026-05-01", "grow", "10"),
    ]
    story.pass_time(day(5))
    assert bills(story) == [
        ["20.00", "20.00"],
        ["20.00", "20.00"],
        ["20.00", "50.00"],
        ["20.00", "50.00"],
        ["40.00", "100.00"],
    ]


def test_a_ramp_after_a_trial_is_paid_for_all_its_months(story: Story) -> None:
    subscribe(story, trial={"days": 14}, phases=[{"after": 1, "quantities": {"seats": 3}}])
    assert [starts for starts, *_ in phases(story)] == ["2026-01-01", "2026-01-15", "2026-02-15"]
    story.pass_time(day(2, 15))
    assert bills(story) == [["20.00", "10.00"], ["20.00", "30.00"]]


def test_a_schedule_made_later_and_made_anew(story: Story) -> None:
    """Scheduled in January; in March what is still ahead is replaced; what has begun stays."""
    subscribe(story)
    story.pass_time(day(1, 20))
    story.put(
        "/v1/subscriptions/acme/phases",
        {
            "phases": [
                {"starts_at": "2026-02-01T00:00:00Z", "quantities": {"seats": 2}},
                {"starts_at": "2026-04-01T00:00:00Z", "plan": "grow"},
            ]
        },
    )
    story.pass_time(day(3, 10))
    story.put(
        "/v1/subscriptions/acme/phases",
        {"phases": [{"starts_at": "2026-05-01T00:00:00Z", "quantities": {"seats": 4}}]},
    )
    assert phases(story) == [
        ("2026-01-01", "start", "1"),
        ("2026-02-01", "start", "2"),
        ("2026-05-01", "start", "4"),
    ]
    story.pass_time(day(5))
    assert [sum(map(float, bill)) for bill in bills(story)] == [30, 40, 40, 40, 60]
    story.put("/v1/subscriptions/acme/phases", {"phases": []})
    assert len(phases(story)) == 3, "nothing was ahead"


def test_a_phase_in_mid_month_is_prorated_or_not_as_it_says(story: Story) -> None:
    subscribe(
        story,
        phases=[
            {"starts_at": "2026-01-11T00:00:00Z", "quantities": {"seats": 2}},
            {
                "starts_at": "2026-02-11T00:00:00Z",
                "quantities": {"seats": 3},
                "proration": "none",
            },
        ],
    )
    story.pass_time(day(3))
    assert bills(story) == [["20.00", "3.23", "13.55"], ["20.00", "20.00"], ["20.00", "30.00"]]


def test_a_start_that_is_scheduled_with_a_change_that_is_scheduled(story: Story) -> None:
    """Signed in January for March; an upgrade for May is decided before it begins."""
    begun = subscribe(story, starts_at="2026-03-01T00:00:00Z")
    assert begun["status"] == "scheduled"
    story.pass_time(day(2, 10))
    change = {"what": {"kind": "plan", "plan": "grow"}, "effective_at": "2026-05-01T00:00:00Z"}
    story.post("/v1/subscriptions/acme/changes", change)
    story.pass_time(day(5))
    assert bills(story) == [["20.00", "10.00"], ["20.00", "10.00"], ["40.00", "10.00"]]


@pytest.mark.parametrize(
    ("ramp", "code", "field"),
    [
        ([{"after": 1}], "phase_says_nothing", "phases/0"),
        ([{"plan": "grow"}], "phase_start", "phases/0/after"),
        ([{"after": 0, "plan": "grow"}], "phase_start", "phases/0/after"),
        (
            [{"after": 2, "plan": "grow"}, {"after": 1, "plan": "start"}],
            "phases_out_of_order",
            "phases/1",
        ),
        ([{"after": 1, "quantities": {"sofas": 2}}], "no_such_fee", "phases/0/price_key"),
        ([{"after": 1, "plan": "sofa"}], "unknown_plan", "phases/0/plan"),
    ],
)
def test_schedules_that_cannot_be(story: Story, ramp: list[Answer], code: str, field: str) -> None:
    body = {"key": "other", "customer": "acme", "plan": "start", "phases": ramp}
    refused = story.refused("/v1/subscriptions", body)
    assert refused["code"] == code
    assert field in str(refused)


def test_half_price_for_three_months(story: Story) -> None:
    """A discount in a phase: negotiated at the start, over with the fourth month."""
    half = {"prices": {"base": {"discount_pct": "50"}}}
    subscribe(
        story,
        overrides=half,
        phases=[
            {"after": 2, "overrides": {"prices": {"base": {"discount_pct": "25"}}}},
            {"after": 3, "overrides": {}},
        ],
    )
    story.pass_time(day(5))
    assert [bill[0] for bill in bills(story)] == ["10.00", "10.00", "15.00", "20.00", "20.00"]


def test_what_has_begun_is_not_scheduled(story: Story) -> None:
    subscribe(story)
    story.pass_time(day(2, 10))
    again = {"phases": [{"after": 1, "plan": "grow"}]}
    refused = story.refused("/v1/subscriptions/acme/phases", again, method="PUT")
    assert (refused["status"], refused["code"]) == (409, "phase_has_begun")
