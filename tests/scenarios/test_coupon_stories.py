"""Coupons, told in calendar order: docs/semantics/conditions.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.domain.catalog.redeeming import Order
from tallybook.domain.kernel.errors import Conflicting
from tallybook.services.close_period import close_due_periods
from tallybook.services.ports import Wiring
from tallybook.services.redeem_coupon import redeem_coupon

FEE: Answer = {"key": "fee", "name": "Fee", "rule": {"model": "flat", "amount": "100"}}
CALLS: Answer = {
    "key": "calls",
    "name": "Calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "10"},
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.plan("pro", FEE, CALLS)
        begun.plan("other", FEE)
        yield begun


def subscribed(story: Story, *customers: str) -> None:
    for customer in customers:
        story.customer(customer)
        story.subscribe(customer, "pro", day(1))


def coupon(story: Story, code: str, **said: object) -> None:
    story.post("/v1/coupons", {"key": code, "name": code.title(), **said})


def redeem(story: Story, code: str, customer: str, **said: object) -> Answer:
    return story.post("/v1/coupon-redemptions", {"code": code, "customer": customer, **said})


def discounts(story: Story, customer: str) -> list[list[str]]:
    """What coupons took off each invoice, which is verified."""
    return [
        [line["amount"] for line in invoice["lines"] if line["kind"] == "coupon"]
        for invoice in story.proved(customer)
    ]


def test_a_percentage_for_three_invoices(story: Story) -> None:
    subscribed(story, "acme")
    coupon(story, "WELCOME", rate_pct="20", frequency="recurring", periods=3)
    redeem(story, "WELCOME", "acme")
    story.call("acme", day(1, 1), day(1, 1, 1))
    story.pass_time(day(5, 2))
    assert discounts(story, "acme") == [["-24.00"], ["-20.00"], ["-20.00"], []]
    january = story.invoices("acme")[0]
    [line] = [line for line in january["lines"] if line["kind"] == "coupon"]
    assert [step["sentence"] for step in line["working"]] == [
        "Fee: 20% off €100.00: -€20.00",
        "Calls: 20% off €20.00: -€4.00",
    ]
    [redeemed] = story.get("/v1/coupon-redemptions", customer="acme")["results"]
    assert redeemed["is_spent"]


def test_an_amount_once_keeps_what_is_left_of_it(story: Story) -> None:
    """150 off, once: it is used up over two invoices."""
    subscribed(story, "acme")
    coupon(story, "START", amount="150", currency="EUR")
    redeem(story, "START", "acme")
    story.pass_time(day(2, 2))
    [redeemed] = story.get("/v1/coupon-redemptions", customer="acme")["results"]
    assert (redeemed["used"], redeemed["used_periods"]) == ("100", 1)
    story.pass_time(day(4, 2))
    assert discounts(story, "acme") == [["-100.00"], ["-50.00"], []]


@pytest.mark.parametrize(
    ("life", "taken", "why"),
    [
        ({"frequency": "recurring", "periods": 2}, ["-30.00", "-30.00"], "the amount each time"),
        ({"frequency": "forever"}, ["-30.00"] * 4, "the amount for ever"),
        ({}, ["-30.00"], "the amount in all"),
    ],
)
def test_an_amount_comes_off_as_often_as_the_coupon_says(
    story: Story, life: Answer, taken: list[str], why: str
) -> None:
    subscribed(story, "acme")
    coupon(story, "THIRTY", amount="30", currency="EUR", **life)
    redeem(story, "THIRTY", "acme")
    story.pass_time(day(5, 2))
    assert [each for bill in discounts(story, "acme") for each in bill] == taken, why


def test_a_coupon_of_a_customer_is_used_once_over_all_its_subscriptions(story: Story) -> None:
    subscribed(story, "acme")
    second = {"key": "second", "customer": "acme", "plan": "pro", "alignment": "calendar"}
    story.post("/v1/subscriptions", {**second, "starts_at": day(1).isoformat()})
    coupon(story, "HALF", rate_pct="50")
    redeem(story, "HALF", "acme")
    story.pass_time(day(2, 2))
    assert sorted(discounts(story, "acme")) == [[], ["-50.00"]]


def test_several_coupons_each_act_on_what_the_one_before_left(story: Story) -> None:
    subscribed(story, "acme")
    coupon(story, "TEN", rate_pct="10", frequency="forever")
    coupon(story, "CALLS", rate_pct="100", frequency="forever", only_prices=["calls"])
    coupon(story, "OTHER", rate_pct="100", frequency="forever", only_plans=["other"])
    for code in ("TEN", "CALLS", "OTHER"):
        redeem(story, code, "acme")
    story.call("acme", day(1, 1))
    story.pass_time(day(2, 2))
    assert discounts(story, "acme") == [["-11.00", "-9.00"]], "10 % of 110, then the rest of calls"


def test_a_coupon_taken_away_acts_no_more(story: Story) -> None:
    subscribed(story, "acme")
    coupon(story, "TEN", rate_pct="10", frequency="forever")
    redeemed = redeem(story, "TEN", "acme")
    assert redeem(story, "TEN", "acme")["id"] == redeemed["id"], "who has it, has it"
    story.pass_time(day(2, 2))
    story.delete(f"/v1/coupon-redemptions/{redeemed['id']}")
    story.pass_time(day(3, 2))
    assert discounts(story, "acme") == [["-10.00"], []]


@pytest.mark.parametrize(
    ("said", "code", "why"),
    [
        ({"redeem_from": "2026-02-01T00:00:00Z"}, "coupon_not_yet", "its time has not come"),
        ({"redeem_until": "2026-01-01T00:00:00Z"}, "coupon_expired", "its time is over"),
        ({"max_redemptions": 1}, "coupon_used_up", "another customer had the only one"),
        ({"is_exclusive": True}, "coupon_exclusive", "there is another coupon already"),
        ({"only_plans": ["other"]}, "coupon_of_other_plan", "it would never act"),
    ],
)
def test_a_coupon_that_cannot_be_redeemed(story: Story, said: Answer, code: str, why: str) -> None:
    subscribed(story, "acme", "bolt")
    coupon(story, "TEN", rate_pct="10")
    coupon(story, "SOME", rate_pct="50", **said)
    redeem(story, "TEN", "acme")
    if "max_redemptions" in said:
        redeem(story, "SOME", "bolt")
    asked = {"code": "SOME", "customer": "acme", "subscription": "acme"}
    refused = story.refused("/v1/coupon-redemptions", asked)
    assert refused["code"] == code, why


def test_ten_at_once_redeem_a_coupon_that_three_can_have(story: Story) -> None:
    customers = [f"c{number}" for number in range(10)]
    subscribed(story, *customers)
    coupon(story, "RARE", rate_pct="10", max_redemptions=3)

    def ask(customer: str) -> str:
        order = Order(code="RARE", customer=customer)
        try:
            redeem_coupon(story.wiring, story.organization_id, order)
        except Conflicting as refusal:
            return refusal.code
        return "redeemed"

    with ThreadPoolExecutor(5) as pool:
        answers = sorted(pool.map(ask, customers))
    assert answers == ["coupon_used_up"] * 7 + ["redeemed"] * 3
    assert story.get("/v1/coupons/RARE")["redemptions"] == 3


def test_two_runs_side_by_side_use_a_coupon_once(story: Story) -> None:
    """Whichever closes which of the customer's subscriptions, the coupon is used by one."""
    subscribed(story, "acme")
    for number in range(6):
        body = {"key": f"s{number}", "customer": "acme", "plan": "pro", "alignment": "calendar"}
        story.post("/v1/subscriptions", {**body, "starts_at": day(1).isoformat()})
    coupon(story, "HALF", rate_pct="50")
    redeem(story, "HALF", "acme")
    clocked = dataclasses.replace(story.wiring, now=lambda: day(2, 2))
    story.wiring.directory.set_clock(story.organization_id, day(2, 2))

    def run(_: int) -> int:
        return close_due_periods(clocked, story.organization_id, chunk_size=2).invoices

    with ThreadPoolExecutor(3) as pool:
        drawn_up = sum(pool.map(run, range(3)))
    run(0)
    assert drawn_up <= 7
    taken = [each for each in discounts(story, "acme") if each]
    assert taken == [["-50.00"]]
    assert len(story.invoices("acme")) == 7
    assert run(0) == 0, "again: nothing is left to close, nothing is used twice"


