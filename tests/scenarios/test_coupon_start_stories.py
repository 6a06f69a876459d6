"""Subscriptions that begin with coupons, told in calendar order: docs/semantics/conditions.md."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.subscriptions.life import Start
from tallybook.services.ports import Wiring
from tallybook.services.start_subscription import start_subscription

FEE: Answer = {"key": "fee", "name": "Fee", "rule": {"model": "flat", "amount": "100"}}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.plan("pro", FEE)
        begun.plan("other", FEE)
        begun.customer("acme")
        coupon(begun, "TEN", rate_pct="10", frequency="recurring", periods=2)
        coupon(begun, "FIVE", amount="5", currency="EUR", frequency="forever")
        yield begun


def coupon(story: Story, code: str, **said: object) -> None:
    story.post("/v1/coupons", {"key": code, "name": code.title(), **said})


def start(*codes: str, key: str = "acme", **said: object) -> Answer:
    body = {"key": key, "customer": "acme", "plan": "pro", "alignment": "calendar"}
    return {**body, "starts_at": day(1).isoformat(), "coupons": list(codes), **said}


def bills(story: Story) -> list[list[str]]:
    """The amounts of every invoice, each verified."""
    return [[line["amount"] for line in invoice["lines"]] for invoice in story.proved("acme")]


def redeemed(story: Story) -> list[tuple[str, str]]:
    found = story.get("/v1/coupon-redemptions", customer="acme")["results"]
    return [(each["code"], each["subscription"]) for each in found]


def test_a_subscription_begins_with_two_coupons(story: Story) -> None:
    """Ten percent off two bills and five euros off each, in the order named."""
    story.post("/v1/subscriptions", start("TEN", "FIVE"))
    assert redeemed(story) == [("TEN", "acme"), ("FIVE", "acme")]
    story.pass_time(day(4, 2))
    assert bills(story) == [["100.00", "-10.00", "-5.00"]] * 2 + [["100.00", "-5.00"]]


def test_its_coupons_are_its_own(story: Story) -> None:
    story.post("/v1/subscriptions", start("TEN"))
    story.post("/v1/subscriptions", start(key="second"))
    story.pass_time(day(2, 2))
    assert sorted(bills(story)) == [["100.00"], ["100.00", "-10.00"]]


def test_asked_again_nothing_is_redeemed_twice(story: Story) -> None:
    made = story.post("/v1/subscriptions", start("TEN"))
    assert story.post("/v1/subscriptions", start("TEN"))["id"] == made["id"]
    assert story.post("/v1/subscriptions", start())["id"] == made["id"]
    story.pass_time(day(4, 2))
    story.delete("/v1/coupons/TEN")
    assert story.post("/v1/subscriptions", start("TEN"))["id"] == made["id"], "spent and retired"
    assert redeemed(story) == [("TEN", "acme")]
    refused = story.refused("/v1/subscriptions", start("TEN", "FIVE"))
    assert (refused["code"], refused["field"]) == ("subscription_differs", "coupons/1")


REFUSED = [
    (["NONE"], {}, "coupons/0", "no_such_coupon", "no such code"),
    (["TEN", "TEN"], {}, "coupons/1", "coupon_twice", "one is one"),
    (["TEN", "GONE"], {}, "coupons/1", "coupon_retired", "nobody can redeem it any more"),
    (["FIVE", "TEN", "OLD"], {}, "coupons/2", "coupon_expired", "its time is over"),
    (["TEN", "ALONE"], {}, "coupons/1", "coupon_exclusive", "it stands with no other"),
    (["USD"], {}, "coupons/0", "coupon_in_other_currency", "it would never act"),
    (["OTHER"], {}, "coupons/0", "coupon_of_other_plan", "it would never act"),
    (["C"] * 21, {}, "coupons", "too_many_coupons", "more than anybody means"),
    (["TEN"], {"plan": "none"}, "plan", "unknown_plan", "the coupon stays"),
    (["TEN"], {"ends_at": day(1).isoformat()}, "ends_at", "ends_before_it_starts", "and so here"),
]


@pytest.mark.parametrize(("codes", "said", "field", "code", "why"), REFUSED)
def test_refused_as_a_whole(
    story: Story, codes: list[str], said: Answer, field: str, code: str, why: str
) -> None:
    """Neither does the subscription begin nor is any of the coupons redeemed."""
    coupon(story, "GONE", rate_pct="1")
    story.delete("/v1/coupons/GONE")
    coupon(story, "OLD", rate_pct="1", redeem_until=day(1).isoformat())
    coupon(story, "ALONE", rate_pct="1", is_exclusive=True)
    coupon(story, "USD", amount="1", currency="USD")
    coupon(story, "OTHER", rate_pct="1", only_plans=["other"])
    refused = story.refused("/v1/subscriptions", start(*codes, **said))
    assert (refused["field"], refused["code"]) == (field, code), why
    assert story.get("/v1/subscriptions")["results"] == []
    assert redeemed(story) == []
    story.post("/v1/subscriptions", start("TEN"))


def test_a_coupon_for_the_plan_of_a_later_phase(story: Story) -> None:
    coupon(story, "OTHER", rate_pct="20", frequency="forever", only_plans=["other"])
    later: Answer = {"phases": [{"after": 1, "plan": "other"}]}
    story.post("/v1/subscriptions", start("OTHER", **later))
    story.pass_time(day(3, 2))
    assert bills(story) == [["100.00"], ["100.00", "-20.00"]]


def test_ten_at_once_begin_with_a_coupon_that_three_can_have(story: Story) -> None:
    """Two codes each, in either order: nobody waits for each other for ever."""
    coupon(story, "RARE", rate_pct="10", max_redemptions=3)
    coupon(story, "MANY", rate_pct="10", max_per_customer=100)
    for number in range(10):
        story.customer(f"c{number}")

    def ask(number: int) -> str:
        codes = ("RARE", "MANY") if number % 2 else ("MANY", "RARE")
        asked = Start(key=f"s{number}", customer=f"c{number}", plan="pro", coupons=codes)
        try:
            start_subscription(story.wiring, story.organization_id, asked)
        except Conflicting as refusal:
            return refusal.code
        return "begun"

    with ThreadPoolExecutor(5) as pool:
        answers = sorted(pool.map(ask, range(10)))
    assert answers == ["begun"] * 3 + ["coupon_used_up"] * 7
    assert len(story.get("/v1/subscriptions")["results"]) == 3
    assert story.get("/v1/coupons/MANY")["redemptions"] == 3, "none of those refused has it"
