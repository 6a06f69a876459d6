"""Customers over HTTP: created once, changed with care, refused in words that help."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]

ACME = {"key": "acme", "name": "Acme AB", "currency": "SEK", "timezone": "Europe/Stockholm"}


def test_a_customer_is_created_once(api: Client) -> None:
    first = api.post("/v1/customers", json=ACME)
    assert first.status_code == 201, first.text
    assert first.json()["locale"] == "en"
    again = api.post("/v1/customers", json=ACME)
    assert again.status_code == 201
    assert again.json() == first.json(), "whoever retries meets what was created"
    assert api.get("/v1/customers/acme").json() == first.json()
    assert api.get(f"/v1/customers/{first.json()['id']}").json() == first.json()


def test_a_difference_is_a_conflict_that_names_it(api: Client) -> None:
    api.post("/v1/customers", json=ACME)
    refused = api.post("/v1/customers", json=ACME | {"currency": "EUR", "locale": "sv"})
    assert refused.status_code == 409
    problem = refused.json()
    assert (problem["code"], problem["field"]) == ("customer_differs", "currency")
    assert "currency 'SEK', not 'EUR', locale 'en', not 'sv'" in problem["detail"]


@pytest.mark.parametrize(
    ("change", "field", "code", "why"),
    [
        ({"currency": "eur"}, "currency", "unknown_currency", "capitals only"),
        ({"currency": "XXX"}, "currency", "unknown_currency", "not money"),
        ({"timezone": "Stockholm"}, "timezone", "unknown_timezone", "no IANA name"),
        ({"timezone": "localtime"}, "timezone", "unknown_timezone", "another on each machine"),
        ({"locale": "tlh"}, "locale", "unknown_locale", "not written by us"),
        ({"key": "a b"}, "key", "malformed_key", "a space"),
        ({"name": " "}, "name", "malformed_name", "nothing to print"),
        ({"nmae": "Acme"}, "nmae", "unknown_field", "a spelling mistake is no default"),
        ({"currency": 5}, "currency", "wrong_value", "a number"),
    ],
)
def test_bad_fields_are_named(
    api: Client, change: dict[str, Any], field: str, code: str, why: str
) -> None:
    refused = api.post("/v1/customers", json=ACME | change)
    assert refused.status_code == 422, why
    assert (refused.json()["field"], refused.json()["code"]) == (field, code), why
    assert refused.json()["mend"], why
    assert api.get("/v1/customers").json()["results"] == [], "nothing half written"


def test_customers_are_listed_in_key_order(api: Client) -> None:
    for key in ("c", "a", "b"):
        api.post("/v1/customers", json=ACME | {"key": key})
    page = api.get("/v1/customers", params={"limit": 2}).json()
    assert [customer["key"] for customer in page["results"]] == ["a", "b"]
    rest = api.get("/v1/customers", params={"limit": 2, "after": page["next"]}).json()
    assert [customer["key"] for customer in rest["results"]] == ["c"]
    assert rest["next"] is None


def test_a_customer_is_changed_where_it_is_said(api: Client) -> None:
    api.post("/v1/customers", json=ACME)
    changed = api.patch("/v1/customers/acme", json={"timezone": "Asia/Tokyo", "currency": "JPY"})
    assert changed.status_code == 200, changed.text
    assert changed.json()["timezone"] == "Asia/Tokyo"
    assert (changed.json()["currency"], changed.json()["name"]) == ("JPY", "Acme AB")
    assert api.patch("/v1/customers/acme", json={"locale": "??"}).json()["field"] == "locale"
    assert api.patch("/v1/customers/acme", json={"key": "b"}).json()["code"] == "unknown_field"
    assert api.get("/v1/customers/acme").json() == changed.json()


def test_a_customer_that_is_not_there(api: Client) -> None:
    for answer in (api.get("/v1/customers/nobody"), api.patch("/v1/customers/nobody", json={})):
        assert answer.status_code == 404
        assert answer.json()["code"] == "no_such_customer"


def test_a_key_with_a_slash_is_addressed_by_its_id(api: Client) -> None:
    made = api.post("/v1/customers", json=ACME | {"key": "eu/acme"}).json()
    assert api.get(f"/v1/customers/{made['id']}").json() == made
    renamed = api.patch(f"/v1/customers/{made['id']}", json={"name": "Acme Oy"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Acme Oy")


def test_what_no_database_can_hold_is_refused(api: Client) -> None:
    answers = (
        api.get("/v1/customers/a%00b"),
        api.get("/v1/customers", params={"after": "a\0b"}),
        api.patch("/v1/customers/a%00b", json={}),
    )
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "value_cannot_be_kept")
