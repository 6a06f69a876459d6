"""Plans as they are sold, told on a test clock in calendar order. Rules: semantics/plans.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

BASE: Answer = {
    "key": "base",
    "rule": {"model": "flat", "amount": "31"},
    "timing": "in_advance",
    "in_currency": {"SEK": {"rule": {"model": "flat", "amount": "310"}}},
}
SEATS: Answer = {
    "key": "seats",
    "rule": {"model": "per_unit", "unit_amount": "10"},
    "timing": "in_advance",
    "in_currency": {"SEK": {"rule": {"model": "per_unit", "unit_amount": "100"}}},
}
CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "0.5"},
    "minimum": "1",
    "in_currency": {"SEK": {"rule": {"model": "per_unit", "unit_amount": "5"}, "minimum": "11"}},
}
SETUP: Answer = {
    "key": "setup",
    "rule": {"model": "flat", "amount": "99"},
    "timing": "once",
    "in_currency": {"SEK": {"rule": {"model": "flat", "amount": "990"}}},
}
BACKUP: Answer = {
    "key": "backup",
    "rule": {"model": "flat", "amount": "6.20"},
    "timing": "in_advance",
    "is_optional": True,
    "in_currency": {"SEK": {"rule": {"model": "flat", "amount": "62"}}},
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        yield begun


def publish(story: Story, *prices: Answer, **fields: Any) -> Answer:
    """The hybrid plan, or its next version."""
    named = [{"name": price["key"].title(), **price} for price in prices]
    body = {"key": "team", "name": "Team", "currency": "EUR", "currencies": ["SEK"]}
    return story.post("/v1/plans", {**body, "prices": named, **fields})


def bills(story: Story, customer: str) -> list[dict[str, list[str]]]:
    """What each invoice charges, by price. All are verified."""
    told = []
    for invoice in story.proved(customer):
        amounts: dict[str, list[str]] = {}
        for line in invoice["lines"]:
            amounts.setdefault(line["price_key"], []).append(line["amount"])
        told.append(amounts)
    return told


def test_base_fee_seats_usage_setup_and_an_add_on_in_one_plan(story: Story) -> None:
    """Two customers on one plan, each in their own currency; the add-on ends with the month."""
    publish(story, BASE, SEATS, CALLS, SETUP, BACKUP)
    for customer, currency in (("acme", "EUR"), ("sven", "SEK")):
        story.customer(customer, currency=currency)
        story.post(
            "/v1/subscriptions",
            {
                "key": customer,
                "customer": customer,
                "plan": "team",
                "starts_at": "2026-01-01T00:00:00Z",
                "alignment": "calendar",
                "quantities": {"seats": 3},
            },
        )
    story.call("acme", day(1, 5), day(1, 6), day(1, 7))
    story.call("sven", day(1, 9))
    story.pass_time(day(1, 21))
    taken = {"what": {"kind": "set_quantity", "price_key": "backup", "quantity": 1}}
    story.post("/v1/subscriptions/acme/changes", taken)
    story.pass_time(day(3), finalize=True)
    january, february, march = bills(story, "acme")
    assert january == {"base": ["31.00"], "seats": ["30.00"], "setup": ["99.00"]}
    assert february == {
        "base": ["31.00"],
        "seats": ["30.00"],
        "calls": ["1.50"],
        "backup": ["2.20", "6.20"],
    }, "eleven days of the add-on, and then with everything else"
    assert march == {
        "base": ["31.00"],
        "seats": ["30.00"],
        "calls": ["1.00"],
        "backup": ["6.20"],
    }, "no setup again; the minimum without a call"
    first, second, _ = bills(story, "sven")
    assert first == {"base": ["310.00"], "seats": ["300.00"], "setup": ["990.00"]}
    assert second == {"base": ["310.00"], "seats": ["300.00"], "calls": ["11.00"]}
    assert {invoice["currency"] for invoice in story.invoices("sven")} == {"SEK"}
    again = story.post(
        "/v1/subscriptions",
        {
            "key": "sven",
            "customer": "sven",
            "plan": "team",
            "alignment": "calendar",
            "quantities": {"seats": 3},
        },
    )
    assert again["quantities"] == {"backup": "0", "seats": "3"}, "the same again is no conflict"


def test_a_setup_fee_is_owed_once_whatever_becomes_of_the_plan(story: Story) -> None:
    """A trial postpones it, another version does not charge it again, an undoing gives it back."""
    publish(story, SETUP, BASE)
    story.customer("acme")
    begun = {
        "key": "acme",
        "customer": "acme",
        "plan": "team",
        "starts_at": "2026-01-01T00:00:00Z",
        "trial": {"days": 10},
    }
    story.post("/v1/subscriptions", begun)
    story.pass_time(day(1, 20))
    assert bills(story, "acme") == [{"setup": ["99.00"], "base": ["31.00"]}]
    publish(story, SETUP | {"rule": {"model": "flat", "amount": "120"}}, BASE)
    story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "plan", "plan": "team"}})
    story.pass_time(day(2, 12))
    assert bills(story, "acme")[1:] == [{"base": ["31.00"]}]
    more = {"kind": "set_quantity", "price_key": "setup", "quantity": 2}
    second = story.post("/v1/subscriptions/acme/changes", {"what": more})
    story.pass_time(day(3, 12))
    assert bills(story, "acme")[2:] == [{"setup": ["120.00"], "base": ["31.00"]}], (
        "another one at today's price"
    )
    story.delete(f"/v1/subscriptions/acme/changes/{second['changes'][0]['number']}")
    story.pass_time(day(4, 12))
    assert bills(story, "acme")[3:] == [{"setup": ["-120.00"], "base": ["31.00"]}]


def test_a_currency_that_the_plan_is_not_sold_in(story: Story) -> None:
    publish(story, BASE)
    story.customer("yuki", currency="JPY")
    body = {"key": "yuki", "customer": "yuki", "plan": "team"}
    refused = story.refused("/v1/subscriptions", body)
    assert refused["code"] == "currency_mismatch"
    assert (
        refused["detail"] == "Plan 'team' is not sold in JPY, which customer 'yuki' is billed in."
    )


def test_to_another_plan_in_the_customers_currency(story: Story) -> None:
    publish(story, BASE)
    publish(story, BASE, SEATS, key="crew", name="Crew")
    story.customer("sven", currency="SEK")
    story.subscribe("sven", "team", day(1))
    story.post(
        "/v1/subscriptions/sven/changes",
        {"what": {"kind": "plan", "plan": "crew"}, "at": "period_end"},
    )
    story.pass_time(day(2, 2))
    assert bills(story, "sven") == [{"base": ["310.00"]}, {"base": ["310.00"], "seats": ["100.00"]}]


def test_phases_bring_plans_with_add_ons_that_nobody_took(story: Story) -> None:
    """Two months to one plan and then to another, both with an add-on: charged once it is taken."""
    plain = {key: value for key, value in BACKUP.items() if key != "in_currency"}
    fee = {key: value for key, value in BASE.items() if key != "in_currency"}
    for key in ("small", "large"):
        story.plan(key, fee, plain)
    story.customer("acme")
    phases = [{"after": 2, "plan": "large"}]
    begun = {"key": "acme", "customer": "acme", "plan": "small", "alignment": "calendar"}
    story.post("/v1/subscriptions", {**begun, "phases": phases})
    story.pass_time(day(4))
    assert bills(story, "acme") == [{"base": ["31.00"]}] * 4
    one_more = {"what": {"kind": "add_quantity", "price_key": "backup", "quantity": 1}}
    story.post("/v1/subscriptions/acme/changes", one_more)
    story.pass_time(day(5))
    assert bills(story, "acme")[4] == {"base": ["31.00"], "backup": ["6.20", "6.20"]}


def test_a_fee_of_one_plan_that_is_an_add_on_of_another(story: Story) -> None:
    """Kept by who paid for it; owed by who goes to a plan that it is of, but for none agreed."""
    backup = {key: value for key, value in BACKUP.items() if key != "in_currency"}
    fee = {key: value for key, value in BASE.items() if key != "in_currency"}
    story.plan("by-choice", fee, backup)
    story.plan("of-plan", fee, backup | {"is_optional": False})
    to_of_plan = {"after": 1, "plan": "of-plan"}
    begun = {
        "kept": ("of-plan", {"after": 1, "plan": "by-choice"}),
        "owed": ("by-choice", to_of_plan),
        "none": ("by-choice", {**to_of_plan, "quantities": {"backup": 0}}),
    }
    for key, (plan, phase) in begun.items():
        story.customer(key)
        body = {"key": key, "customer": key, "plan": plan, "alignment": "calendar"}
        story.post("/v1/subscriptions", {**body, "phases": [phase]})
    story.pass_time(day(2, 2))
    with_it, without = {"base": ["31.00"], "backup": ["6.20"]}, {"base": ["31.00"]}
    assert bills(story, "kept") == [with_it, with_it]
    assert bills(story, "owed") == [without, with_it]
    assert bills(story, "none") == [without, without]
