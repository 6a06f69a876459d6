"""The life of a plan over HTTP: draft, published, retired. Rules: docs/semantics/plans.md."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Api = TestClient[Litestar]

FEE = {"key": "fee", "name": "Base fee", "rule": {"model": "flat", "amount": "20"}}
PLAN: dict[str, Any] = {"key": "pro", "name": "Pro", "currency": "EUR", "prices": [FEE]}
CUSTOMER = {"key": "acme", "name": "Acme", "currency": "EUR"}


def dearer(amount: str) -> dict[str, Any]:
    return PLAN | {"prices": [FEE | {"rule": {"model": "flat", "amount": amount}}]}


def subscribed(api: Api, key: str, **said: Any) -> dict[str, Any]:
    body = {"key": key, "customer": "acme", "plan": "pro", **said}
    answered: dict[str, Any] = api.post("/v1/subscriptions", json=body).json()
    return answered


def test_a_draft_is_worked_on_until_it_is_right(api: Api) -> None:
    unpriced = FEE | {"meter": "calls", "name": ""}
    half_done = PLAN | {"name": " ", "prices": [unpriced], "grants": [{"feature": "sso"}] * 2}
    saved = api.put("/v1/plans/pro/draft", json=half_done)
    assert saved.status_code == 200, saved.text
    assert [warning["code"] for warning in saved.json()["warnings"]] == [
        "no_name",
        "no_name",
        "feature_granted_twice",
        "unknown_meter",
        "unknown_feature",
    ]
    assert api.get("/v1/plans/pro").status_code == 404, "nobody can see a draft as a plan"
    api.post("/v1/customers", json=CUSTOMER)
    assert subscribed(api, "early")["code"] == "unknown_plan"
    refused = api.post("/v1/plans/pro/draft/publication")
    assert (refused.status_code, refused.json()["code"]) == (422, "no_name")
    api.put("/v1/plans/pro/draft", json=PLAN)
    assert api.get("/v1/plan-drafts").json()["results"][0]["key"] == "pro"
    published = api.post("/v1/plans/pro/draft/publication")
    assert (published.status_code, published.json()["version"]) == (201, 1)
    assert api.get("/v1/plans/pro/draft").json()["code"] == "no_draft"


def test_a_draft_says_what_it_would_change(api: Api) -> None:
    api.post("/v1/plans", json=PLAN)
    draft = api.put("/v1/plans/pro/draft", json=dearer("25")).json()
    assert (draft["based_on"], draft["warnings"]) == (1, [])
    assert [each["sentence"] for each in draft["differences"]] == [
        "Price “Base fee”: rule amount goes from 20 to 25 (+25 %)."
    ]


def test_nobodys_change_is_published_over(api: Api) -> None:
    api.post("/v1/plans", json=PLAN)
    api.put("/v1/plans/pro/draft", json=dearer("25"))
    api.post("/v1/plans", json=dearer("22"))
    refused = api.post("/v1/plans/pro/draft/publication")
    assert (refused.status_code, refused.json()["code"]) == (409, "draft_overtaken")
    api.put("/v1/plans/pro/draft", json=dearer("25"))
    assert api.post("/v1/plans/pro/draft/publication").json()["version"] == 3


def test_a_retired_version_keeps_who_it_has_and_takes_nobody(api: Api) -> None:
    api.post("/v1/plans", json=PLAN)
    api.post("/v1/plans", json=dearer("25"))
    api.post("/v1/customers", json=CUSTOMER)
    assert subscribed(api, "old", version=1)["version"] == 1
    retired = api.post("/v1/plans/pro/versions/1/retirement")
    assert retired.json()["retired_at"]
    assert subscribed(api, "late", version=1)["code"] == "version_retired"
    assert api.get("/v1/subscriptions/old").json()["version"] == 1
    api.post("/v1/plans/pro/versions/2/retirement")
    assert subscribed(api, "none")["code"] == "version_retired", "no version is sold"
    back = api.post("/v1/subscriptions/old/changes", json={"what": {"kind": "plan", "plan": "pro"}})
    assert (back.status_code, back.json()["code"]) == (409, "version_retired")
    assert api.delete("/v1/plans/pro/versions/1/retirement").json()["retired_at"] is None
    assert subscribed(api, "new")["version"] == 1, "the latest that is sold"
    again = api.post("/v1/plans", json=dearer("25"))
    assert again.json()["version"] == 3, "what is retired is published anew, not woken up"


def test_a_copy_is_a_draft_of_its_own(api: Api) -> None:
    api.post("/v1/plans", json=PLAN)
    copied = api.post("/v1/plans/pro/copies", json={"key": "team", "name": "Team"})
    assert copied.status_code == 201, copied.text
    terms = copied.json()["terms"]
    assert (terms["key"], terms["name"], terms["prices"]) == ("team", "Team", PLAN["prices"])
    refused = api.post("/v1/plans/pro/copies", json={"key": "team"})
    assert (refused.status_code, refused.json()["code"]) == (409, "plan_exists")
    assert api.post("/v1/plans/team/draft/publication").json()["name"] == "Team"


@pytest.mark.parametrize(
    ("changed", "code", "field", "why"),
    [
        ({"currencies": ["EUR"]}, "currency_twice", "currencies/0", "it has that one already"),
        ({"currencies": ["XXY"]}, "unknown_currency", "currencies/0", "not of ISO 4217"),
        (
            {"currencies": ["SEK"]},
            "currency_without_price",
            "prices/0/in_currency/SEK",
            "a customer in SEK could not be billed",
        ),
        (
            {"prices": [FEE | {"in_currency": {"SEK": {"rule": FEE["rule"]}}}]},
            "price_without_currency",
            "prices/0/in_currency/SEK",
            "an amount that nobody could ever pay",
        ),
        (
            {
                "currencies": ["SEK"],
                "prices": [
                    FEE | {"in_currency": {"SEK": {"rule": {"model": "flat", "amount": -1}}}}
                ],
            },
            "negative_amount",
            "prices/0/in_currency/SEK/rule/amount",
            "checked like any amount",
        ),
    ],
)
def test_a_currency_without_a_price_is_refused(
    api: Api, changed: dict[str, Any], code: str, field: str, why: str
) -> None:
    refused = api.post("/v1/plans", json=PLAN | changed)
    assert refused.status_code == 422, (why, refused.text)
    assert (refused.json()["code"], refused.json()["field"]) == (code, field), why
