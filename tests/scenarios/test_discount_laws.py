"""What holds of coupons for ever, whatever becomes of a subscription: see conditions.md."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

PROMISE = {"key": "promise", "name": "Committed", "amounts": ["100", "150"]}
BOUNDS = {"key": "bounds", "name": "Bounds", "minimum": "80", "maximum": "120"}
CONDITIONS: list[Answer] = [
    {},
    {"commitments": [{**PROMISE, "overage_factor": "0.5"}]},
    {"commitments": [{**PROMISE, "per": "year", "prices": ["calls"]}]},
    {"spend_limits": [BOUNDS]},
]
FIVE_SEATS = {"kind": "set_quantity", "price_key": "seat", "quantity": "5"}
PRORATION = st.sampled_from(["prorated", "none", "full"])
_names = itertools.count()

orders = st.one_of(
    st.tuples(
        st.just("changes"),
        st.fixed_dictionaries(
            {
                "what": st.sampled_from(
                    [{"kind": "plan", "plan": plan} for plan in ("basic", "pro", "yearly")]
                    + [
                        {"kind": "set_quantity", "price_key": "seat", "quantity": seats}
                        for seats in ("0", "1", "5")
                    ]
                ),
                "proration": PRORATION,
            }
        ),
    ),
    st.tuples(
        st.just("changes"),
        st.sampled_from([{"what": {"kind": kind}} for kind in ("pause", "resume", "reactivate")]),
    ),
    st.tuples(
        st.just("cancellation"),
        st.fixed_dictionaries({"at": st.sampled_from(["now", "period_end"]), "refund": PRORATION}),
    ),
)
lives = st.lists(st.tuples(st.integers(1, 24), orders, st.booleans()), min_size=1, max_size=5)


def priced(key: str, rule: Answer, **said: str) -> Answer:
    return {"key": key, "name": key.title(), "rule": rule, **said}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        for code, off in (("HALF", "50"), ("ALL", "100")):
            offer = {"key": code, "name": code, "rate_pct": off, "frequency": "forever"}
            begun.post("/v1/coupons", offer)
        yield begun


def sell(story: Story, conditions: Answer) -> None:
    """Three plans; the conditions go along with an upgrade, and not to the yearly one."""
    for plan, fee, seat, more in (
        ("basic", "31", "10", conditions),
        ("pro", "62", "8", conditions),
        ("yearly", "365", "100", {"interval": "year"}),
    ):
        prices = [
            priced("fee", {"model": "flat", "amount": fee}, timing="in_advance"),
            priced("seat", {"model": "per_unit", "unit_amount": seat}, timing="in_advance"),
            priced("calls", {"model": "per_unit", "unit_amount": "3"}, meter="calls"),
        ]
        body = {"key": plan, "name": plan.title(), "currency": "EUR", "prices": prices}
        story.post("/v1/plans", {**body, **more})


def live(story: Story, customer: str, life: list[Any], coupon: str) -> None:
    """The same life for whoever it is; what is refused to one is refused to all."""
    story.customer(customer)
    now = day(1)
    clock = f"/v1/customers/{customer}/test-clock"
    story.post(clock, {"at": now.isoformat()})
    if coupon:
        story.post("/v1/coupon-redemptions", {"code": coupon, "customer": customer})
    story.subscribe(customer, "basic", now)
    for days, (path, order), is_at_once in life:
        story.call(customer, now + timedelta(hours=7))
        now += timedelta(days=days, hours=5)
        story.post(clock, {"at": now.isoformat()})
        body = {**order, "bills_at_once": is_at_once}
        story._client.post(f"/v1/subscriptions/{customer}/{path}", json=body)
    story.post(clock, {"at": (now + timedelta(days=80)).isoformat()})


def paid(story: Story, customer: str) -> tuple[int, int]:
    """What all invoices come to, each verified, and how many there are."""
    invoices = story.invoices(customer)
    for invoice in invoices:
        verification = story.post(f"/v1/invoices/{invoice['id']}/verify")
        assert verification["is_equal"], verification["differences"]
    return sum(invoice["total_minor"] for invoice in invoices), len(invoices)


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(life=lives, conditions=st.sampled_from(CONDITIONS))
@example(
    life=[
        (2, ("changes", {"what": {"kind": "plan", "plan": "yearly"}, "proration": "none"}), False),
        (23, ("changes", {"what": FIVE_SEATS}), True),
    ],
    conditions={"spend_limits": [BOUNDS]},
)
def test_half_off_for_ever_is_half_and_all_off_is_nothing(
    story: Story, life: list[Any], conditions: Answer
) -> None:
    """Upgraded, paused, ended with a refund or without, billed at once or with the next bill:
    whoever pays half pays half in all, whoever pays nothing is owed nothing."""
    sell(story, conditions)
    number = next(_names)
    of: dict[str, tuple[int, int]] = {}
    for who, coupon in (
        ("whole", ""),
        ("half", "HALF"),
        ("nothing", "ALL"),
    ):
        live(story, f"{who}{number}", life, coupon)
        of[who] = paid(story, f"{who}{number}")
    cents = 2 * of["whole"][1]
    assert abs(of["half"][0] * 2 - of["whole"][0]) <= 2 * cents, "each bill is rounded"
    assert abs(of["nothing"][0]) <= cents
