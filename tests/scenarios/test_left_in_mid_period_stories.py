"""What counts for the promise of a plan left in mid-period: docs/semantics/conditions.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

PROMISE: Answer = {"key": "promise", "name": "Committed"}
MONTH = {"commitments": [{**PROMISE, "amounts": ["280"]}]}
YEAR = {"commitments": [{**PROMISE, "per": "year", "amounts": ["3650"]}]}
LEAST = {"spend_limits": [{"key": "promise", "name": "Least", "minimum": "280"}]}


def calls(rule: Answer, **said: str) -> Answer:
    return {"key": "calls", "name": "Calls", "meter": "calls", "rule": rule, **said}


TEN = calls({"model": "per_unit", "unit_amount": "10"})
TIERS = [{"up_to": "2", "unit_amount": "10"}, {"unit_amount": "1"}]
TIERED = calls({"model": "graduated", "tiers": TIERS})
FREE_TWO = calls({"model": "per_unit", "unit_amount": "10"}, allowance="2", minimum="15")
FIVE = calls({"model": "per_unit", "unit_amount": "5"})


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        yield begun


@pytest.mark.parametrize(
    ("before", "after", "agreed", "lines", "why"),
    [
        (TEN, TEN, MONTH, ["50.00", "120.00"], "14 of 28 days are 140.00, 2 of 5 calls by then"),
        (TEN, TEN, LEAST, ["50.00", "120.00"], "a least amount as a promise"),
        (TEN, FIVE, MONTH, ["20.00", "15.00", "120.00"], "another price is another line"),
        (
            TIERED,
            TIERED,
            MONTH,
            ["23.00", "120.00"],
            "the tiers go on: the two before the change were the dear ones",
        ),
        (
            FREE_TWO,
            FREE_TWO,
            MONTH,
            ["30.00", "125.00"],
            "by the change both calls were included, and 15.00 at least",
        ),
    ],
)
def test_what_was_used_before_the_change_counts(
    story: Story, before: Answer, after: Answer, agreed: Answer, lines: list[str], why: str
) -> None:
    """Two calls before 15 February, three after it."""
    for key, price, said in (("pro", before, agreed), ("plain", after, {})):
        body = {"key": key, "name": key.title(), "currency": "EUR", "prices": [price]}
        story.post("/v1/plans", {**body, **said})
    story.subscribe("acme", "pro", day(2))
    story.call("acme", day(2, 3), day(2, 4), day(2, 20), day(2, 21), day(2, 22))
    what = {"kind": "plan", "plan": "plain"}
    change = {"what": what, "effective_at": day(2, 15).isoformat()}
    story.post("/v1/subscriptions/acme/changes", change)
    story.pass_time(day(3, 2))
    (bill,) = story.proved("acme")
    assert [line["amount"] for line in bill["lines"]] == lines, why


def test_a_year_that_is_left_in_mid_month_is_settled_once(story: Story) -> None:
    """A call on the 3rd and the 20th of each month; on 11 April to the same price without promise.

    100 of 365 days are 1,000.00, less the seven calls by then; later bills say nothing of it.
    """
    for key, said in (("pro", YEAR), ("plain", {})):
        body = {"key": key, "name": key.title(), "currency": "EUR", "prices": [TEN]}
        story.post("/v1/plans", {**body, **said})
    story.subscribe("acme", "pro", day(1))
    for month in range(1, 7):
        story.call("acme", day(month, 3), day(month, 20))
    change = {"what": {"kind": "plan", "plan": "plain"}, "effective_at": day(4, 11).isoformat()}
    story.post("/v1/subscriptions/acme/changes", change)
    story.pass_time(day(7, 2))
    bills = [[line["amount"] for line in bill["lines"]] for bill in story.proved("acme")]
    assert bills == [["20.00"]] * 3 + [["20.00", "930.00"]] + [["20.00"]] * 2
    told = story.invoices("acme")[3]["lines"][0]["working"][-1]
    assert (told["code"], told["amount"]) == ("used_until", "0")
    assert "Apr 11, 2026" in told["sentence"], told["sentence"]
