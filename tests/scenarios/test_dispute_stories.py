"""Outcomes disputed after they were billed, in calendar order: docs/semantics/pricing.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

SOLVED: Answer = {
    "key": "solved",
    "meter": "solved",
    "rule": {"model": "outcome", "unit_amount": "10", "dispute_days": 40},
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("solved", dimensions=("outcome_id", "status"))
        begun.customer("desk")
        yield begun


def solved(story: Story, month: int, number: int, *names: str, status: str = "confirmed") -> None:
    for name in names:
        story.call("desk", day(month, number), outcome_id=name, status=status)


def disputed(story: Story, month: int, number: int, *names: str) -> None:
    solved(story, month, number, *names, status="disputed")


def bills(story: Story) -> list[list[str]]:
    """The amounts on each invoice, in order, all verified."""
    return [[line["amount"] for line in bill["lines"]] for bill in story.proved("desk")]


@pytest.mark.parametrize(
    ("coupon", "expected", "why"),
    [
        ({}, [["30.00"], ["-20.00"]], "two of three at their price"),
        (
            {"rate_pct": "100"},
            [["30.00", "-30.00"], ["-20.00", "20.00"]],
            "nothing was paid, nothing is given back",
        ),
        (
            {"rate_pct": "50"},
            [["30.00", "-15.00"], ["-20.00", "10.00"]],
            "half was paid, half is given back",
        ),
        (
            {"rate_pct": "50", "frequency": "forever"},
            [["30.00", "-15.00"], ["-20.00", "10.00"]],
            "it acts on what is charged, and takes back what it took off",
        ),
        (
            {"amount": "15", "currency": "EUR"},
            [["30.00", "-15.00"], ["-20.00", "10.00"]],
            "two thirds of 15.00",
        ),
    ],
)
def test_what_was_paid_is_given_back(
    story: Story, coupon: Answer, expected: list[list[str]], why: str
) -> None:
    story.plan("agent", SOLVED)
    if coupon:
        story.post("/v1/coupons", {"key": "OFF", "name": "Off", **coupon})
        story.post("/v1/coupon-redemptions", {"code": "OFF", "customer": "desk"})
    story.subscribe("desk", "agent", day(1))
    solved(story, 1, 10, "a", "b", "c")
    disputed(story, 2, 3, "a", "b")
    story.pass_time(day(3, 2))
    assert bills(story) == expected, why


def test_new_outcomes_are_discounted_whole_beside_what_is_given_back(story: Story) -> None:
    """Half off for ever: three solved in January; in February four more, and one of January's back.

    15.00 were paid for January, 5.00 of it are given back, and February costs 20.00.
    """
    story.plan("agent", {**SOLVED, "rule": {**SOLVED["rule"], "dispute_days": 60}})
    offer = {"key": "HALF", "name": "Half", "rate_pct": "50", "frequency": "forever"}
    story.post("/v1/coupons", offer)
    story.post("/v1/coupon-redemptions", {"code": "HALF", "customer": "desk"})
    story.subscribe("desk", "agent", day(1))
    solved(story, 1, 10, "a", "b", "c")
    disputed(story, 2, 3, "a")
    solved(story, 2, 5, "d", "e", "f", "g")
    disputed(story, 3, 1, "b", "d")
    story.pass_time(day(4, 2))
    assert bills(story) == [["30.00", "-15.00"], ["30.00", "-15.00"], ["-20.00", "10.00"]]
    back = story.proved("desk")[2]["lines"][0]["working"]
    given = [step for step in back if step["code"] == "disputed"]
    assert [step["amount"] for step in given] == ["-10", "-10"], "of January and of February"


@pytest.mark.parametrize(
    ("said", "expected", "why"),
    [
        ({"maximum": "15"}, [["15.00"], ["-15.00"]], "no more than was billed"),
        ({"discount_pct": "20"}, [["24.00"], ["-16.00"]], "the price's discount is kept"),
        ({"discount_pct": "100"}, [["0.00"], ["0.00"]], "nothing was billed"),
    ],
)
def test_no_more_is_given_back_than_was_billed(
    story: Story, said: Answer, expected: list[list[str]], why: str
) -> None:
    story.plan("agent", {**SOLVED, **said})
    story.subscribe("desk", "agent", day(1))
    solved(story, 1, 10, "a", "b", "c")
    disputed(story, 2, 3, "a", "b")
    story.pass_time(day(3, 2))
    assert bills(story) == expected, why


def test_a_price_that_went_up_gives_back_what_was_billed(story: Story) -> None:
    """One outcome at 10.00; disputed when it costs 25.00."""
    story.plan("agent", SOLVED)
    story.plan("dear", {**SOLVED, "rule": {**SOLVED["rule"], "unit_amount": "25"}})
    story.subscribe("desk", "agent", day(1))
    solved(story, 1, 10, "a")
    story.pass_time(day(2, 1))
    story.post("/v1/subscriptions/desk/changes", {"what": {"kind": "plan", "plan": "dear"}})
    disputed(story, 2, 3, "a")
    story.pass_time(day(3, 2))
    assert bills(story) == [["10.00"], ["-10.00"]]


def test_what_no_bill_charged_is_not_given_back(story: Story) -> None:
    """Confirmed during the trial, disputed after it."""
    story.plan("agent", SOLVED)
    body = {"key": "desk", "customer": "desk", "plan": "agent", "alignment": "calendar"}
    trial = {"ends_at": day(1, 15).isoformat()}
    story.post("/v1/subscriptions", {**body, "starts_at": day(1).isoformat(), "trial": trial})
    solved(story, 1, 10, "a")
    solved(story, 1, 20, "b")
    disputed(story, 2, 3, "a", "b")
    story.pass_time(day(3, 2))
    assert bills(story) == [["10.00"], ["-10.00"]]
