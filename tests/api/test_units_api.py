"""Units named in the languages that customers read: /v1/units."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Api = TestClient[Litestar]

NAMES: dict[str, Any] = {
    "en": {"one": "call", "other": "calls"},
    "sv": {"one": "anrop", "other": "anrop"},
    "de": {"one": "Aufruf", "other": "Aufrufe"},
}
METER = {
    "key": "calls",
    "name": "Calls",
    "event_type": "call",
    "aggregation": {"type": "count"},
    "unit": "API calls",
}
PRICE = {
    "key": "calls",
    "name": "Calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "0.5"},
}


def told(api: Api, quantity: str, locale: str, **price: Any) -> list[str]:
    asked = {"prices": [PRICE | price], "currency": "EUR", "locale": locale}
    answer = api.post("/v1/price-previews", json={**asked, "quantities": {"calls": quantity}})
    assert answer.status_code == 200, answer.text
    steps = answer.json()["lines"][0]["working"]
    return [step["sentence"].replace("\u00a0", " ") for step in steps]


def test_lines_are_told_by_the_names_of_their_units(api: Api) -> None:
    api.post("/v1/meters", json=METER)
    assert told(api, "1", "en_IE") == ["1 API call at €0.50 = €0.50"], "well known in English"
    assert told(api, "1", "de") == ["1 API call zu 0,50 € = 0,50 €"], "and as it stands elsewhere"
    named = api.put("/v1/units/API calls", json={"names": NAMES})
    assert named.status_code == 200, named.text
    assert told(api, "1", "de") == ["1 Aufruf zu 0,50 € = 0,50 €"]
    assert told(api, "2", "sv") == ["2 anrop à 0,50 € = 1,00 €"]
    in_finnish = told(api, "2", "fi_FI")
    assert in_finnish == ["2 calls at 0,50 € each = 1,00 €"], "in English, with Finnish figures"


def test_a_unit_that_a_price_converts_to_has_names_too(api: Api) -> None:
    api.post("/v1/meters", json=METER)
    names = {"sv": {"one": "tusental", "other": "tusental"}}
    api.put("/v1/units/thousands", json={"names": names})
    conversion = {"divide_by": 1000, "unit": "thousands"}
    assert told(api, "3000", "sv", conversion=conversion) == [
        "3 000 API calls räknas som 3 tusental",
        "3 tusental à 0,50 € = 1,50 €",
    ]


def test_names_are_read_and_changed(api: Api) -> None:
    made = api.put("/v1/units/API calls", json={"names": NAMES}).json()
    assert made["names"] == NAMES
    changed = api.put("/v1/units/API calls", json={"names": {"en": NAMES["en"]}}).json()
    assert changed["created_at"] == made["created_at"]
    assert api.get("/v1/units/API calls").json() == changed
    assert api.get("/v1/units").json()["results"] == [changed]
    assert api.get("/v1/units/seats").status_code == 404


@pytest.mark.parametrize(
    ("unit", "names", "code", "field", "why"),
    [
        ("calls", {}, "no_name", "names", "no names at all"),
        ("calls", {"fi": NAMES["en"]}, "unknown_language", "names/fi", "nobody is told in it"),
        ("calls", {"sv": {"one": "", "other": "x"}}, "no_name", "names/sv/one", "empty"),
        ("calls", {"sv": {"one": "x"}}, "missing_field", "names/other", "only one form"),
        ("c" * 201, NAMES, "unreadable_unit", "key", "too long to be a unit"),
    ],
)
def test_names_that_nobody_could_read_are_refused(
    api: Api, unit: str, names: dict[str, Any], code: str, field: str, why: str
) -> None:
    refused = api.put(f"/v1/units/{unit}", json={"names": names})
    assert refused.status_code == 422, (why, refused.text)
    assert (refused.json()["code"], refused.json()["field"]) == (code, field), why
    assert refused.json()["mend"]
