"""Fees on a bill that gives as much back as they cost, and their coupons: conditions.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

FEE: Answer = {"key": "fee", "timing": "in_advance", "rule": {"model": "flat", "amount": "62"}}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.plan("pro", FEE)
        begun.plan("small", {**FEE, "rule": {"model": "flat", "amount": "14"}})
        begun.customer("acme")
        yield begun


@pytest.mark.parametrize(
    ("coupon", "february", "last", "why"),
    [
        (
            {"rate_pct": "50", "frequency": "forever"},
            ["-42.00", "9.48", "14.00", "0.00"],
            ["-7.00", "3.50"],
            "half of what is given back was never to be paid",
        ),
        (
            {"rate_pct": "100", "frequency": "forever"},
            ["-42.00", "9.48", "14.00", "0.00"],
            ["-7.00", "7.00"],
            "nothing of it was",
        ),
        (
            {"rate_pct": "50"},
            ["-42.00", "9.48", "14.00"],
            ["-7.00"],
            "it took nothing off that bill, and is kept for one that it can",
        ),
        (
            {"amount": "5", "currency": "EUR", "frequency": "forever"},
            ["-42.00", "9.48", "14.00"],
            ["-7.00"],
            "an amount that found nothing to come off took nothing off",
        ),
    ],
)
def test_a_fee_netted_wholly_by_what_is_given_back(
    story: Story, coupon: Answer, february: list[str], last: list[str], why: str
) -> None:
    """January was paid in full. On the 10th a coupon, on the 11th a smaller plan: February's bill
    owes nothing. On 15 February it ends, and half of February's fee is given back."""
    story.subscribe("acme", "pro", day(1))
    story.pass_time(day(1, 10))
    story.post("/v1/coupons", {"key": "OFF", "name": "Off", **coupon})
    story.post("/v1/coupon-redemptions", {"code": "OFF", "customer": "acme"})
    story.pass_time(day(1, 11))
    story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "plan", "plan": "small"}})
    story.pass_time(day(2, 15))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    story.pass_time(day(3, 2))
    found = [[line["amount"] for line in bill["lines"]] for bill in story.proved("acme")]
    assert found == [["62.00"], february, last], why
