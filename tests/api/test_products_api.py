"""Products, features, families and entitlements over HTTP. Rules: docs/semantics/plans.md."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Api = TestClient[Litestar]

FEATURES: dict[str, dict[str, Any]] = {
    "sso": {"name": "Single sign-on"},
    "projects": {"name": "Projects", "kind": "quantity", "unit": "projects"},
    "support": {"name": "Support", "kind": "text"},
}
GRANTS: dict[str, list[dict[str, Any]]] = {
    "basic": [{"feature": "projects", "limit": 3}, {"feature": "support", "text": "by mail"}],
    "pro": [
        {"feature": "projects", "limit": "10"},
        {"feature": "support", "text": "within a day"},
        {"feature": "sso"},
    ],
    "enterprise": [
        {"feature": "projects"},
        {"feature": "support", "text": "within an hour"},
        {"feature": "sso"},
    ],
}


def plan(key: str, amount: str, **fields: Any) -> dict[str, Any]:
    rule = {"model": "flat", "amount": amount}
    fee = {"key": "fee", "name": "Fee", "rule": rule, "product": "cloud"}
    tiers = [{"up_to": 10, "unit_amount": 1}, {"unit_amount": "0.5"}]
    calls = {
        "key": "calls",
        "name": "Calls",
        "meter": "calls",
        "rule": {"model": "graduated", "tiers": tiers},
        "allowance": 100,
    }
    prices = [fee] if key == "basic" else [fee, calls]
    return {"key": key, "name": key.title(), "currency": "EUR", "prices": prices, **fields}


@pytest.fixture
def sold(api: Api) -> Api:
    """Three plans with what they grant, in a family."""
    meter = {"key": "calls", "name": "Calls", "event_type": "call"}
    api.post("/v1/meters", json={**meter, "aggregation": {"type": "count"}})
    api.put("/v1/products/cloud", json={"name": "Cloud", "meters": ["calls"]})
    for key, feature in FEATURES.items():
        api.put(f"/v1/features/{key}", json={**feature, "product": "cloud"})
    for key, amount in (("basic", "9"), ("pro", "29"), ("enterprise", "99")):
        made = api.post("/v1/plans", json=plan(key, amount, grants=GRANTS[key]))
        assert made.status_code == 201, made.text
    family = {"name": "Cloud plans", "plans": ["basic", "pro", "enterprise"]}
    assert api.put("/v1/plan-families/cloud", json=family).status_code == 200
    return api


def test_plans_side_by_side(sold: Api) -> None:
    table = sold.get("/v1/plan-families/cloud/table").json()
    assert [column["name"] for column in table["columns"]] == ["Basic", "Pro", "Enterprise"]
    assert {row["name"]: row["cells"] for row in table["rows"]} == {
        "Fee": ["9 a month", "29 a month", "99 a month"],
        "Calls": ["", *["≤ 10: 1 · more: 0.5 after 100 included"] * 2],
        "Projects": ["3 projects", "10 projects", "unlimited"],
        "Support": ["by mail", "within a day", "within an hour"],
        "Single sign-on": ["", "yes", "yes"],
    }
    two = sold.get("/v1/plan-tables", params={"plan": ["pro", "basic"]}).json()
    assert two["rows"][0]["cells"] == ["29 a month", "9 a month"]


@pytest.mark.parametrize(
    ("before", "after", "direction", "family"),
    [
        ("basic", "enterprise", "upgrade", "cloud"),
        ("enterprise", "pro", "downgrade", "cloud"),
        ("pro", "pro", "same", "cloud"),
        ("pro", "other", "sideways", None),
    ],
)
def test_up_and_down(sold: Api, before: str, after: str, direction: str, family: str) -> None:
    sold.post("/v1/plans", json=plan("other", "5"))
    found = sold.get(f"/v1/plans/{before}/direction", params={"to": after}).json()
    assert found == {"direction": direction, "family": family}


def test_how_a_product_is_sold(sold: Api) -> None:
    found = sold.get("/v1/products/cloud").json()
    assert found["product"]["meters"] == ["calls"]
    assert [(price["plan"], price["in_short"]) for price in found["prices"]] == [
        ("basic", "9 a month"),
        ("enterprise", "99 a month"),
        ("pro", "29 a month"),
    ]


def entitled(api: Api) -> dict[str, str]:
    found = api.get("/v1/customers/acme/entitlements").json()["results"]
    return {each["feature"]: each["in_short"] for each in found}


def test_what_a_customer_has(sold: Api) -> None:
    sold.post("/v1/customers", json={"key": "acme", "name": "Acme", "currency": "EUR"})
    assert entitled(sold) == {}
    for key, chosen in (("one", "basic"), ("two", "pro")):
        sold.post("/v1/subscriptions", json={"key": key, "customer": "acme", "plan": chosen})
    assert entitled(sold) == {
        "projects": "13 projects",
        "sso": "yes",
        "support": "within a day",
    }, "limits add up; the text is that of the subscription begun last"
    sold.post("/v1/subscriptions/two/changes", json={"what": {"kind": "pause"}})
    assert entitled(sold) == {"projects": "3 projects", "support": "by mail"}
    up = {"what": {"kind": "plan", "plan": "enterprise"}}
    sold.post("/v1/subscriptions/one/changes", json=up)
    assert entitled(sold)["projects"] == "unlimited"
    sold.post("/v1/subscriptions/one/cancellation", json={"at": "now"})
    assert entitled(sold) == {}


@pytest.mark.parametrize(
    ("path", "body", "code", "field", "why"),
    [
        ("products/x", {"name": "X", "meters": ["no"]}, "unknown_meter", "meters/0", ""),
        ("products/x", {"name": " "}, "no_name", "name", ""),
        ("features/x", {"name": "X", "unit": "u"}, "unit_without_quantity", "unit", ""),
        ("features/x", {"name": "X", "product": "no"}, "unknown_product", "product", ""),
        ("features/sso", {"name": "S", "kind": "text"}, "feature_kind_differs", "kind", "granted"),
        ("plan-families/x", {"name": "X", "plans": ["no"]}, "unknown_plan", "plans/0", ""),
        ("plan-families/x", {"name": "X", "plans": ["pro"] * 2}, "plan_twice", "plans/1", ""),
        ("plan-families/x", {"name": "X", "plans": []}, "family_size_out_of_range", "plans", ""),
    ],
)
def test_what_cannot_be_is_refused(
    sold: Api, path: str, body: dict[str, Any], code: str, field: str, why: str
) -> None:
    refused = sold.put(f"/v1/{path}", json=body)
    assert (refused.json()["code"], refused.json()["field"]) == (code, field), why


@pytest.mark.parametrize(
    ("grant", "code", "field"),
    [
        ({"feature": "no"}, "unknown_feature", "grants/0/feature"),
        ({"feature": "sso", "limit": 1}, "limit_of_no_quantity", "grants/0/limit"),
        ({"feature": "support"}, "text_of_feature", "grants/0/text"),
        ({"feature": "sso", "text": "x"}, "text_of_feature", "grants/0/text"),
        ({"feature": "projects", "limit": -1}, "negative_limit", "grants/0/limit"),
    ],
)
def test_what_cannot_be_granted(sold: Api, grant: dict[str, Any], code: str, field: str) -> None:
    refused = sold.post("/v1/plans", json=plan("new", "1", grants=[grant]))
    assert (refused.json()["code"], refused.json()["field"]) == (code, field)
    unsold = plan("new", "1")
    unsold["prices"][0] = unsold["prices"][0] | {"product": "no"}
    assert sold.post("/v1/plans", json=unsold).json()["code"] == "unknown_product"
