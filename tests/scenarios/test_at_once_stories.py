"""Changes that are billed at once, told in calendar order. Rules: docs/semantics/proration.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring


def fee(amount: str, timing: str = "in_advance") -> Answer:
    return {"key": "base", "rule": {"model": "flat", "amount": amount}, "timing": timing}


SEATS: Answer = {
    "key": "seats",
    "rule": {"model": "per_unit", "unit_amount": "31"},
    "timing": "in_advance",
}
CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "1"},
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.plan("basic", fee("31"), CALLS)
        begun.plan("pro", fee("62"), CALLS)
        begun.plan("team", SEATS)
        terms = {"key": "year", "name": "Year", "currency": "EUR", "interval": "year"}
        begun.post("/v1/plans", {**terms, "prices": [{**fee("365"), "name": "Base"}]})
        begun.customer("acme")
        yield begun


def at_once(story: Story, what: Answer, **said: Any) -> list[str]:
    """The totals of the invoices that a change brings at once; the preview said the same."""
    body = {"what": what, "bills_at_once": True, **said}
    preview = story.post("/v1/subscriptions/acme/change-previews", body)["changed"]
    invoices = story.post("/v1/subscriptions/acme/changes", body)["invoices"]
    totals = [invoice["total"] for invoice in invoices]
    assert preview["total"] in totals
    return totals


def bills(story: Story) -> list[tuple[str, list[str]]]:
    """Every invoice, verified: why it was drawn up and the amounts of its lines."""
    return [
        (invoice["occasion"], [line["amount"] for line in invoice["lines"]])
        for invoice in story.proved("acme")
    ]


def test_an_upgrade_that_is_billed_at_once(story: Story) -> None:
    """On the 20th: the difference now, as an invoice of its own; February comes without it."""
    story.subscribe("acme", "basic", day(1))
    story.call("acme", day(1, 10))
    story.pass_time(day(1, 20))
    assert at_once(story, {"kind": "plan", "plan": "pro"}) == ["12.00"]
    story.pass_time(day(2))
    assert bills(story) == [
        ("change", ["-12.00", "24.00"]),
        ("opening", ["31.00"]),
        ("period", ["62.00", "1.00"]),
    ]


def test_seats_are_added_twice_and_each_time_billed_at_once(story: Story) -> None:
    story.subscribe("acme", "team", day(1))
    story.pass_time(day(1, 11))
    more = {"kind": "add_quantity", "price_key": "seats", "quantity": 2}
    assert at_once(story, more) == ["42.00"], "two seats for 21 days"
    story.pass_time(day(1, 21))
    assert at_once(story, more) == ["22.00"], "two more for 11 days"
    story.pass_time(day(2))
    totals = [invoice["total"] for invoice in story.invoices("acme")]
    assert sorted(totals) == ["155.00", "22.00", "31.00", "42.00"]
    changes = [invoice for invoice in story.invoices("acme") if invoice["occasion"] == "change"]
    assert len({invoice["id"] for invoice in changes}) == 2


def test_some_changes_at_once_some_with_the_next_bill(story: Story) -> None:
    """What waited is on the invoice too: a bill says all that no bill has said."""
    story.subscribe("acme", "team", day(1))
    story.pass_time(day(1, 11))
    waits = {"kind": "add_quantity", "price_key": "seats", "quantity": 1}
    story.post("/v1/subscriptions/acme/changes", {"what": waits})
    story.pass_time(day(1, 21))
    assert at_once(story, {**waits, "quantity": 2}) == ["43.00"], "21 and twice 11"
    story.pass_time(day(2))
    assert [invoice["total"] for invoice in story.invoices("acme")][-1] == "124.00"


def test_a_change_billed_at_once_is_undone(story: Story) -> None:
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 20))
    assert at_once(story, {"kind": "plan", "plan": "pro"}) == ["12.00"]
    story.delete("/v1/subscriptions/acme/changes/1")
    story.pass_time(day(2))
    assert bills(story)[-1] == ("period", ["-24.00", "12.00", "31.00", "0.00"])


def test_from_monthly_to_yearly_at_once(story: Story) -> None:
    """The open month ends with the change: it is closed at once, and the year is billed."""
    story.subscribe("acme", "basic", day(1), alignment="anniversary")
    story.call("acme", day(1, 5))
    story.pass_time(day(1, 11))
    assert at_once(story, {"kind": "plan", "plan": "year"}) == ["345.00"]
    assert bills(story)[-1] == ("period", ["-21.00", "365.00", "1.00"])
    story.pass_time(day(1, 10, year=2027))
    assert len(bills(story)) == 2


def test_cancelled_now_with_the_final_invoice_at_once(story: Story) -> None:
    story.subscribe("acme", "basic", day(1))
    story.call("acme", day(1, 5), day(1, 6))
    story.pass_time(day(1, 11))
    body = {"at": "now", "bills_at_once": True}
    assert story.post("/v1/subscriptions/acme/cancellation", body)["status"] == "ended"
    assert bills(story) == [("opening", ["31.00"]), ("period", ["-21.00", "2.00"])]
    assert story.pass_time(day(3))["run"]["invoices"] == 0, "nothing is left to bill"


def test_fees_in_arrears_wait_for_the_end_of_their_period(story: Story) -> None:
    """Nothing was paid for yet, so nothing is owed at once."""
    story.plan("later", fee("31", "in_arrears"))
    story.plan("much", fee("62", "in_arrears"))
    story.subscribe("acme", "later", day(1))
    story.pass_time(day(1, 20))
    body = {"what": {"kind": "plan", "plan": "much"}, "bills_at_once": True}
    assert story.post("/v1/subscriptions/acme/changes", body)["invoices"] == []
    story.pass_time(day(2))
    assert bills(story) == [("period", ["19.00", "24.00"])]


def test_a_discount_acts_on_what_is_billed_at_once(story: Story) -> None:
    """Ten per cent off, for good: off the difference on the 20th, and off February."""
    story.subscribe("acme", "basic", day(1))
    offer = {"key": "TENTH", "name": "A tenth", "rate_pct": "10", "frequency": "forever"}
    story.post("/v1/coupons", offer)
    story.post("/v1/coupon-redemptions", {"code": "TENTH", "customer": "acme"})
    story.pass_time(day(1, 20))
    assert at_once(story, {"kind": "plan", "plan": "pro"}) == ["10.80"]
    story.pass_time(day(2))
    assert bills(story)[-1] == ("period", ["62.00", "0.00", "-6.20"])
