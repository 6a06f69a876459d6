"""Prices that charge each event by itself, from events to invoice: docs/semantics/pricing.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services import read_each_event
from tallybook.services.ports import Wiring

PAYMENTS: Answer = {
    "key": "payments",
    "meter": "payments",
    "rule": {
        "model": "percentage",
        "rate_pct": "2",
        "fixed_amount": "0.30",
        "free_events": 1,
        "event_minimum": "0.50",
        "event_maximum": "5",
    },
}
OUTCOMES: Answer = {
    "key": "solved",
    "meter": "solved",
    "rule": {"model": "outcome", "unit_amount": "2", "dispute_days": 14},
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("payments", value="amount")
        begun.meter("solved", dimensions=("outcome_id", "status"))
        yield begun


def bills(story: Story, customer: str) -> list[Answer]:
    """Every line of a customer's one-line invoices; each invoice is verified."""
    found = []
    for invoice in story.proved(customer):
        [line] = invoice["lines"]
        found.append(line)
    return found


def test_a_fee_on_each_payment(story: Story) -> None:
    """The first by time is free, whenever it arrived; each pays the least and the most there is."""
    story.plan("pay", PAYMENTS)
    story.customer("shop")
    story.subscribe("shop", "pay", day(1))
    for at, amount in ((4, "1000"), (3, "5"), (2, "80"), (1, "700")):
        story.call("shop", day(1, at), amount=amount)
    story.pass_time(day(2, 2))
    [line] = bills(story, "shop")
    assert (line["quantity"], line["amount"]) == ("1785", "7.40"), "0.50 + 1.90 + 5.00"
    assert line["evidence"]["event_count"] == 4
    assert [step["sentence"] for step in line["working"]] == [
        "€700.00 in 1 transaction: free",
        "2% of €1,085.00 = €21.70",
        "3 transactions at €0.30 each = €0.90",
        "1 transaction raised to at least €0.50: €0.10",
        "1 transaction lowered to at most €5.00: -€15.30",
    ]


def test_an_outcome_disputed_in_the_month_after(story: Story) -> None:
    story.plan("agent", OUTCOMES)
    story.customer("desk")
    story.subscribe("desk", "agent", day(1))
    for number, at in enumerate((10, 20, 30)):
        story.call("desk", day(1, at), outcome_id=f"o{number}", status="confirmed")
    story.call("desk", day(1, 21), outcome_id="o1", status="disputed")
    story.call("desk", day(2, 5), outcome_id="o2", status="disputed")
    story.call("desk", day(2, 6), outcome_id="o0", status="disputed")
    story.pass_time(day(3, 2))
    january, february = bills(story, "desk")
    assert [(line["quantity"], line["amount"]) for line in (january, february)] == [
        ("4", "4.00"),
        ("2", "-2.00"),
    ], "o1 was disputed at once; o2 within 14 days, in February; o0 too late"
    assert february["evidence"]["event_count"] == 2, "January's are looked at, not counted again"
    assert february["working"][-1]["sentence"].startswith("1 dispute too late")


def test_many_customers_are_read_together_and_few_at_a_time(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many events are held at a time, the bills are the same; no query a subscription."""
    monkeypatch.setattr(read_each_event, "MOST_TOGETHER", 5)
    story.plan("pay", PAYMENTS)
    for number in range(8):
        story.customer(f"c{number}")
        story.subscribe(f"c{number}", "pay", day(1))
        amounts = [100 + 10 * number] * number
        for at, amount in enumerate(amounts, start=1):
            story.call(f"c{number}", day(1, at), amount=str(amount))
    story.pass_time(day(2, 2))
    owed = [bills(story, f"c{number}")[0]["amount"] for number in range(8)]
    assert owed == ["0.00", "0.00", "2.70", "5.80", "9.30", "13.20", "17.50", "22.20"]


def test_what_cannot_be_charged_event_by_event_is_refused(story: Story) -> None:
    story.post(
        "/v1/meters",
        {
            "key": "peak",
            "name": "Peak",
            "event_type": "call",
            "aggregation": {"type": "max", "value": "amount"},
        },
    )
    price = {**PAYMENTS, "name": "Payments", "meter": "peak"}
    body = {"key": "pay", "name": "Pay", "currency": "EUR", "prices": [price]}
    refused = story.refused("/v1/plans", body)
    assert (refused["code"], refused["field"]) == ("events_do_not_add_up", "prices/0/meter")
