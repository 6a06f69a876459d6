"""Price previews as someone asks them who builds a calculator: docs/semantics/pricing.md."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from golden import told_cases as rules

Api = TestClient[Litestar]

AT = "2026-07-01T17:00:00Z"
MATRIX_USE = {"model": "large", "region": "eu"}
CONFIRMED = {"outcome_id": "o1", "status": "confirmed"}
SINCE_2000 = {
    "model": "price_list",
    "entries": [
        {"rule": {"model": "per_unit", "unit_amount": "0.05"}},
        {"rule": {"model": "per_unit", "unit_amount": "0.04"}, "starts_on": "2000-01-01"},
    ],
}
SEATS = {"key": "x", "name": "Seats", "rule": {"model": "flat", "amount": "12"}}


def price(rule: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"key": "x", "name": "X", "meter": "m", "rule": rule, **fields}


def asked(of: dict[str, Any], **body: Any) -> dict[str, Any]:
    return {"prices": [of], "currency": "EUR", **body}


@pytest.mark.parametrize(
    ("of", "body", "total", "why"),
    [
        (SEATS, {}, "12.00", "a fee that nobody counts is owed once"),
        (SEATS, {"quantities": {"x": 5}}, "60.00", "five seats are five times the fee"),
        (SEATS, {"quantities": {"x": 0}}, "0.00", "none is nothing"),
        (SEATS | {"is_optional": True}, {}, "0.00", "an add-on is owed by who takes it"),
        (SEATS | {"is_optional": True}, {"quantities": {"x": 2}}, "24.00", ""),
        (price(rules.GRADUATED), {"quantities": {"x": "1001"}}, "65.04", "tiers"),
        (price(rules.MATRIX), {}, "0.00", "what is not named is not used"),
        (price(rules.MATRIX), {"quantities": {"x": 0}}, "0.00", "and none need not be split"),
        (
            price(rules.MATRIX),
            {"usage": {"x": [{"quantity": 1000, "dimensions": MATRIX_USE}]}},
            "3.00",
            "by model and region",
        ),
        (
            price(rules.TIMES),
            {"usage": {"x": [{"quantity": 10, "starts_at": AT}]}},
            "3.20",
            "by the hour: it is day in UTC",
        ),
        (
            price(rules.TIMES),
            {"usage": {"x": [{"quantity": 10, "starts_at": AT}]}, "timezone": "Asia/Tokyo"},
            "1.80",
            "and night in Tokyo",
        ),
        (
            price(rules.OUTCOMES),
            {"usage": {"x": [{"quantity": 1, "dimensions": CONFIRMED, "starts_at": AT}]}},
            "2.00",
            "an outcome of July is charged, whenever one asks",
        ),
        (price(SINCE_2000), {"quantities": {"x": 100}}, "4.00", "today's price"),
        (
            price(rules.DATED),
            {"usage": {"x": [{"quantity": 100, "starts_at": AT}]}},
            "5.00",
            "the price of 1 July",
        ),
    ],
)
def test_a_preview(
    api: Api, of: dict[str, Any], body: dict[str, Any], total: str, why: str
) -> None:
    answer = api.post("/v1/price-previews", json=asked(of, **body))
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == total, why
    for line in answer.json()["lines"]:
        assert line["working"], "every line says how its amount comes about"


BY_MODEL = {"quantity": 5, "dimensions": {"model": "large"}}


@pytest.mark.parametrize(
    ("of", "body", "code", "field", "why"),
    [
        (
            price(rules.MATRIX),
            {"quantities": {"x": 5}},
            "usage_not_split",
            "quantities/x",
            "it would be rated as of no model, and look free",
        ),
        (
            price(rules.MATRIX),
            {"usage": {"x": [BY_MODEL]}},
            "usage_not_split",
            "usage/x/0/dimensions",
            "the region is not said, or misspelt",
        ),
        (
            price(rules.TIMES),
            {"quantities": {"x": 5}},
            "usage_without_time",
            "quantities/x",
            "what it costs must not hang on when one asks",
        ),
        (
            price(rules.TIMES),
            {"usage": {"x": [{"quantity": 5, "starts_at": "2026-07-01T17:00:00"}]}},
            "time_without_zone",
            "usage/x/0/starts_at",
            "it could mean 26 hours",
        ),
        (
            price(rules.PER_UNIT),
            {"quantities": {"x": 5}, "usage": {"x": [{"quantity": 1}]}},
            "usage_twice",
            "quantities/x",
            "which of them?",
        ),
        (SEATS, {"quantities": {"x": -5}}, "negative_amount", "quantities/x", "seats below zero"),
        (SEATS, {"quantities": {"y": 5}}, "unknown_price", "quantities/y", "no such price"),
        (SEATS, {"period": "2026-07"}, "period_without_customer", "period", "whose?"),
        (SEATS, {"coupons": ["A", "B"]}, "no_such_coupon", "coupons/0", "by its place"),
    ],
)
def test_what_would_be_left_out_is_refused(
    api: Api, of: dict[str, Any], body: dict[str, Any], code: str, field: str, why: str
) -> None:
    refused = api.post("/v1/price-previews", json=asked(of, **body))
    assert refused.status_code in {404, 422}, (why, refused.text)
    assert (refused.json()["code"], refused.json()["field"]) == (code, field), why
    assert refused.json()["mend"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"currency": "NOK"}, "plan_not_in_currency", "currency"),
        (
            {"commitments": [{"key": "c", "name": "C", "amounts": ["5"]}]},
            "plan_has_its_own",
            "commitments",
        ),
    ],
)
def test_a_plan_is_rated_as_it_is_sold(
    api: Api, body: dict[str, Any], code: str, field: str
) -> None:
    plan = {"key": "pro", "name": "Pro", "currency": "EUR", "prices": [SEATS]}
    api.post("/v1/plans", json=plan)
    refused = api.post("/v1/price-previews", json={"plan": "pro", **body})
    assert (refused.json()["code"], refused.json()["field"]) == (code, field)


def test_what_a_customer_used_with_more_seats(api: Api) -> None:
    api.post("/v1/customers", json={"key": "acme", "name": "Acme", "currency": "EUR"})
    meter = {"key": "m", "name": "M", "event_type": "call", "aggregation": {"type": "count"}}
    api.post("/v1/meters", json=meter)
    event = {"id": "e1", "type": "call", "customer": "acme", "time": AT}
    api.post("/v1/events", json=event)
    prices = [SEATS, price(rules.PER_UNIT) | {"key": "calls"}]
    body = {"prices": prices, "currency": "EUR", "customer": "acme", "period": "2026-07"}
    answer = api.post("/v1/price-previews", json={**body, "quantities": {"x": 3}})
    assert [line["amount"] for line in answer.json()["lines"]] == ["36.00", "0.02"]
    refused = api.post("/v1/price-previews", json={**body, "quantities": {"calls": 3}})
    assert (refused.status_code, refused.json()["field"]) == (422, "quantities/calls")
