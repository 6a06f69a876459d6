"""Yearly fees under monthly bills, given up on the way. Rules: docs/semantics/proration.md."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring


def fee(key: str, amount: str, **fields: str) -> Answer:
    rule = {"model": "per_unit", "unit_amount": amount}
    return {"key": key, "rule": rule, "timing": "in_advance", **fields}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    """Five licences of 365.00 a year, and 31.00 a month, from 1 January."""
    with played(wiring, day(1)) as begun:
        begun.plan("pro", fee("base", "31"), fee("licences", "365", interval="year"))
        begun.plan("lite", fee("base", "10"))
        begun.customer("acme")
        begun.post(
            "/v1/subscriptions",
            {"key": "acme", "customer": "acme", "plan": "pro", "quantities": {"licences": 5}},
        )
        begun.pass_time(day(3, 15))
        yield begun


def billed(story: Story, key: str) -> list[tuple[str, str]]:
    """What was billed of a fee, each line by the day that it is for from."""
    return [
        (line["service_period"]["starts"][:10], line["amount"])
        for invoice in story.proved("acme")
        for line in invoice["lines"]
        if line["price_key"] == key
    ]


YEAR = ("2026-01-01", "1825.00")
FROM_15_MARCH = Decimal(292)
"""Days of the year that are left."""


@pytest.mark.parametrize(
    ("what", "proration", "expected", "why"),
    [
        ({"kind": "end"}, "none", [YEAR], "what was paid for the year is kept"),
        ({"kind": "end"}, "full", [YEAR, ("2026-01-01", "-1825.00")], "the year costs nothing"),
        (
            {"kind": "end"},
            "prorated",
            [YEAR, ("2026-03-15", f"{-5 * FROM_15_MARCH}.00")],
            "292 of 365 days",
        ),
        (
            {"kind": "set_quantity", "price_key": "licences", "quantity": "3"},
            "none",
            [YEAR, ("2027-01-01", "1095.00")],
            "two fewer from the next year on, not from the next month",
        ),
        (
            {"kind": "set_quantity", "price_key": "licences", "quantity": "3"},
            "full",
            [
                YEAR,
                ("2026-01-01", "-1825.00"),
                ("2026-01-01", "1095.00"),
                ("2027-01-01", "1095.00"),
            ],
            "as if there had been three from the year's start",
        ),
        (
            {"kind": "plan", "plan": "lite"},
            "none",
            [YEAR],
            "the year was paid for, and is not sold again",
        ),
    ],
)
def test_a_yearly_fee_is_given_up_by_its_own_year(
    story: Story, what: Answer, proration: str, expected: list[tuple[str, str]], why: str
) -> None:
    if what["kind"] == "end":
        story.post("/v1/subscriptions/acme/cancellation", {"at": "now", "refund": proration})
    else:
        story.post("/v1/subscriptions/acme/changes", {"what": what, "proration": proration})
    story.pass_time(day(2, 15, year=2027))
    assert billed(story, "licences") == expected, why


def test_a_month_under_the_same_change_keeps_to_the_month(story: Story) -> None:
    """Without refund on 15 March: March was paid for; from 1 April on it is the other plan."""
    story.post(
        "/v1/subscriptions/acme/changes",
        {"what": {"kind": "plan", "plan": "lite"}, "proration": "none"},
    )
    story.pass_time(day(4, 15))
    assert billed(story, "base")[-2:] == [("2026-03-01", "31.00"), ("2026-04-01", "10.00")]


def test_who_comes_back_in_the_year_that_was_paid_for_pays_it_once(story: Story) -> None:
    """Ended without refund on 15 March, back on 1 June: the licences are paid up to New Year."""
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now", "refund": "none"})
    story.pass_time(day(6))
    story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "reactivate"}})
    story.pass_time(day(2, 15, year=2027))
    assert billed(story, "licences") == [YEAR, ("2027-01-01", "1825.00")]
    assert ("2026-06-01", "31.00") in billed(story, "base"), "the months between are not charged"
    assert ("2026-04-01", "31.00") not in billed(story, "base")
