"""Conditions where a plan, a calendar or a life changes: docs/semantics/conditions.md."""

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
LATER: Answer = {"key": "base", "rule": {"model": "flat", "amount": "31"}, "timing": "in_arrears"}
BASE: Answer = {**LATER, "timing": "in_advance"}
YEARLY = {"key": "bounds", "name": "Bounds", "per": "year"}
MONTHLY = {"key": "bounds", "name": "Bounds"}
PROMISE = {"key": "promise", "name": "Committed"}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        yield begun


def fee(amount: str) -> Answer:
    return {"key": "fee", "rule": {"model": "flat", "amount": amount}, "timing": "in_advance"}


def plan(story: Story, key: str, *prices: Answer, **said: object) -> None:
    named = [{"name": price["key"].title(), **price} for price in prices]
    body = {"key": key, "name": key.title(), "currency": "EUR", "prices": named, **said}
    story.post("/v1/plans", body)


def change(story: Story, what: Answer, **said: object) -> None:
    story.post("/v1/subscriptions/acme/changes", {"what": what, **said})


def to(key: str) -> Answer:
    return {"kind": "plan", "plan": key}


def bills(story: Story) -> list[list[tuple[str, str]]]:
    """Of every line of every invoice whose it is and what it comes to. All are verified."""
    return [
        [(line["price_key"], line["amount"]) for line in invoice["lines"]]
        for invoice in story.proved("acme")
    ]


AT_MOST = {**YEARLY, "maximum": "500"}
DOUBLE = {**PROMISE, "per": "year", "amounts": ["500"], "overage_factor": "2"}
FREE_BEYOND = {**PROMISE, "per": "total", "amounts": ["9"], "overage_factor": "0"}


@pytest.mark.parametrize(
    ("conditions", "acted", "why"),
    [
        ({"spend_limits": [AT_MOST]}, [], "pro's fee is not above basic's most"),
        ({"commitments": [DOUBLE]}, [], "it is no overage either"),
        ({"commitments": [FREE_BEYOND]}, [("promise", "-22.00")], "basic's own is beyond nine"),
    ],
)
def test_the_next_plans_fee_is_not_the_old_ones(
    story: Story, conditions: dict[str, object], acted: list[tuple[str, str]], why: str
) -> None:
    """Basic charges 31 when January is over; the same bill charges pro's fee for February."""
    plan(story, "basic", LATER, **conditions)
    plan(story, "pro", fee("1000"))
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 10))
    change(story, to("pro"), at="period_end")
    story.pass_time(day(2, 2))
    [january] = bills(story)
    assert january == [("base", "31.00"), ("fee", "1000.00"), *acted], why


@pytest.mark.parametrize(
    ("limit", "owed", "why"),
    [
        ({"maximum": "15.50"}, "-9.50", "19 of 31 days: 9.50 are the most of 19.00"),
        ({"minimum": "62"}, "19.00", "at least 38.00, of which 19.00 are charged"),
    ],
)
def test_a_month_that_a_yearly_plan_cuts_short(
    story: Story, limit: dict[str, str], owed: str, why: str
) -> None:
    plan(story, "basic", BASE, spend_limits=[{**MONTHLY, **limit}])
    plan(story, "pro", fee("1200"), interval="year")
    story.subscribe("acme", "basic", day(1), alignment="anniversary")
    story.pass_time(day(1, 20))
    change(story, to("pro"))
    story.pass_time(day(2, 2))
    opening, january = bills(story)
    assert opening == [("base", "31.00")]
    assert january == [("base", "-12.00"), ("fee", "1200.00"), ("bounds", owed)], why


def test_a_coupon_of_one_plan_leaves_the_others_lines_alone(story: Story) -> None:
    plan(story, "basic", LATER)
    plan(story, "pro", fee("100"))
    coupon = {"key": "FREE", "name": "Free", "rate_pct": "100", "frequency": "forever"}
    story.post("/v1/coupons", {**coupon, "only_plans": ["basic"]})
    story.post("/v1/coupon-redemptions", {"code": "FREE", "customer": "acme"})
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 10))
    change(story, to("pro"), at="period_end")
    story.pass_time(day(3, 2))
    january, february = bills(story)
    assert [amount for _, amount in january] == ["31.00", "100.00", "-31.00"]
    assert february == [("fee", "100.00")]


