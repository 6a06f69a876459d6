"""Conditions where a plan, a calendar or a life changes: docs/semantics/conditions.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

LATER: Answer = {"key": "base", "rule": {"model": "flat", "amount": "31"}, "timing": "in_arrears"}
BASE: Answer = {**LATER, "timing": "in_advance"}
YEARLY = {"key": "bounds", "name": "Bounds", "per": "year"}
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
    told = []
    for invoice in story.invoices("acme"):
        verified = story.post(f"/v1/invoices/{invoice['id']}/verify")
        assert verified["is_equal"], verified["differences"]
        told.append([(line["price_key"], line["amount"]) for line in invoice["lines"]])
    return told


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
