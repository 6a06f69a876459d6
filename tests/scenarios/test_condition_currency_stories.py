"""Conditions of a plan that is sold in two currencies, told in calendar order."""

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
    "in_currency": {"USD": {"rule": {"model": "per_unit", "unit_amount": "12"}}},
}
PLAN: Answer = {
    "key": "pro",
    "name": "Pro",
    "currency": "EUR",
    "currencies": ["USD"],
    "prices": [CALLS],
    "commitments": [
        {
            "key": "promise",
            "name": "Committed spend",
            "amounts": ["50", "80"],
            "in_currency": {"USD": {"amounts": ["60", "90"]}},
        }
    ],
    "spend_limits": [
        {
            "key": "cap",
            "name": "Cap",
            "maximum": "100",
            "in_currency": {"USD": {"maximum": "110"}},
        }
    ],
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("europe")
        begun.customer("america", currency="USD")
        yield begun


def bills(story: Story, customer: str) -> list[list[tuple[str, str]]]:
    """Every invoice in short, verified; coupons by their kind."""
    return [
        [
            ("coupon" if line["kind"] == "coupon" else line["price_key"], line["amount"])
            for line in invoice["lines"]
        ]
        for invoice in story.proved(customer)
    ]


def test_each_keeps_to_the_amounts_of_their_own_currency(story: Story) -> None:
    """A ramp of 50 then 80 euros, of 60 then 90 dollars; a cap of 100 or of 110."""
    story.post("/v1/plans", PLAN)
    for customer in ("europe", "america"):
        story.subscribe(customer, "pro", day(1))
        story.call(customer, day(1, 2))
        story.call(customer, *[day(2, 2, hour) for hour in range(11)])
    story.pass_time(day(4, 2))
    assert bills(story, "europe") == [
        [("calls", "10.00"), ("promise", "40.00")],
        [("calls", "110.00"), ("cap", "-10.00")],
        [("calls", "0.00"), ("promise", "80.00")],
    ]
    assert bills(story, "america") == [
        [("calls", "12.00"), ("promise", "48.00")],
        [("calls", "132.00"), ("cap", "-22.00")],
        [("calls", "0.00"), ("promise", "90.00")],
    ]


def test_a_plan_whose_commitment_lacks_a_currency_is_refused(story: Story) -> None:
    without = {**PLAN["commitments"][0], "in_currency": {}}
    refused = story.refused("/v1/plans", {**PLAN, "commitments": [without]})
    assert refused["code"] == "currency_without_amount"
    assert "commitments/0/in_currency/USD" in str(refused), "the pointer"
    assert "Send its amounts in USD" in str(refused), "the mend"


def test_a_coupon_takes_its_amount_in_the_currency_of_who_redeems_it(story: Story) -> None:
    """25 euros or 30 dollars off, once: what is left of it goes on to the next bill."""
    story.post("/v1/plans", {**PLAN, "commitments": [], "spend_limits": []})
    amounts = {"amount": "25", "currency": "EUR", "in_currency": {"USD": {"amount": "30"}}}
    story.post("/v1/coupons", {"key": "START", "name": "Start", **amounts})
    for customer in ("europe", "america"):
        story.subscribe(customer, "pro", day(1))
        story.post("/v1/coupon-redemptions", {"code": "START", "customer": customer})
        story.call(customer, day(1, 2), day(1, 3))
        story.call(customer, day(2, 2), day(2, 3))
    story.pass_time(day(3, 2))
    assert bills(story, "europe") == [
        [("calls", "20.00"), ("coupon", "-20.00")],
        [("calls", "20.00"), ("coupon", "-5.00")],
    ]
    assert bills(story, "america") == [
        [("calls", "24.00"), ("coupon", "-24.00")],
        [("calls", "24.00"), ("coupon", "-6.00")],
    ]
    redeemed = [
        story.get("/v1/coupon-redemptions", customer=customer)["results"][0]["is_spent"]
        for customer in ("europe", "america")
    ]
    assert redeemed == [True, True]
    story.customer("sweden", currency="SEK")
    asked = {"code": "START", "customer": "sweden"}
    assert story.refused("/v1/coupon-redemptions", asked)["code"] == "coupon_in_other_currency"


def test_a_coupon_for_plans_that_are_sold_in_none_of_its_currencies_is_refused(
    story: Story,
) -> None:
    story.post("/v1/plans", PLAN)
    kronor = {"key": "K", "name": "K", "amount": "10", "currency": "SEK", "only_plans": ["pro"]}
    assert story.refused("/v1/coupons", kronor)["code"] == "coupon_in_other_currency"
    story.post("/v1/coupons", {**kronor, "in_currency": {"USD": {"amount": "1"}}})


def test_a_preview_in_each_currency(story: Story) -> None:
    story.post("/v1/plans", PLAN)
    amounts = {"amount": "25", "currency": "EUR", "in_currency": {"USD": {"amount": "30"}}}
    story.post("/v1/coupons", {"key": "START", "name": "Start", **amounts})
    asked = {"plan": "pro", "quantities": {"calls": "1"}, "coupons": ["START"]}
    totals = {
        currency: story.post("/v1/price-previews", {**asked, "currency": currency})["total"]
        for currency in ("EUR", "USD")
    }
    assert totals == {"EUR": "25.00", "USD": "30.00"}, "50 promised less 25; 60 less 30"
