"""Coupons on fees that are given back, in calendar order: docs/semantics/conditions.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

FEE: Answer = {
    "key": "fee",
    "timing": "in_advance",
    "rule": {"model": "flat", "amount": "31"},
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.plan("basic", FEE)
        begun.plan("pro", {**FEE, "rule": {"model": "flat", "amount": "62"}})
        begun.customer("acme")
        yield begun


def subscribed(story: Story, **coupon: object) -> str:
    """Acme with a coupon and the basic plan, its January billed in advance."""
    offer = {"key": "OFF", "name": "Off", **coupon}
    if "amount" in coupon:
        offer["currency"] = "EUR"
    story.post("/v1/coupons", offer)
    redeemed = story.post("/v1/coupon-redemptions", {"code": "OFF", "customer": "acme"})
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 2))
    return str(redeemed["id"])


def bills(story: Story) -> list[list[str]]:
    """The amounts on each invoice, in the order in which they were drawn up, all verified."""
    found = story.get("/v1/invoices", customer="acme", limit=1000)["results"]
    found.sort(key=lambda invoice: (invoice["created_at"], invoice["occasion"] != "opening"))
    for invoice in found:
        verification = story.post(f"/v1/invoices/{invoice['id']}/verify")
        assert verification["is_equal"], (invoice, verification["differences"])
    whole = [story.get(f"/v1/invoices/{invoice['id']}") for invoice in found]
    return [[line["amount"] for line in invoice["lines"]] for invoice in whole]


@pytest.mark.parametrize(
    ("coupon", "cancellation", "amounts", "why"),
    [
        ({"rate_pct": "100"}, {}, ["-30.00", "30.00"], "nothing was paid, nothing is given back"),
        ({"rate_pct": "50"}, {}, ["-30.00", "15.00"], "half was paid, half is given back"),
        ({"amount": "10"}, {}, ["-30.00", "9.68"], "30 of 31 days of 10.00"),
        ({"rate_pct": "100"}, {"refund": "full"}, ["-31.00", "31.00"], "all of nothing"),
        ({"rate_pct": "20", "frequency": "forever"}, {}, ["-30.00", "6.00"], "it acts on"),
    ],
)
def test_a_fee_is_given_back_less_its_discount(
    story: Story, coupon: Answer, cancellation: Answer, amounts: list[str], why: str
) -> None:
    subscribed(story, **coupon)
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now", **cancellation})
    story.pass_time(day(3, 2))
    assert bills(story)[1:] == [amounts], why


@pytest.mark.parametrize(
    ("coupon", "amounts", "why"),
    [
        (
            {"rate_pct": "100"},
            ["-12.00", "24.00", "62.00", "12.00"],
            "the first bill alone was free: the rest of January costs what the upgrade does",
        ),
        (
            {"rate_pct": "50", "frequency": "forever"},
            ["-12.00", "24.00", "62.00", "-37.00"],
            "6.00 of discount back, 43.00 off what is charged anew",
        ),
        (
            {"amount": "10", "frequency": "recurring", "periods": 2},
            ["-12.00", "24.00", "62.00", "-6.13"],
            "12/31 of 10.00 back, and the next 10.00",
        ),
    ],
)
def test_an_upgrade_gives_back_what_was_paid(
    story: Story, coupon: Answer, amounts: list[str], why: str
) -> None:
    subscribed(story, **coupon)
    story.pass_time(day(1, 20))
    story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "plan", "plan": "pro"}})
    story.pass_time(day(2, 2))
    assert bills(story)[1:] == [amounts], why


def test_what_is_taken_back_of_an_amount_comes_off_a_later_bill(story: Story) -> None:
    """20 off, once: of the 7.74 that the upgrade took back, all comes off February's bill."""
    subscribed(story, amount="20")
    story.pass_time(day(1, 20))
    story.post("/v1/subscriptions/acme/changes", {"what": {"kind": "plan", "plan": "pro"}})
    story.pass_time(day(4, 2))
    assert [amounts[-1] for amounts in bills(story)] == ["-20.00", "7.74", "-7.74", "62.00"]


def test_several_changes_take_each_discount_back_once(story: Story) -> None:
    """Up on the 11th, and on the 21st the upgrade is undone: all is as if it had never been."""
    redemption = subscribed(story, rate_pct="50")
    story.delete(f"/v1/coupon-redemptions/{redemption}")
    story.pass_time(day(1, 11))
    upgrade = {"what": {"kind": "plan", "plan": "pro"}, "bills_at_once": True}
    made = story.post("/v1/subscriptions/acme/changes", upgrade)
    story.pass_time(day(1, 21))
    story.delete(f"/v1/subscriptions/acme/changes/{made['changes'][0]['number']}")
    story.pass_time(day(2, 2))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now", "refund": "full"})
    story.pass_time(day(3, 2))
    opening, upgraded, january, last = bills(story)
    assert opening == ["31.00", "-15.50"]
    assert upgraded == ["-21.00", "42.00", "10.50"], "21 days of 15.50 back, and of 62.00"
    assert january == ["-42.00", "21.00", "31.00"], "the coupon was taken away long ago"
    assert last == ["-31.00"], "February was paid in full"
    coupon = story.get("/v1/coupon-redemptions", customer="acme")["results"]
    assert [each["is_spent"] for each in coupon] == [True]


def test_the_sentence_says_what_is_taken_back(story: Story) -> None:
    subscribed(story, rate_pct="100")
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now", "bills_at_once": True})
    [found] = [each for each in story.invoices("acme") if each["occasion"] == "period"]
    line = found["lines"][1]
    assert (line["kind"], found["total"]) == ("coupon", "0.00")
    assert line["working"][0]["sentence"] == (
        "Fee: Its discount is taken back, as €30.00 is given back: €30.00"
    )
