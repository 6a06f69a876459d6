"""What is done around a rule: each adjustment, and their one order: docs/semantics/pricing.md."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.usage_need import Portion
from tallybook.domain.rating.adjust import after_credits, cap_spend, split_allowance
from tallybook.domain.rating.rate import rate_price, rate_usage

PER_UNIT = {"model": "per_unit", "unit_amount": "10"}
TIERED = {"model": "graduated", "tiers": [{"up_to": "10", "unit_amount": "1"}, {}]}


def price(rule: dict[str, Any] | None = None, **fields: Any) -> Price:
    plain = {"key": "p", "name": "P", "meter": "m", "rule": rule or PER_UNIT, **fields}
    made = msgspec.convert(plain, Price)
    made.check()
    return made


CONVERSION = {"divide_by": "1000", "rounding": "ceiling"}


@pytest.mark.parametrize(
    ("fields", "quantity", "amount", "why"),
    [
        ({"conversion": {"divide_by": "1000"}}, "1400", "14", "exact where nothing is rounded"),
        ({"conversion": CONVERSION}, "1400", "20", "a started thousand"),
        ({"conversion": {**CONVERSION, "scale": 1}}, "1401", "15", "a started hundred"),
        ({"conversion": {"multiply_by": "0.5"}}, "3", "15", "half a unit each"),
        ({"conversion": CONVERSION, "allowance": "0.5"}, "1400", "15", "allowance of converted"),
        ({"allowance": "5"}, "5", "0", "all of it included"),
        ({"allowance": "5"}, "4", "0", "and more"),
        ({"allowance": "5"}, "5.1", "1", "what is beyond"),
        ({"discount_pct": "12.5"}, "1", "8.75", "of the price"),
        ({"discount_pct": "100", "minimum": "3"}, "1", "3", "the minimum after the discount"),
        ({"discount_pct": "50", "maximum": "6"}, "1", "5", "the maximum after the discount"),
        ({"maximum": "6"}, "1", "6", "binds"),
        ({"maximum": "10"}, "1", "10", "equal does not bind"),
        ({"minimum": "11"}, "1", "11", "binds"),
        ({"minimum": "11"}, "0", "11", "without usage too"),
        ({}, "-3", "0", "below zero is free"),
        ({"minimum": "2"}, "-3", "2", "and the minimum still holds"),
        ({"negative_quantity": "credit"}, "-3", "-30", "unless it is a credit"),
        (
            {"negative_quantity": "credit", "discount_pct": "10"},
            "-3",
            "-27",
            "of which the discount is taken back",
        ),
        ({"rule": TIERED, "negative_quantity": "credit"}, "-12", "-10", "tiers from zero down"),
        ({"negative_quantity": "credit", "allowance": "5"}, "-3", "-30", "no allowance for it"),
    ],
)
def test_adjusted(fields: dict[str, Any], quantity: str, amount: str, why: str) -> None:
    made = price(**fields)
    rated = rate_price(made, Decimal(quantity))
    assert rated.amount == Decimal(amount), why
    assert rated.quantity == Decimal(quantity), "the quantity told is the one measured"
    assert sum(step.amount for step in rated.working) == rated.amount
    assert all(step.quantity * step.unit_amount == step.amount for step in rated.working)


def test_the_working_follows_the_order() -> None:
    made = price(
        conversion={"divide_by": "10", "unit": "boxes"},
        allowance="1",
        discount_pct="50",
        maximum="4",
        minimum="1",
    )
    rated = rate_price(made, Decimal(30))
    told = [(step.code, step.quantity, step.amount) for step in rated.working]
    assert told == [
        ("conversion", 30, 0),
        ("allowance", 1, 0),
        ("per_unit", 2, 20),
        ("discount", 20, -10),
        ("maximum", 1, -6),
    ]


def test_an_allowance_is_used_by_portions_in_their_order() -> None:
    cells = [{"values": ["a"], "unit_amount": "1"}, {"values": ["b"], "unit_amount": "100"}]
    made = price({"model": "matrix", "dimensions": ["d"], "cells": cells}, allowance="5")
    portions = [Portion(Decimal(4), {"d": "a"}), Portion(Decimal(4), {"d": "b"})]
    assert rate_usage(made, portions).amount == 300
    assert rate_usage(made, portions[::-1]).amount == 3
    assert rate_usage(made, portions, allowance_left=Decimal(0)).amount == 404


@pytest.mark.parametrize(
    ("used", "quantity", "split", "why"),
    [
        ("0", "4", ("4", "0"), "room for all"),
        ("0", "12", ("10", "2"), "beyond is paid"),
        ("5", "12", ("5", "7"), "what came before took its part"),
        ("15", "12", ("0", "12"), "nothing left"),
    ],
)
def test_split_allowance(used: str, quantity: str, split: tuple[str, str], why: str) -> None:
    found = split_allowance(Decimal(10), Decimal(quantity), used=Decimal(used))
    assert found == tuple(map(Decimal, split)), why


def test_what_is_left_of_an_allowance_can_be_given() -> None:
    made = price(allowance="5")
    assert rate_price(made, Decimal(7), allowance_left=Decimal(2)).amount == 50
    assert rate_price(made, Decimal(7), allowance_left=Decimal(0)).amount == 70


def test_a_maximum_over_several_lines() -> None:
    assert cap_spend(Decimal(100), Decimal(30), spent=Decimal(80)) == 20
    assert cap_spend(Decimal(100), Decimal(30), spent=Decimal(120)) == 0


def test_credits_never_pay_out() -> None:
    assert after_credits(Decimal(100), [Decimal(30), Decimal(80)]) == 0
    assert after_credits(Decimal(100), [Decimal(30)]) == 70
