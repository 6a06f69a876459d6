"""What a migration is previewed to cost is what is billed: docs/semantics/plans.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

FEE: Answer = {"key": "fee", "name": "Fee", "rule": {"model": "flat", "amount": "20"}}
CALLS: Answer = {
    "key": "calls",
    "name": "Calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "10"},
}
DEAR: Answer = FEE | {"rule": {"model": "flat", "amount": "50"}}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        yield begun


def plan(story: Story, fee: Answer, **conditions: Any) -> None:
    body = {"key": "pro", "name": "Pro", "currency": "EUR", "prices": [fee, CALLS]}
    story.post("/v1/plans", {**body, **conditions})


def subscribe(story: Story, key: str = "acme", **said: Any) -> None:
    body = {"key": key, "customer": "acme", "plan": "pro", "alignment": "calendar", "version": 1}
    story.post("/v1/subscriptions", {**body, "starts_at": day(1).isoformat(), **said})


def previewed(story: Story, period: str, key: str = "acme") -> tuple[str, str]:
    """What a subscription pays for the month, and what it would."""
    found = story.post(
        f"/v1/plan-migration-previews?period={period}",
        {"key": "up", "plan": "pro", "cohort": {"versions": [1]}},
    )
    assert found["skipped"] == []
    effects = {each["subscription"]: each for each in found["effects"]}
    return effects[key]["before"], effects[key]["after"]


def billed(story: Story, subscription: str = "acme") -> list[str]:
    """The totals of its invoices, each verified."""
    found = story.get("/v1/invoices", subscription=subscription, limit=1000)["results"]
    for invoice in found:
        verification = story.post(f"/v1/invoices/{invoice['id']}/verify")
        assert verification["is_equal"], verification["differences"]
    return [invoice["total"] for invoice in reversed(found)]


def commitment(**said: Any) -> dict[str, Any]:
    return {"commitments": [{"key": "promise", "name": "Promise", **said}]}


def limit(**said: Any) -> dict[str, Any]:
    return {"spend_limits": [{"key": "bounds", "name": "Bounds", **said}]}


SHARED = {
    "shared_allowances": [
        {
            "key": "included",
            "name": "Included",
            "units": "2",
            "prices": ["calls"],
            "keeps_periods": 2,
        }
    ]
}
CONDITIONS = [
    ({}, [], "no condition at all"),
    (commitment(amounts=["60", "70", "80"]), [], "a ramp at its third stage"),
    (commitment(amounts=["500"], per="year", overage_factor="2"), [], "a year, not yet over"),
    (commitment(amounts=["70"], per="year", overage_factor="2"), [], "a year, beyond it already"),
    (commitment(amounts=["90"], per="total", overage_factor="0.5"), [], "in all, beyond it"),
    (limit(maximum="40", minimum="10"), [], "no more than so much"),
    (limit(maximum="100", per="year"), [], "some of the year's most is spent"),
    (SHARED, [], "units that were kept in January and in February"),
    ({}, [{"rate_pct": "10", "frequency": "forever"}], "ten percent off"),
    ({}, [{"amount": "100", "currency": "EUR"}], "what two bills left of it"),
    ({}, [{"rate_pct": "10", "frequency": "recurring", "periods": 2}], "it is used up"),
    (commitment(amounts=["60"]), [{"rate_pct": "10", "frequency": "forever"}], "off both"),
    ({}, [{"rate_pct": "10", "only_plans": ["other"], "frequency": "forever"}], "not its plan"),
]


@pytest.mark.parametrize(("conditions", "coupons", "why"), CONDITIONS)
def test_what_is_paid_now_is_what_the_bill_says(
    story: Story, conditions: Any, coupons: list[Answer], why: str
) -> None:
    """Previewed in the last hour of March, billed on 1 April: the third bill, not a first one."""
    story.plan("other", FEE)
    plan(story, FEE, **conditions)
    subscribe(story)
    subscribe(story, "second", plan="other")
    for place, said in enumerate(coupons):
        story.post("/v1/coupons", {"key": f"C{place}", "name": "C", **said})
        asked = {"code": f"C{place}", "customer": "acme", "subscription": "acme"}
        if "only_plans" in said:
            del asked["subscription"]
        story.post("/v1/coupon-redemptions", asked)
    plan(story, DEAR, **conditions)
    story.call("acme", day(1, 5))
    story.call("acme", day(2, 5))
    story.pass_time(day(3, 5))
    story.call("acme", *[day(3, 4, hour) for hour in range(5)])
    story.pass_time(day(3, 31))
    before, _ = previewed(story, "2026-03")
    story.pass_time(day(4, 1))
    assert billed(story)[-1] == before, why


def test_what_would_be_paid_is_what_the_bill_after_it_says(story: Story) -> None:
    """A ramp, units kept and a coupon. Acme is moved on 1 March, Bolt stays and does the same:
    what March would cost Bolt is what it costs Acme."""
    plan(story, FEE)
    plan(story, DEAR, **commitment(amounts=["60", "70", "95"]), **SHARED)
    story.customer("bolt")
    story.post("/v1/coupons", {"key": "C", "name": "C", "rate_pct": "10", "frequency": "forever"})
    for customer in ("acme", "bolt"):
        subscribe(story, customer, customer=customer)
        story.post("/v1/coupon-redemptions", {"code": "C", "customer": customer})
    story.pass_time(day(2, 28))
    cohort = {"customers": ["acme"]}
    story.post("/v1/plan-migrations", {"key": "up", "plan": "pro", "cohort": cohort})
    story.post("/v1/plan-migrations/up/runs")
    for customer in ("acme", "bolt"):
        story.call(customer, *[day(3, 4, hour) for hour in range(5)])
    story.pass_time(day(3, 31))
    _, after = previewed(story, "2026-03", "bolt")
    assert after == "85.50", "50 and three calls, 15 more to the third stage; less ten percent"
    story.pass_time(day(4, 1))
    assert billed(story)[-1] == after


def test_a_limit_of_the_customer_counts_what_the_others_were_billed_for(story: Story) -> None:
    plan(story, FEE, **limit(minimum="95", whose="customer"))
    plan(story, DEAR, **limit(minimum="95", whose="customer"))
    story.plan("other", FEE)
    subscribe(story)
    subscribe(story, "second", plan="other")
    story.call("acme", day(1, 5))
    story.pass_time(day(2, 2))
    assert billed(story) == ["75.00"], "20, a call, and 45 more: with the other 20 it is 95"
    assert previewed(story, "2026-01") == ("75.00", "75.00"), "50, a call, and 15 more"


def test_usage_that_is_pooled_is_previewed_where_it_is_billed(story: Story) -> None:
    """What the daughter uses is the group's; her own subscription has none of it."""
    plan(story, FEE)
    plan(story, DEAR)
    daughter = {"key": "north", "name": "North", "currency": "EUR", "parent": "acme"}
    story.post("/v1/customers", {**daughter, "usage_at": "parent"})
    subscribe(story)
    subscribe(story, "north", customer="north")
    story.call("north", day(1, 5), day(1, 6))
    story.call("acme", day(1, 5))
    story.pass_time(day(1, 31))
    foretold = {key: previewed(story, "2026-01", key) for key in ("acme", "north")}
    assert foretold == {"acme": ("50.00", "80.00"), "north": ("20.00", "50.00")}
    story.pass_time(day(2, 1))
    assert {key: billed(story, key) for key in foretold} == {"acme": ["50.00"], "north": ["20.00"]}


def test_who_could_not_be_billed_is_told_and_the_others_are_previewed(story: Story) -> None:
    largest = {"type": "max", "value": "size"}
    peak = {"key": "peak", "name": "Peak", "event_type": "call", "aggregation": largest}
    story.post("/v1/meters", peak)
    plan(story, FEE)
    rule = {"model": "per_unit", "unit_amount": "1"}
    peaks = {"key": "peak", "name": "Peak", "meter": "peak", "rule": rule}
    prices = {"prices": [FEE, CALLS, peaks]}
    story.post("/v1/plans", {"key": "pro", "name": "Pro", "currency": "EUR", **prices})
    story.customer("solo")
    daughter = {"key": "north", "name": "North", "currency": "EUR", "parent": "acme"}
    story.post("/v1/customers", {**daughter, "usage_at": "parent"})
    subscribe(story)
    subscribe(story, "solo", customer="solo")
    story.pass_time(day(1, 31))
    found = story.post("/v1/plan-migration-previews?period=2026-01", {"key": "up", "plan": "pro"})
    assert [each["subscription"] for each in found["effects"]] == ["solo"]
    [skipped] = found["skipped"]
    assert skipped["subscription"] == "acme"
    assert "cannot_be_pooled" in skipped["reason"]
