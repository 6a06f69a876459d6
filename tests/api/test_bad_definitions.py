"""Definitions that nobody could mean: refused when saved, with the place and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

EACH = {"model": "per_unit", "unit_amount": "1"}


def price(rule: Answer | None = None, **said: Any) -> Answer:
    return {"key": "calls", "name": "Calls", "meter": "calls", "rule": rule or EACH, **said}


def fee(amount: str, **said: Any) -> Answer:
    return {"key": "fee", "name": "Fee", "rule": {"model": "flat", "amount": amount}, **said}


def plan(*prices: Answer, **said: Any) -> Answer:
    body = {"key": "p", "name": "P", "currency": "EUR"}
    return {**body, "prices": list(prices) or [price()], **said}


def tiers(*ends: str | None) -> Answer:
    each = [{"unit_amount": "1"} | ({"up_to": end} if end else {}) for end in ends]
    return plan(price({"model": "graduated", "tiers": each}))


def bands(*whens: list[Answer], **said: Any) -> Answer:
    made = [{"name": f"b{at}", "rule": EACH, "when": when} for at, when in enumerate(whens)]
    return plan(price({"model": "time_of_use", "bands": made, **said}))


MORNING = {"from_time": "08:00", "until_time": "12:00"}
WHOLE = {"from_time": "00:00", "until_time": "24:00"}
SHARED = {"key": "s", "name": "S", "prices": ["calls"]}
PROMISE = {"key": "c", "name": "C"}
MATRIX = {"model": "matrix", "dimensions": ["model"]}
CELL = {"values": ["a"], "unit_amount": "1"}
RULE = "prices/0/rule"


def dated(*days: str | None) -> Answer:
    entries = [{"rule": EACH} | ({"starts_on": each} if each else {}) for each in days]
    return plan(price({"model": "price_list", "entries": entries}))


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls", dimensions=("region",))
        begun.customer("acme")
        for key, body in (
            ("basic", plan(fee("10"))),
            ("pro", plan(fee("20"))),
            ("free", plan(fee("0"))),
            ("once", plan(fee("5", timing="once"))),
            ("least", plan(price(minimum="5"))),
            ("usage", plan(price({"model": "overage", "allowance": "5", "unit_amount": "1"}))),
            ("promised", plan(price(), commitments=[{**PROMISE, "amounts": ["0", "5"]}])),
            ("add_on", plan(fee("9", timing="in_advance", is_optional=True))),
        ):
            begun.post("/v1/plans", {**body, "key": key})
        yield begun


PLANS: list[tuple[Answer, str, str, str]] = [
    (tiers("10", "5", None), f"{RULE}/tiers/1/up_to", "overlapping_tiers", "ends before it begins"),
    (tiers("10", "10", None), f"{RULE}/tiers/1/up_to", "overlapping_tiers", "of no width"),
    (tiers("-5", None), f"{RULE}/tiers/0/up_to", "overlapping_tiers", "below zero"),
    (tiers(None, "5"), f"{RULE}/tiers/0/up_to", "open_tier_inside", "the second is never reached"),
    (tiers("5"), f"{RULE}/tiers/0/up_to", "last_tier_ends", "a gap above 5"),
    (plan(price(maximum="-1")), "prices/0/maximum", "negative_amount", "a cap below zero"),
    (plan(price(minimum="-1")), "prices/0/minimum", "negative_amount", ""),
    (plan(price(minimum="5", maximum="1")), "prices/0/minimum", "minimum_above_maximum", ""),
    (plan(price(allowance="-5")), "prices/0/allowance", "negative_amount", ""),
    (plan(price(discount_pct="150")), "prices/0/discount_pct", "discount_above_100", ""),
    (
        plan(price({"model": "percentage", "rate_pct": "150"})),
        f"{RULE}/rate_pct",
        "rate_above_100",
        "more than the payment; 1.50 was meant",
    ),
    (
        plan(price({"model": "uplift", "rate_pct": "101", "dimension": "region"})),
        f"{RULE}/rate_pct",
        "rate_above_100",
        "more than was gained",
    ),
    (
        plan(price({"model": "graduated_percentage", "tiers": [{"rate_pct": "200"}]})),
        f"{RULE}/tiers/0/rate_pct",
        "rate_above_100",
        "",
    ),
    (plan(currencies=["USD"]), "prices/0/in_currency/USD", "currency_without_price", ""),
    (
        plan(price(in_currency={"USD": {"rule": EACH}})),
        "prices/0/in_currency/USD",
        "price_without_currency",
        "",
    ),
    (plan(currency="XXQ"), "currency", "unknown_currency", ""),
    (plan(price({**MATRIX, "cells": [CELL]})), RULE, "unknown_dimension", "the meter has region"),
    (plan(price(match={"model": "a"})), "prices/0/match/model", "unknown_dimension", ""),
    (plan(price(meter="nope")), "prices/0/meter", "unknown_meter", ""),
    (bands([MORNING]), f"{RULE}/bands", "gap_between_bands", "no band has the night"),
    (bands([MORNING], [MORNING], []), f"{RULE}/bands/1/when", "band_never_reached", "overlapped"),
    (bands([WHOLE], [MORNING]), f"{RULE}/bands/1/when", "band_never_reached", "overlapped whole"),
    (bands([], []), f"{RULE}/bands/0/when", "band_never_reached", ""),
    (
        bands([{"holidays": True}], []),
        f"{RULE}/bands/0/when/0/holidays",
        "no_holidays",
        "no calendar of them",
    ),
    (bands([], holidays="US"), f"{RULE}/holidays", "wrong_value", "no calendar is known by name"),
    (bands([], holidays=["2026-13-01"]), f"{RULE}/holidays/0", "wrong_value", "no such day"),
    (bands([], timezone="Mars/Base"), f"{RULE}/timezone", "unknown_timezone", ""),
    (
        bands([{"from_day": "02-31"}], []),
        f"{RULE}/bands/0/when/0/from_day",
        "unreadable_moment",
        "no year has it",
    ),
    (
        bands([{"from_time": "08:00", "until_time": "08:00"}], []),
        f"{RULE}/bands/0/when/0/until_time",
        "no_hours",
        "",
    ),
    (dated("2026-05-01", "2026-04-01"), f"{RULE}/entries/1/starts_on", "overlapping_dates", ""),
    (dated("2026-05-01", None), f"{RULE}/entries/1/starts_on", "overlapping_dates", ""),
    (plan(commitments=[PROMISE]), "commitments/0/amounts", "missing_field", "of how much?"),
    (
        plan(commitments=[{**PROMISE, "amounts": ["1"], "per": "decade"}]),
        "commitments/0/per",
        "wrong_value",
        "over which time?",
    ),
    (
        plan(commitments=[{**PROMISE, "amounts": ["1"], "prices": ["x"]}]),
        "commitments/0/prices/0",
        "unknown_price",
        "",
    ),
    (
        plan(shared_allowances=[{**SHARED, "units": "-1"}]),
        "shared_allowances/0/units",
        "not_positive",
        "",
    ),
    (plan(price(colour="red")), "prices/0/colour", "unknown_field", ""),
    (plan(price({**EACH, "colour": "red"})), f"{RULE}/colour", "unknown_field", ""),
    (plan(price({"model": "magic"})), f"{RULE}/model", "wrong_value", ""),
    (plan(price(), price()), "prices/1/key", "price_key_taken", ""),
]


def test_plans(story: Story) -> None:
    for body, field, code, why in PLANS:
        problem = story.refused("/v1/plans", body)
        assert (problem["field"], problem["code"]) == (field, code), why
        assert problem["mend"], (field, code)
    known = ["basic", "pro", "free", "once", "least", "usage", "promised", "add_on"]
    assert {each["key"] for each in story.get("/v1/plans")["results"]} == set(known)


@pytest.mark.parametrize(
    ("said", "field", "code", "why"),
    [
        ({"rate_pct": "0"}, "rate_pct", "coupon_of_nothing", ""),
        ({"rate_pct": "150"}, "rate_pct", "discount_above_100", ""),
        ({"rate_pct": "-5"}, "rate_pct", "negative_amount", ""),
        ({"amount": "0", "currency": "EUR"}, "amount", "coupon_of_nothing", ""),
        ({"rate_pct": "5", "frequency": "recurring", "periods": 0}, "periods", "no_periods", ""),
        ({"rate_pct": "5", "only_plans": ["x"]}, "only_plans/0", "unknown_plan", ""),
        ({"rate_pct": "5", "only_prices": ["x"]}, "only_prices/0", "unknown_price", "of no plan"),
        (
            {"rate_pct": "5", "redeem_from": "2026-05-01T00:00:00Z"}
            | {"redeem_until": "2026-04-01T00:00:00Z"},
            "redeem_until",
            "never_redeemable",
            "dates in the wrong order",
        ),
    ],
)
def test_coupons(story: Story, said: Answer, field: str, code: str, why: str) -> None:
    problem = story.refused("/v1/coupons", {"key": "OFF", "name": "Off", **said})
    assert (problem["field"], problem["code"]) == (field, code), why
    assert problem["mend"]


@pytest.mark.parametrize(
    ("said", "field", "code", "why"),
    [
        ({"plans": ["basic", "pro", "basic"]}, "plans/2", "plan_twice", "a cycle of plans"),
        ({"plans": ["basic", "x"]}, "plans/1", "unknown_plan", ""),
        ({"plans": []}, "plans", "family_size_out_of_range", ""),
    ],
)
def test_families(story: Story, said: Answer, field: str, code: str, why: str) -> None:
    problem = story.refused("/v1/plan-families/cloud", {"name": "Cloud", **said}, method="PUT")
    assert (problem["field"], problem["code"]) == (field, code), why
    assert problem["mend"]


TO_FREE = {"days": 14, "then": "free"}


@pytest.mark.parametrize(
    ("said", "field", "code", "why"),
    [
        (
            {"trial": {**TO_FREE, "free_plan": "pro"}},
            "trial/free_plan",
            "free_plan_not_free",
            "a fee in each period",
        ),
        ({"trial": {**TO_FREE, "free_plan": "once"}}, "trial/free_plan", "free_plan_not_free", ""),
        (
            {"trial": {**TO_FREE, "free_plan": "least"}},
            "trial/free_plan",
            "free_plan_not_free",
            "a minimum without usage",
        ),
        (
            {"trial": {**TO_FREE, "free_plan": "promised"}},
            "trial/free_plan",
            "free_plan_not_free",
            "a promise that is filled up, if only in the second month",
        ),
        (
            {"trial": {**TO_FREE, "free_plan": "basic"}},
            "trial/free_plan",
            "free_plan_is_tried",
            "a trial that leads into itself",
        ),
        (
            {"contract": {"interval": "year", "renews_into": "basic"}},
            "contract/renews_into",
            "renews_into_itself",
            "",
        ),
        ({"phases": [{"after": 3, "plan": "basic"}]}, "phases/0/plan", "phase_says_nothing", ""),
        (
            {"phases": [{"after": 3, "plan": "pro"}, {"after": 6, "plan": "pro"}]},
            "phases/1/plan",
            "phase_says_nothing",
            "it is there since the third month",
        ),
        (
            {"phases": [{"after": 3, "plan": "pro"}, {"after": 2, "plan": "basic"}]},
            "phases/1",
            "phases_out_of_order",
            "",
        ),
        (
            {"starts_at": "2026-05-01T00:00:00Z", "ends_at": "2026-04-01T00:00:00Z"},
            "ends_at",
            "ends_before_it_starts",
            "",
        ),
    ],
)
def test_starts(story: Story, said: Answer, field: str, code: str, why: str) -> None:
    body = {"key": "acme", "customer": "acme", "plan": "basic", **said}
    problem = story.refused("/v1/subscriptions", body)
    assert (problem["field"], problem["code"]) == (field, code), why
    assert problem["mend"]
    assert story.get("/v1/subscriptions")["results"] == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"trial": {**TO_FREE, "free_plan": "free"}}, "a fee of nothing"),
        ({"trial": {**TO_FREE, "free_plan": "usage"}}, "free until more is used than is included"),
        ({"trial": {**TO_FREE, "free_plan": "add_on"}}, "nothing of it unless it is taken"),
        (
            {"phases": [{"after": 3, "plan": "pro"}, {"after": 6, "plan": "basic"}]},
            "there and back: a season",
        ),
        ({"contract": {"interval": "year", "renews_into": "pro"}}, "leads on, once"),
    ],
)
def test_what_looks_alike_and_can_be_meant(story: Story, said: Answer, why: str) -> None:
    body = {"key": "acme", "customer": "acme", "plan": "basic", **said}
    assert story.post("/v1/subscriptions", body)["plan"] == "basic", why


def test_bands_may_overlap_in_part(story: Story) -> None:
    """The first that fits has the moment: holidays before weekdays, say."""
    later = {"from_time": "10:00", "until_time": "14:00"}
    story.post("/v1/plans", bands([MORNING], [later], []))