def test_a_coupon_of_the_new_plan_acts_on_the_bill_at_once(story: Story) -> None:
    plan(story, "basic", BASE)
    plan(story, "pro", fee("62"))
    coupon = {"key": "FREE", "name": "Free", "rate_pct": "100", "frequency": "forever"}
    story.post("/v1/coupons", {**coupon, "only_plans": ["pro"]})
    story.post("/v1/coupon-redemptions", {"code": "FREE", "customer": "acme"})
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 16))
    change(story, to("pro"), bills_at_once=True)
    opening, at_once = sorted(bills(story), key=len)
    assert opening == [("base", "31.00")]
    assert [amount for _, amount in at_once] == ["-16.00", "32.00", "-16.00"], "what is left of it"


def test_a_month_ended_and_begun_again_owes_each_part_once(story: Story) -> None:
    plan(story, "pro", CALLS, spend_limits=[{**MONTHLY, "minimum": "31"}])
    story.subscribe("acme", "pro", day(1))
    story.pass_time(day(1, 15))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    story.pass_time(day(1, 20))
    change(story, {"kind": "reactivate"})
    story.pass_time(day(2, 2))
    told = [bill for bill in bills(story) if bill]
    assert told == [
        [("calls", "0.00"), ("bounds", "14.00")],
        [("calls", "0.00"), ("bounds", "12.00")],
    ], "14 days, and the 12 from the 20th on"


@pytest.mark.parametrize(
    ("price", "expected", "why"),
    [
        (
            CALLS,
            [
                [("calls", "0.00"), ("bounds", "19.00")],
                [("calls", "0.00"), ("bounds", "21.00")],
                [("calls", "0.00"), ("bounds", "31.00")],
            ],
            "19 and 21 of 31 days, then a whole month",
        ),
        (
            BASE,
            [
                [("base", "31.00")],
                [("base", "-12.00"), ("base", "21.00")],
                [("base", "31.00")],
                [("base", "31.00")],
            ],
            "the fee is the least: what is given back is of the part before it",
        ),
    ],
)
def test_a_month_cut_by_another_day_of_billing(
    story: Story, price: Answer, expected: list[list[tuple[str, str]]], why: str
) -> None:
    plan(story, "pro", price, spend_limits=[{**MONTHLY, "minimum": "31", "maximum": "31"}])
    story.subscribe("acme", "pro", day(1), alignment="anniversary")
    story.pass_time(day(1, 20))
    change(story, {"kind": "calendar", "anchor": day(2, 10).isoformat()})
    story.pass_time(day(3, 11))
    assert bills(story) == expected, why


def test_a_year_stays_where_it_began(story: Story) -> None:
    """At most 400, and 1,200 promised, then 2,400; from 20 June on billed on the 20th."""
    promise = {**PROMISE, "per": "year", "amounts": ["1200", "2400"]}
    limit = {**YEARLY, "maximum": "400"}
    plan(story, "pro", CALLS, commitments=[promise], spend_limits=[limit])
    story.subscribe("acme", "pro", day(1), alignment="anniversary")
    story.call("acme", *[day(1, 2, hour) for hour in range(20)])
    story.pass_time(day(6, 20))
    change(story, {"kind": "calendar", "anchor": day(6, 20).isoformat()})
    story.pass_time(day(7, 2))
    story.call("acme", *[day(7, 1, hour) for hour in range(22)])
    story.pass_time(day(1, 21, year=2028))
    told = bills(story)
    acted = {number: bill[1:] for number, bill in enumerate(told) if bill[1:]}
    assert [bill[0] for bill in told[:7]] == [
        ("calls", "200.00"),
        *[("calls", "0.00")] * 5,
        ("calls", "220.00"),
    ], "to 20 June in six, then from the 20th"
    assert acted == {
        6: [("bounds", "-20.00")],
        12: [("promise", "800.00")],
        24: [("promise", "2400.00")],
    }, "each with the bill of the period in which its year ends"


def test_a_ramp_begins_when_it_is_paid_for(story: Story) -> None:
    plan(story, "pro", CALLS, commitments=[{**PROMISE, "amounts": ["100", "200", "300"]}])
    body = {"key": "acme", "customer": "acme", "plan": "pro", "alignment": "anniversary"}
    trial = {"days": 60}
    story.post("/v1/subscriptions", {**body, "starts_at": day(1).isoformat(), "trial": trial})
    story.pass_time(day(5, 3))
    owed = [line for bill in bills(story) for line in bill if line[0] == "promise"]
    assert owed == [("promise", "100.00"), ("promise", "200.00")], "two months after the trial"
