"""Plans and price previews over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Api = TestClient[Litestar]

TIERS = [{"up_to": 1000, "unit_amount": 0.10}, {"unit_amount": "0.000000000001"}]
PLAN: dict[str, Any] = {
    "key": "pro",
    "name": "Pro",
    "currency": "USD",
    "prices": [{"key": "fee", "name": "Base fee", "rule": {"model": "flat", "amount": 20}}],
}
TOKENS = {
    "key": "tokens",
    "name": "Tokens",
    "meter": "tokens",
    "rule": {"model": "graduated", "tiers": TIERS},
}


def test_a_plan_is_published_once_and_read_back(api: Api) -> None:
    made = api.post("/v1/plans", json=PLAN)
    assert made.status_code == 201, made.text
    assert (made.json()["version"], made.json()["is_new"]) == (1, True)
    assert made.json()["prices"][0]["rule"] == {"model": "flat", "amount": "20"}
    again = api.post("/v1/plans", json=PLAN)
    assert (again.status_code, again.json()["is_new"]) == (200, False)
    assert again.json()["differences"] == []
    assert again.json()["id"] == made.json()["id"]
    read = api.get("/v1/plans/pro").json()
    assert read == {k: v for k, v in made.json().items() if k not in {"is_new", "differences"}}
    assert api.get("/v1/plans").json()["results"] == [read]


def test_small_numbers_have_no_exponent(api: Api) -> None:
    price = {"key": "t", "name": "T", "rule": {"model": "per_unit", "unit_amount": 1.25e-7}}
    made = api.post("/v1/plans", json=PLAN | {"prices": [price]})
    assert made.json()["prices"][0]["rule"]["unit_amount"] == "0.000000125"
    assert api.get("/v1/plans/pro").json()["prices"] == made.json()["prices"]


def test_versions_and_their_differences(api: Api) -> None:
    api.post("/v1/plans", json=PLAN)
    dry = api.post("/v1/plans?dry_run=true", json=PLAN | {"name": "Pro+"})
    assert (dry.status_code, dry.json()["version"]) == (200, 2)
    api.post("/v1/plans", json=PLAN | {"name": "Pro 2"})
    versions = api.get("/v1/plans/pro/versions").json()["results"]
    assert [(each["version"], each["name"]) for each in versions] == [(1, "Pro"), (2, "Pro 2")]
    assert api.get("/v1/plans/pro/versions/1").json() == versions[0]
    found = api.get("/v1/plans/pro/differences?before=1&after=2").json()["results"]
    assert found == [
        {
            "change": "changed",
            "path": "name",
            "sentence": "The plan: name goes from Pro to Pro 2.",
            "before": "Pro",
            "after": "Pro 2",
        }
    ]


def test_pages(api: Api) -> None:
    for key in ("a", "b", "c"):
        api.post("/v1/plans", json=PLAN | {"key": key})
    first = api.get("/v1/plans?limit=2").json()
    assert ([plan["key"] for plan in first["results"]], first["next"]) == (["a", "b"], "b")
    rest = api.get("/v1/plans?limit=2&after=b").json()
    assert ([plan["key"] for plan in rest["results"]], rest["next"]) == (["c"], None)


def _price(**fields: Any) -> dict[str, Any]:
    return {"prices": [PLAN["prices"][0] | fields]}


@pytest.mark.parametrize(
    ("wrong", "code", "field", "why"),
    [
        (
            _price(rule={"model": "flat", "amount": -1}),
            "negative_amount",
            "prices/0/rule/amount",
            "",
        ),
        (_price(rule={"model": "flat", "price": 1}), "unknown_field", "prices/0/rule/price", ""),
        (_price(rule={"model": "flatt"}), "wrong_value", "prices/0/rule/model", "no such model"),
        (_price(meter="nothing"), "unknown_meter", "prices/0/meter", "the meter must be there"),
        ({"currency": "XYZ"}, "unknown_currency", "currency", "not of ISO 4217"),
        ({"prices": []}, "price_count_out_of_range", "prices", "nothing to bill"),
        ({"colour": "red"}, "unknown_field", "colour", "a field that no plan has"),
    ],
)
def test_what_cannot_be_billed_is_refused(
    api: Api, wrong: dict[str, Any], code: str, field: str, why: str
) -> None:
    refused = api.post("/v1/plans", json=PLAN | wrong)
    assert (refused.status_code, refused.json()["code"]) == (422, code), (why, refused.text)
    assert refused.json()["field"] == field
    assert refused.json()["mend"]


def test_a_plan_there_is_not(api: Api) -> None:
    assert api.get("/v1/plans/none").status_code == 404
    assert api.get("/v1/plans/none/versions").status_code == 404


def test_a_preview_of_prices_only_thought_of(api: Api) -> None:
    asked = {
        "currency": "USD",
        "prices": [*PLAN["prices"], TOKENS],
        "quantities": {"tokens": 15000},
    }
    preview = api.post("/v1/price-previews", json=asked)
    assert preview.status_code == 200, preview.text
    fee, tokens = preview.json()["lines"]
    assert preview.json()["total"] == "120.00"
    assert (fee["amount"], fee["working"][0]["sentence"]) == ("20.00", "Flat fee: $20.00")
    assert (tokens["exact_amount"], tokens["amount"]) == ("100.000000014", "100.00")
    assert [step["sentence"] for step in tokens["working"]] == [
        "First 1,000 units at $0.10 each = $100.00",
        "Next 14,000 units at $0.000000000001 each = $0.000000014",
    ]
    in_swedish = api.post("/v1/price-previews", json=asked | {"locale": "sv"}).json()
    assert in_swedish["lines"][0]["working"][0]["sentence"].startswith("Fast avgift: 20,00")


def test_a_preview_of_a_published_plan(api: Api) -> None:
    api.post("/v1/plans", json=PLAN)
    api.post("/v1/plans", json=PLAN | _price(rule={"model": "per_unit", "unit_amount": 3}))
    latest = api.post("/v1/price-previews", json={"plan": "pro", "quantities": {"fee": 7}}).json()
    assert latest["total"] == "21.00"
    first = api.post("/v1/price-previews", json={"plan": "pro", "version": 1}).json()
    assert first["total"] == "20.00"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "plan"),
        ({"prices": [TOKENS]}, "currency"),
        ({"prices": [TOKENS], "currency": "USD", "quantities": {"calls": 1}}, "quantities/calls"),
        (
            {"prices": [TOKENS], "currency": "USD", "quantities": {"tokens": "NaN"}},
            "quantities/tokens",
        ),
        ({"prices": [TOKENS], "currency": "USD", "timezone": "Mars"}, "timezone"),
    ],
)
def test_a_preview_that_cannot_be_made(api: Api, asked: dict[str, Any], field: str) -> None:
    refused = api.post("/v1/price-previews", json=asked)
    assert (refused.status_code, refused.json()["field"]) == (422, field), refused.text
