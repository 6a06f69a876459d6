"""Prices that need usage split, from events to invoice: docs/semantics/pricing.md."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from contracts import day
from story import Answer, Clock, Story, printed, told
from tallybook.domain.customers.organization import Organization
from tallybook.services.ports import Wiring

PER_UNIT: Answer = {"model": "per_unit", "unit_amount": "1"}
MATRIX: Answer = {
    "model": "matrix",
    "dimensions": ["model", "kind"],
    "cells": [
        {"values": ["large", "input"], "unit_amount": "0.002"},
        {"values": ["large", "*"], "unit_amount": "0.01"},
        {"values": ["*", "input"], "unit_amount": "0.001"},
    ],
}
BY_HOUR: Answer = {
    "model": "time_of_use",
    "bands": [
        {
            "name": "night",
            "rule": {"model": "per_unit", "unit_amount": "0.1"},
            "when": [{"from_time": "22:00", "until_time": "06:00"}],
        },
        {"name": "day", "rule": {"model": "per_unit", "unit_amount": "0.3"}},
    ],
}


@pytest.fixture
def story(wiring: Wiring, organization: Organization, clock: Clock) -> Iterator[Story]:
    with told(wiring, organization, clock) as begun:
        begun.meter("tokens", value="tokens", dimensions=("model", "kind"))
        begun.customer("acme", timezone="Europe/Stockholm")
        yield begun


def use(
    story: Story, tokens: int, at: datetime, model: str = "small", kind: str = "output"
) -> None:
    story.call("acme", at, tokens=str(tokens), model=model, kind=kind)


def test_a_month_by_model_and_kind(story: Story, clock: Clock) -> None:
    story.plan("ai", {"key": "tokens", "meter": "tokens", "rule": MATRIX})
    story.subscribe("acme", "ai", day(1))
    use(story, 1000, day(1, 3), "large", "input")
    use(story, 500, day(1, 4), "large", "output")
    use(story, 500, day(1, 5), "large", "cached")
    use(story, 2000, day(1, 6), "small", "input")
    use(story, 77, day(1, 7), "small", "output")
    clock.now = day(2, 2)
    assert story.bill()["invoices"] == 1
    [invoice] = story.invoices("acme")
    assert printed(invoice) == [("tokens", "4077", "14.00")]
    told_by = {step["labels"].get("part"): step for step in invoice["lines"][0]["working"]}
    assert {part: step["amount"] for part, step in told_by.items()} == {
        "large input": "2",
        "large": "10",
        "input": "2",
        "small output": "0",
    }
    assert "not charged" in told_by["small output"]["sentence"]


def test_a_night_is_one_on_the_customers_clock(story: Story, clock: Clock) -> None:
    story.plan("power", {"key": "power", "meter": "tokens", "rule": BY_HOUR})
    story.subscribe("acme", "power", day(1))
    use(story, 10, day(1, 3, 20))  # 21:00 in Stockholm: the last hour of the day
    use(story, 10, day(1, 3, 21))  # 22:00: night
    use(story, 10, day(1, 4, 4))  # 05:00: night still
    use(story, 10, day(1, 4, 5))  # 06:00: day
    clock.now = day(2, 2)
    story.bill()
    [invoice] = story.invoices("acme")
    assert printed(invoice) == [("power", "40", "8.00")]
    parts = {step["labels"]["part"]: step["quantity"] for step in invoice["lines"][0]["working"]}
    assert parts == {"night": "20", "day": "20"}


def test_last_month_under_other_prices(story: Story, clock: Clock) -> None:
    """What a customer used is rated under a plan that it does not have, and nothing is kept."""
    story.plan("old", {"key": "tokens", "meter": "tokens", "rule": PER_UNIT})
    story.subscribe("acme", "old", day(1))
    use(story, 1000, day(1, 3), "large", "input")
    use(story, 9, day(2, 1), "large", "input")
    clock.now = day(2, 2)
    span = {"starts_at": "2026-01-01T00:00:00+01:00", "ends_at": "2026-02-01T00:00:00+01:00"}
    fee: Answer = {"key": "fee", "name": "Fee", "rule": {"model": "flat", "amount": "5"}}
    price: Answer = {"key": "tokens", "name": "Tokens", "meter": "tokens", "rule": MATRIX}
    asked = {"customer": "acme", "prices": [fee, price], "currency": "EUR", **span}
    preview = story.post("/v1/price-previews", asked)
    assert [(line["key"], line["amount"]) for line in preview["lines"]] == [
        ("fee", "5.00"),
        ("tokens", "2.00"),
    ]
    same = story.post("/v1/price-previews", {"customer": "acme", "plan": "old", **span})
    story.bill()
    [invoice] = story.invoices("acme")
    assert same["total"] == invoice["total"] == "1000.00", "the preview is what is billed"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"starts_at": None}, "starts_at"),
        ({"ends_at": "2025-12-01T00:00:00Z"}, "ends_at"),
        ({"quantities": {"tokens": 1}}, "quantities/tokens"),
        ({"customer": "nobody"}, "customer"),
    ],
)
def test_a_preview_of_usage_that_there_is_not(story: Story, wrong: Answer, field: str) -> None:
    story.plan("old", {"key": "tokens", "meter": "tokens", "rule": PER_UNIT})
    asked = {
        "customer": "acme",
        "plan": "old",
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2026-02-01T00:00:00Z",
    }
    assert story.refused("/v1/price-previews", asked | wrong)["field"] == field


def test_last_month_without_saying_which(story: Story, clock: Clock) -> None:
    """By the customer's calendar: in Stockholm the night before February is February already."""
    story.plan("old", {"key": "tokens", "meter": "tokens", "rule": PER_UNIT})
    use(story, 1000, day(1, 3))
    use(story, 9, day(1, 31, 23))
    clock.now = day(2, 2)
    asked = {"customer": "acme", "plan": "old"}
    assert story.post("/v1/price-previews", asked)["total"] == "1000.00"
    february = story.post("/v1/price-previews", {**asked, "period": "2026-02"})
    assert february["total"] == "9.00"
    both = {**asked, "period": "2026-02", "starts_at": day(1).isoformat()}
    assert story.refused("/v1/price-previews", both)["field"] == "period"


def dated(price_of: str) -> Answer:
    return {
        "model": "price_list",
        "price_of": price_of,
        "entries": [
            {"rule": {"model": "per_unit", "unit_amount": "2"}},
            {"starts_on": "2026-01-16", "rule": {"model": "per_unit", "unit_amount": "1"}},
        ],
    }


@pytest.mark.parametrize(
    ("price_of", "january", "why"),
    [
        ("usage", "32.00", "12 at 2 until the local midnight of the 16th, 8 at 1 from then on"),
        ("period_start", "40.00", "20 at the price of 1 January; the new one counts from February"),
    ],
)
def test_a_price_that_falls_in_mid_month(
    story: Story, clock: Clock, price_of: str, january: str, why: str
) -> None:
    """A price list with dates, from a plan to the invoices of two months."""
    story.plan("list", {"key": "tokens", "meter": "tokens", "rule": dated(price_of)})
    story.subscribe("acme", "list", day(1))
    use(story, 12, day(1, 15, 22))  # 23:00 in Stockholm
    use(story, 8, day(1, 15, 23))  # midnight there: the 16th
    use(story, 5, day(2, 10))
    clock.now = day(3, 2)
    story.bill()
    bills = story.invoices("acme")
    assert [bill["total"] for bill in bills][-2:] == [january, "5.00"], why
    for bill in bills:
        assert story.post(f"/v1/invoices/{bill['id']}/verify")["is_equal"]
