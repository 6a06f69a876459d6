"""Meters over HTTP: defined once, checked to the column, tried out before they are kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from event_rows import EventRows, event
from tallybook.domain.customers.organization import Organization
from tallybook.services.define_meter import MeterDefinition, drafted_meter
from tallybook.services.ports import Wiring

Client = TestClient[Litestar]

TOKENS: dict[str, Any] = {
    "key": "tokens",
    "name": "Tokens",
    "event_type": "call",
    "aggregation": {"type": "sum", "value": "input + 4 * output"},
    "filter": 'status != "failed"',
    "dimensions": ["model", "region"],
    "unit": "token",
}


def test_a_meter_is_defined_once(metering_api: Client) -> None:
    first = metering_api.post("/v1/meters", json=TOKENS)
    assert first.status_code == 201, first.text
    assert first.json()["aggregation"] == {"type": "sum", "value": "input + 4 * output"}
    again = metering_api.post("/v1/meters", json=TOKENS)
    assert again.status_code == 201
    assert again.json() == first.json(), "whoever retries meets what was defined"
    assert metering_api.get("/v1/meters/tokens").json() == first.json()
    assert metering_api.get(f"/v1/meters/{first.json()['id']}").json() == first.json()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Other"}, "name"),
        ({"aggregation": {"type": "max", "value": "input"}}, "aggregation"),
        ({"dimensions": ["model"]}, "dimensions"),
        ({"filter": ""}, "filter"),
        ({"unit": "kilotoken", "conversion": {"divide_by": "1000"}}, "unit"),
        ({"rounding": {"scale": 2}}, "rounding"),
    ],
)
def test_a_difference_is_a_conflict_that_names_it(
    metering_api: Client, change: dict[str, Any], field: str
) -> None:
    metering_api.post("/v1/meters", json=TOKENS)
    refused = metering_api.post("/v1/meters", json=TOKENS | change)
    assert refused.status_code == 409
    assert (refused.json()["code"], refused.json()["field"]) == ("meter_exists", field)


@pytest.mark.parametrize(
    ("change", "field", "says", "why"),
    [
        ({"key": "a b"}, "key", "not a key", "a space"),
        ({"name": ""}, "name", "a name", "nothing to show"),
        ({"event_type": " "}, "event_type", "the type", "would count nothing"),
        (
            {"aggregation": {"type": "mode"}},
            "aggregation/type",
            "'mode'",
            "there is none of that name",
        ),
        ({"aggregation": {"type": "sum"}}, "aggregation/value", "required", "a sum of what"),
        (
            {"aggregation": {"type": "count", "value": "a"}},
            "aggregation/value",
            "no field",
            "no use",
        ),
        (
            {"aggregation": {"type": "sum", "value": "input +* 2"}},
            "aggregation/value",
            "column 8 of",
            "the very column",
        ),
        (
            {"aggregation": {"type": "sum", "value": "model == 'a'"}},
            "aggregation/value",
            "gives true or false",
            "a truth is no number",
        ),
        (
            {"aggregation": {"type": "sum", "value": "input / 0"}},
            "aggregation/value",
            "column 9 of",
            "no event would ever count",
        ),
        ({"filter": "input"}, "filter", "", ""),
        ({"filter": "input + 1"}, "filter", "column 7", "a number is no truth"),
        ({"dimensions": ["a", "a"]}, "dimensions", "twice", "each once"),
        ({"dimensions": ["a", "b c"]}, "dimensions/1", "column 3", "no name of a property"),
        ({"dimensions": [f"d{n}" for n in range(21)]}, "dimensions", "20", "too many"),
        ({"conversion": {"divide_by": 0}}, "conversion/divide_by", "nothing", "by zero"),
        ({"conversion": {"divide_by": -8}}, "conversion/divide_by", "nothing", "upside down"),
        ({"rounding": {"scale": 40}}, "rounding/scale", "40", "no such place"),
        ({"rounding": {"scale": 2, "mode": "odd"}}, "rounding/mode", "'odd'", "no such mode"),
        ({"filtre": "true"}, "filtre", "no field", "a spelling mistake is no default"),
    ],
)
def test_bad_definitions_are_refused_by_field(
    metering_api: Client, change: dict[str, Any], field: str, says: str, why: str
) -> None:
    refused = metering_api.post("/v1/meters", json=TOKENS | change)
    if not why:
        assert refused.status_code == 201, "a property by itself can be a truth"
        return
    assert refused.status_code == 422, refused.text
    problem = refused.json()
    assert problem["field"] == field, (problem, why)
    assert says in problem["detail"], (problem, why)
    assert problem["mend"], why
    assert metering_api.get("/v1/meters").json()["results"] == [], "nothing half written"


def test_meters_are_listed_in_key_order(metering_api: Client) -> None:
    for key in ("c", "a", "b"):
        metering_api.post("/v1/meters", json=TOKENS | {"key": key})
    page = metering_api.get("/v1/meters", params={"limit": 2}).json()
    assert [meter["key"] for meter in page["results"]] == ["a", "b"]
    rest = metering_api.get("/v1/meters", params={"limit": 2, "after": page["next"]}).json()
    assert [meter["key"] for meter in rest["results"]] == ["c"]
    assert metering_api.get("/v1/meters/d").json()["code"] == "no_such_meter"


def test_a_change_is_another_version(metering_api: Client, event_rows: EventRows) -> None:
    first = metering_api.post("/v1/meters", json=TOKENS).json()
    event_rows.keep(
        [event("2026-03-02T10:00:00Z", {"input": 10, "output": 2, "status": "ok", "tier": "a"})]
    )
    changed = TOKENS | {
        "aggregation": {"type": "sum", "value": "input + output"},
        "dimensions": ["model", "region", "tier"],
    }
    second = metering_api.put("/v1/meters/tokens", json=changed)
    assert second.status_code == 200, second.text
    assert (second.json()["version"], second.json()["key"]) == (2, "tokens")
    assert second.json()["id"] != first["id"]
    again = metering_api.put("/v1/meters/tokens", json=changed)
    assert again.json() == second.json(), "what says the same changes nothing"
    assert metering_api.get("/v1/meters/tokens").json() == second.json()
    assert metering_api.get("/v1/meters").json()["results"] == [second.json()]
    versions = metering_api.get("/v1/meters/tokens/versions").json()["results"]
    assert versions == [first, second.json()]
    query = {"period": "2026-03", "group_by": "tier"}
    usage = metering_api.get("/v1/usage", params={"meter": "tokens"} | query).json()
    assert usage["meter_id"] == second.json()["id"]
    assert [row["quantity"] for row in usage["results"]] == ["12"]
    former = {"meter": first["id"], "period": "2026-03"}
    assert metering_api.get("/v1/usage", params=former).json()["results"][0]["quantity"] == "18"


@pytest.mark.parametrize(
    ("change", "code", "field", "why"),
    [
        ({"unit": "kilotoken"}, "unit_changed", "unit", "a price for tokens is none for these"),
        ({"dimensions": ["model"]}, "dimension_dropped", "dimensions", "prices may go by it"),
        ({"key": "other"}, "key_differs", "key", "another meter"),
        ({"filter": "1 +"}, "bad_expression", "filter", "as when it is defined"),
        ({"filter": "input % 0 == 1"}, "bad_expression", "filter", "it would never be true"),
    ],
)
def test_changes_that_prices_could_not_follow(
    metering_api: Client, change: dict[str, Any], code: str, field: str, why: str
) -> None:
    metering_api.post("/v1/meters", json=TOKENS)
    refused = metering_api.put("/v1/meters/tokens", json=TOKENS | change)
    assert refused.status_code == 422, why
    assert (refused.json()["code"], refused.json()["field"]) == (code, field), why
    assert metering_api.get("/v1/meters/tokens").json()["version"] == 1


def test_a_meter_kept_before_a_rule_stays(
    metering_api: Client, wiring: Wiring, organization: Organization, event_rows: EventRows
) -> None:
    """What a new definition may no longer say is still read, met again, and measured."""
    body = TOKENS | {"aggregation": {"type": "sum", "value": "input / 0"}}
    meter = drafted_meter(wiring, msgspec.convert(body, MeterDefinition))
    with wiring.books.begin(organization.id) as records:
        records.meters.add(meter)
    event_rows.keep([event("2026-03-02T10:00:00Z", {"input": 10, "status": "ok"})])
    assert metering_api.post("/v1/meters", json=body).json()["id"] == meter.id
    assert metering_api.put("/v1/meters/tokens", json=body).json()["id"] == meter.id
    usage = metering_api.get("/v1/usage", params={"meter": "tokens", "period": "2026-03"})
    assert (usage.status_code, usage.json()["results"]) == (200, [])
    refused = metering_api.put("/v1/meters/tokens", json=body | {"name": "Renamed"})
    assert refused.status_code == 422, "a version of its own is new"


def test_only_what_is_there_is_changed(metering_api: Client) -> None:
    refused = metering_api.put("/v1/meters/tokens", json=TOKENS)
    assert (refused.status_code, refused.json()["code"]) == (404, "no_such_meter")


def test_a_preview_tells_what_counts_and_why_not(
    metering_api: Client, event_rows: EventRows
) -> None:
    event_rows.keep(
        [
            event("2026-03-02T10:00:00Z", {"input": 10, "output": 2, "status": "ok"}),
            event("2026-03-03T10:00:00Z", {"input": 5, "output": "0.5", "status": "ok"}),
            event("2026-03-04T10:00:00Z", {"input": 5, "output": 1, "status": "failed"}),
            event("2026-03-05T10:00:00Z", {"input": "many", "output": 1, "status": "ok"}),
            event("2026-03-06T10:00:00Z", {"input": 5, "output": 1}),
            event("2026-03-07T10:00:00Z", {"input": 1, "output": 1, "status": "ok"}, customer="c2"),
            event("2026-04-01T00:00:00Z", {"input": 1, "output": 1, "status": "ok"}),
        ]
    )
    body = {"meter": TOKENS, "period": "2026-03", "limit": 5}
    answered = metering_api.post("/v1/meters/preview", json=body)
    assert answered.status_code == 200, answered.text
    preview = answered.json()
    assert (preview["counted"], preview["not_counted"]) == (3, 3)
    assert [(row["customer"], row["quantity"]) for row in preview["usage"]] == [
        ("c1", "25"),
        ("c2", "5"),
    ]
    told = {
        sample["event"]["occurred_at"][8:10]: sample.get("values") or sample["reason"]
        for sample in preview["samples"]
    }
    assert told == {
        "02": {"value": "18"},
        "03": {"value": "7"},
        "04": "the filter is not true for it",
        "05": "input is 'many', not a number",
        "06": "there is no property status",
        "07": {"value": "5"},
    }
    assert metering_api.get("/v1/meters").json()["results"] == [], "nothing is kept"