@pytest.mark.parametrize(
    ("said", "field", "why"),
    [
        ({}, "amount", "it takes nothing off"),
        ({"rate_pct": "10", "amount": "1"}, "amount", "two things at once"),
        ({"rate_pct": "101"}, "rate_pct", "it would pay the customer"),
        ({"amount": "10"}, "currency", "an amount of what"),
        ({"amount": "-1", "currency": "EUR"}, "amount", "below zero"),
        ({"amount": "1", "currency": "Euro"}, "currency", "no currency"),
        ({"rate_pct": "10", "frequency": "recurring"}, "periods", "for how many"),
        ({"rate_pct": "10", "periods": 3}, "periods", "once is once"),
        ({"rate_pct": "10", "max_redemptions": 0}, "max_redemptions", "nobody could redeem it"),
        ({"rate_pct": "10", "only_plans": ["pro", "none"]}, "only_plans/1", "no such plan"),
        (
            {"rate_pct": "10", "only_plans": ["other"], "only_prices": ["calls"]},
            "only_prices/0",
            "the plan has no such price",
        ),
        (
            {
                "rate_pct": "10",
                "redeem_from": "2026-02-01T00:00:00Z",
                "redeem_until": "2026-01-01T00:00:00Z",
            },
            "redeem_until",
            "over before it begins",
        ),
    ],
)
def test_a_coupon_that_makes_no_sense(story: Story, said: Answer, field: str, why: str) -> None:
    refused = story.refused("/v1/coupons", {"key": "ODD", "name": "Odd", **said})
    assert refused["field"] == field, why
