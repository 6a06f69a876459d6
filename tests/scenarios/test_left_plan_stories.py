"""What was promised of a plan that is left: docs/semantics/conditions.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "10"},
}
PROMISE: Answer = {"key": "promise", "name": "Committed"}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        yield begun


def plan(story: Story, key: str, **said: object) -> None:
    body = {"key": key, "name": key.title(), "currency": "EUR", "prices": [{**CALLS, "name": "C"}]}
    story.post("/v1/plans", {**body, **said})


def to(story: Story, key: str, **said: object) -> Answer:
    what = {"kind": "plan", "plan": key}
    return story.post("/v1/subscriptions/acme/changes", {"what": what, **said})


def bills(story: Story) -> list[list[tuple[str, str]]]:
    """Of every line of every invoice whose it is and what it comes to. All are verified."""
    return [
        [(line["price_key"], line["amount"]) for line in invoice["lines"]]
        for invoice in story.proved("acme")
    ]


def conditions(story: Story) -> list[tuple[int, str, str]]:
    """Of every line of a condition: by which bill, whose it is, what it comes to."""
    return [
        (number, key, amount)
        for number, lines in enumerate(bills(story), start=1)
        for key, amount in lines
        if key != "calls"
    ]


YEAR = {"commitments": [{**PROMISE, "per": "year", "amounts": ["3650"]}]}
MONTH = {"commitments": [{**PROMISE, "amounts": ["310"]}]}
TOTAL = {"commitments": [{**PROMISE, "per": "total", "amounts": ["500"]}]}
LEAST = {"spend_limits": [{"key": "least", "name": "Least", "minimum": "31"}]}
CAP = {"spend_limits": [{"key": "cap", "name": "Cap", "maximum": "31"}]}
LARGER = {"commitments": [{**PROMISE, "key": "larger", "per": "year", "amounts": ["7300"]}]}


@pytest.mark.parametrize(
    ("agreed", "after", "at", "lines", "why"),
    [
        (YEAR, {}, day(4, 11), [(4, "promise", "960.00")], "100 of 365 days are 1,000.00, less 40"),
        (YEAR, {}, day(4, 1), [(4, "promise", "870.00")], "90 days, less the 30 charged by then"),
        (TOTAL, {}, day(4, 11), [(4, "promise", "460.00")], "a total is not prorated"),
        (YEAR, LARGER, day(4, 11), [], "the larger promise takes it over"),
        (YEAR, YEAR, day(4, 11), [], "the same promise goes on"),
        (
            MONTH,
            {},
            day(2, 15),
            [(1, "promise", "300.00"), (2, "promise", "145.00")],
            "14 of 28 days of February are 155.00, less 10",
        ),
        (LEAST, {}, day(2, 15), [(1, "least", "21.00"), (2, "least", "5.50")], "half of 31"),
        (LEAST, LEAST, day(2, 15), [(n, "least", "21.00") for n in range(1, 7)], "it goes on"),
    ],
)
def test_a_promise_is_settled_when_its_plan_is_left(
    story: Story,
    agreed: Answer,
    after: Answer,
    at: object,
    lines: list[tuple[int, str, str]],
    why: str,
) -> None:
    """One call on the third of each month, 10 each. The bills to June say it once."""
    plan(story, "pro", **agreed)
    plan(story, "plain", **after)
    story.subscribe("acme", "pro", day(1))
    for month in range(1, 7):
        story.call("acme", day(month, 3))
    to(story, "plain", effective_at=at.isoformat())  # type: ignore[attr-defined]
    story.pass_time(day(7, 2))
    assert conditions(story) == lines, why


def test_a_settled_promise_is_not_owed_again_on_the_way_back(story: Story) -> None:
    """Left in April, taken again in July: at the end of the year it comes to the time under it."""
    plan(story, "pro", **YEAR)
    plan(story, "plain")
    story.subscribe("acme", "pro", day(1))
    story.pass_time(day(4, 1))
    left = to(story, "plain")
    story.pass_time(day(7, 1))
    assert conditions(story) == [(4, "promise", "900.00")]
    story.delete(f"/v1/subscriptions/acme/changes/{left['changes'][0]['number']}")
    story.pass_time(day(1, 2, year=2027))
    assert conditions(story) == [(4, "promise", "900.00"), (12, "promise", "2750.00")]


def test_a_cap_ends_with_its_plan(story: Story) -> None:
    plan(story, "pro", **CAP)
    plan(story, "plain")
    story.subscribe("acme", "pro", day(1))
    story.call("acme", *[day(2, 3, hour) for hour in range(4)], day(2, 20))
    to(story, "plain", effective_at=day(2, 15).isoformat())
    story.pass_time(day(4, 2))
    assert bills(story) == [
        [("calls", "0.00")],
        [("calls", "50.00")],
        [("calls", "0.00")],
    ], "nothing is missing to it"
