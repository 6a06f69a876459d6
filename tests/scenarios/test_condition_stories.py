"""Commitments, limits and shared allowances in calendar order: docs/semantics/conditions.md."""

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
SEAT: Answer = {"key": "seat", "rule": {"model": "flat", "amount": "30"}, "timing": "in_advance"}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        yield begun


def plan(story: Story, *prices: Answer, **conditions: object) -> None:
    named = [{"name": price["key"].title(), **price} for price in prices]
    body = {"key": "pro", "name": "Pro", "currency": "EUR", "prices": named, **conditions}
    story.post("/v1/plans", body)


def lines(invoice: Answer) -> list[tuple[str, str]]:
    """Of every line whose it is and what it comes to."""
    assert story_total(invoice) == invoice["total"], "the total is the sum of the printed lines"
    return [(line["price_key"], line["amount"]) for line in invoice["lines"]]


def story_total(invoice: Answer) -> str:
    cents = sum(line["amount_minor"] for line in invoice["lines"])
    return f"{cents / 100:.2f}"


def verified(story: Story) -> None:
    for invoice in story.get("/v1/invoices", limit=1000)["results"]:
        verification = story.post(f"/v1/invoices/{invoice['id']}/verify")
        assert verification["is_equal"], verification["differences"]


def test_a_year_of_a_commitment(story: Story) -> None:
    """1,000 a year, drawn down month by month; what goes beyond costs half, what is missing is
    owed with December's bill, and the year after begins anew."""
    commitment = {
        "key": "promise",
        "name": "Committed spend",
        "per": "year",
        "amounts": ["1000", "1200"],
        "overage_factor": "0.5",
    }
    plan(story, CALLS, commitments=[commitment])
    story.subscribe("acme", "pro", day(1))
    for month in range(1, 13):
        story.pass_time(day(month, 5))
        story.call("acme", *[day(month, 2, hour) for hour in range(5)])
    story.pass_time(day(1, 5, year=2027))
    months = story.invoices("acme")
    assert [lines(month) for month in months[:11]] == [[("calls", "50.00")]] * 11
    assert lines(months[11]) == [("calls", "50.00"), ("promise", "400.00")]
    sentence = months[11]["lines"][1]["working"][0]["sentence"]
    assert sentence == "€1,000.00 committed, €600.00 charged; missing: €400.00"
    story.call("acme", *[day(1, 2, hour, year=2027) for hour in range(20)])
    story.call("acme", *[day(1, 3, hour, year=2027) for hour in range(20)])
    for at in range(4, 30):
        story.call("acme", *[day(1, at, hour, year=2027) for hour in range(4)])
    story.pass_time(day(2, 2, year=2027))
    january = story.invoices("acme")[12]
    assert lines(january) == [("calls", "1440.00"), ("promise", "-120.00")], "240 beyond, at half"
    story.call("acme", *[day(2, 1, hour, year=2027) for hour in range(10)])
    story.pass_time(day(3, 2, year=2027))
    february = story.invoices("acme")[13]
    assert lines(february) == [("calls", "100.00"), ("promise", "-50.00")], "all of it beyond"
    verified(story)


def test_no_more_than_a_cap_and_no_less_than_a_minimum(story: Story) -> None:
    limit = {"key": "bounds", "name": "Bounds", "minimum": "100", "maximum": "200"}
    plan(story, SEAT, CALLS, spend_limits=[limit])
    story.subscribe("acme", "pro", day(1))
    story.call("acme", day(1, 2))
    story.pass_time(day(2, 2))
    opening, january = story.invoices("acme")
    assert lines(opening) == [("seat", "30.00")]
    assert lines(january) == [("seat", "30.00"), ("calls", "10.00"), ("bounds", "60.00")], (
        "January's seat was on the bill before it and counts; February's does not yet"
    )
    story.call("acme", *[day(2, 1, hour) for hour in range(24)])
    story.pass_time(day(3, 2))
    february = story.invoices("acme")[2]
    assert lines(february) == [("seat", "30.00"), ("calls", "240.00"), ("bounds", "-70.00")]
    verified(story)
