"""Amounts of conditions in several currencies side by side: docs/semantics/conditions.md."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.catalog.coupon import CouponOffer
from tallybook.domain.catalog.plan import PlanTerms, PlanVersion, publish, terms_of
from tallybook.domain.kernel.errors import Invalid

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CURRENCIES = ("EUR", "USD", "JPY")


def flat(amount: str = "1") -> dict[str, Any]:
    return {"model": "flat", "amount": amount}


def terms(**fields: Any) -> PlanTerms:
    """A plan that is sold in euros and dollars, with one fee."""
    fee = {"key": "fee", "name": "Fee", "rule": flat(), "in_currency": {"USD": {"rule": flat()}}}
    both = {"currency": "EUR", "currencies": ["USD"], "prices": [fee]}
    return msgspec.convert({"key": "pro", "name": "Pro", **both, **fields}, PlanTerms)


def promise(**fields: Any) -> dict[str, Any]:
    return {"key": "promise", "name": "Promise", "amounts": ["100"], **fields}


def bounds(**fields: Any) -> dict[str, Any]:
    return {"key": "bounds", "name": "Bounds", **fields}


def promised(*amounts: str) -> dict[str, Any]:
    return {"USD": {"amounts": list(amounts)}}


REFUSED = [
    (
        {"commitments": [promise()]},
        "commitments/0/in_currency/USD",
        "currency_without_amount",
        "what is promised in dollars",
    ),
    (
        {"commitments": [promise(in_currency={**promised("90"), "SEK": {"amounts": ["1"]}})]},
        "commitments/0/in_currency/SEK",
        "amount_without_currency",
        "nobody is billed in it",
    ),
    (
        {"commitments": [promise(amounts=["1", "2"], in_currency=promised("1"))]},
        "commitments/0/in_currency/USD/amounts",
        "stages_differ",
        "a ramp in euros alone",
    ),
    (
        {"commitments": [promise(in_currency=promised("-1"))]},
        "commitments/0/in_currency/USD/amounts/0",
        "negative_amount",
        "no gifts in any currency",
    ),
    (
        {"commitments": [promise(in_currency=promised())]},
        "commitments/0/in_currency/USD/amounts",
        "stages_out_of_range",
        "no amount at all",
    ),
    (
        {"spend_limits": [bounds(maximum="5")]},
        "spend_limits/0/in_currency/USD",
        "currency_without_amount",
        "no more than how many dollars",
    ),
    (
        {"spend_limits": [bounds(maximum="5", in_currency={"USD": {"minimum": "5"}})]},
        "spend_limits/0/in_currency/USD/minimum",
        "limit_differs",
        "a most in euros, a least in dollars",
    ),
    (
        {"spend_limits": [bounds(minimum="1", maximum="5", in_currency={"USD": {"minimum": "5"}})]},
        "spend_limits/0/in_currency/USD/maximum",
        "limit_differs",
        "the most is in euros alone",
    ),
    (
        {
            "spend_limits": [
                bounds(
                    minimum="1",
                    maximum="5",
                    in_currency={"USD": {"minimum": "6", "maximum": "5"}},
                )
            ]
        },
        "spend_limits/0/in_currency/USD/minimum",
        "minimum_above_maximum",
        "both cannot be kept",
    ),
    (
        {"currencies": [], "prices": [{"key": "fee", "name": "Fee", "rule": flat()}]}
        | {"commitments": [promise(in_currency=promised("1"))]},
        "commitments/0/in_currency/USD",
        "amount_without_currency",
        "the plan has one currency",
    ),
]


@pytest.mark.parametrize(("fields", "field", "code", "why"), REFUSED)
def test_refused_when_saved(fields: dict[str, Any], field: str, code: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        terms(**fields).check()
    assert (refused.value.field, refused.value.code) == (field, code), why
    assert refused.value.mend


def test_a_promised_quantity_is_the_same_in_every_currency() -> None:
    calls = {
        "key": "calls",
        "name": "Calls",
        "meter": "calls",
        "rule": {"model": "per_unit", "unit_amount": "1"},
        "in_currency": {"USD": {"rule": {"model": "per_unit", "unit_amount": "2"}}},
    }
    units = promise(promise="quantity", prices=["calls"])
    terms(prices=[calls], commitments=[units]).check()
    with pytest.raises(Invalid, match="never used"):
        terms(prices=[calls], commitments=[units | {"in_currency": promised("9")}]).check()


@given(
    st.dictionaries(st.sampled_from(CURRENCIES), st.integers(0, 10**6), min_size=len(CURRENCIES))
)
def test_a_plan_in_one_of_its_currencies_is_the_plan_written_in_that_one(
    of: dict[str, int],
) -> None:
    """Law: nothing of the other currencies is left, and nothing is converted."""

    def written(currency: str, others: tuple[str, ...] = ()) -> PlanTerms:
        def in_others(said: Any) -> dict[str, Any]:
            return {each: said(of[each]) for each in others}

        one = of[currency]
        plan = {
            "key": "pro",
            "name": "Pro",
            "currency": currency,
            "currencies": others,
            "prices": [
                {
                    "key": "fee",
                    "name": "Fee",
                    "rule": flat(str(one)),
                    "in_currency": in_others(lambda amount: {"rule": flat(str(amount))}),
                }
            ],
            "commitments": [
                promise(amounts=[one], in_currency=in_others(lambda amount: {"amounts": [amount]}))
            ],
            "spend_limits": [
                bounds(maximum=one, in_currency=in_others(lambda amount: {"maximum": amount}))
            ],
        }
        terms = msgspec.convert(plan, PlanTerms)
        terms.check()
        return terms

    first, *others = CURRENCIES
    version = publish(written(first, tuple(others)), None, organization_id="o", now=NOW)
    assert msgspec.json.decode(msgspec.json.encode(version), type=PlanVersion) == version
    for currency in CURRENCIES:
        assert terms_of(version.priced_in(currency)) == written(currency)


def offer(**fields: Any) -> CouponOffer:
    return msgspec.convert({"key": "START", "name": "Start", **fields}, CouponOffer)


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        (
            {"rate_pct": "5", "in_currency": {"USD": {"amount": "5"}}},
            "in_currency/USD",
            "5 % are 5 % in any currency",
        ),
        (
            {"amount": "5", "currency": "EUR", "in_currency": {"EUR": {"amount": "6"}}},
            "in_currency/EUR",
            "five or six",
        ),
        (
            {"amount": "5", "currency": "EUR", "in_currency": {"usd": {"amount": "6"}}},
            "in_currency/usd",
            "no currency",
        ),
        (
            {"amount": "5", "currency": "EUR", "in_currency": {"USD": {"amount": "-6"}}},
            "in_currency/USD/amount",
            "below zero",
        ),
    ],
)
def test_a_coupon_is_refused(fields: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        offer(**fields).checked()
    assert refused.value.field == field, why


@pytest.mark.parametrize(
    ("currency", "amount", "why"),
    [
        ("EUR", "5", "its first"),
        ("USD", "6", "the other one"),
        ("SEK", "5", "in euros still: it takes nothing off kronor"),
    ],
)
def test_a_coupon_in_a_currency(currency: str, amount: str, why: str) -> None:
    both = offer(amount="5", currency="EUR", in_currency={"USD": {"amount": "6"}}).checked()
    assert both.currencies == ("EUR", "USD")
    assert both.priced_in(currency).amount == Decimal(amount), why
