"""Corrections over HTTP: shown, made, listed, taken back, in calendar order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]

MARCH = {"type": "call", "from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}


@pytest.fixture
def client(api: Client) -> Client:
    """A meter of tokens, and ten calls of two customers in March."""
    meter = {
        "key": "tokens",
        "name": "Tokens",
        "event_type": "call",
        "aggregation": {"type": "sum", "value": "tokens"},
    }
    assert api.post("/v1/meters", json=meter).is_success
    send(api, [call(number) for number in range(10)])
    return api


def call(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "type": "call",
        "customer": ("ann", "bob")[number % 2],
        "id": f"r{number}",
        "time": f"2026-03-{number + 1:02}T12:00:00Z",
        "properties": {"tokens": number},
    } | changes


def send(client: Client, events: list[dict[str, Any]]) -> Any:
    return ask(client, "POST", "/v1/events", events)


def ask(client: Client, method: str, path: str, body: Any = None, status: int = 0) -> Any:
    answered = client.request(method, path, json=body)
    assert answered.status_code == status if status else answered.is_success, answered.text
    return answered.json() if answered.content else None


def usage(client: Client, **query: Any) -> dict[str, str]:
    answered = client.get("/v1/usage", params={"meter": "tokens", "period": "2026-03"} | query)
    assert answered.is_success, answered.text
    return {row["customer"]: row["quantity"] for row in answered.json()["results"]}


def void(client: Client, events: dict[str, Any], reason: str = "sent twice") -> Any:
    shown = ask(client, "POST", "/v1/corrections/void/preview", {"events": events})
    body = {"events": events, "token": shown["token"], "reason": reason}
    return ask(client, "POST", "/v1/corrections/void", body, 201)


def test_events_are_shown_then_voided_listed_and_put_back(client: Client) -> None:
    events = {"type": "call", "customer": "bob"}
    shown = ask(client, "POST", "/v1/corrections/void/preview", {"events": events})
    assert (shown["voided"], shown["customers"], shown["months"]) == (
        5,
        {"bob": 5},
        {"2026-03": 5},
    )
    [changed] = shown["quantities"]
    assert (changed["customer"], changed["before"], changed["after"]) == ("bob", "25", "0")
    assert usage(client) == {"ann": "20", "bob": "25"}, "a preview changes nothing"
    late = call(21, customer="bob")
    send(client, [late])
    body = {"events": events, "token": shown["token"], "reason": "a test run"}
    made = ask(client, "POST", "/v1/corrections/void", body, 201)
    assert (made["kind"], made["voided"], made["reason"]) == ("void", 5, "a test run")
    assert made["made_by"].startswith("key_")
    assert usage(client) == {"ann": "20", "bob": "21"}, "what was shown, and not what came since"
    assert usage(client, as_of=shown["as_of"]) == {"ann": "20", "bob": "25"}
    assert ask(client, "POST", "/v1/corrections/void", body)["id"] == made["id"], "once"
    listed = client.get("/v1/events", params={"id": "r1"}).json()["results"]
    assert [each["voided_by"] for each in listed] == [made["id"]]
    behind = client.get("/v1/corrections/" + made["id"] + "/events").json()["results"]
    assert [each["id"] for each in behind] == ["r1", "r3", "r5", "r7", "r9"]
    back = ask(
        client, "POST", f"/v1/corrections/{made['id']}/revert", {"reason": "no test at all"}, 201
    )
    assert usage(client) == {"ann": "20", "bob": "46"}
    assert usage(client, as_of=made["position"]) == {"ann": "20", "bob": "21"}
    corrections = client.get("/v1/corrections").json()["results"]
    assert [(each["id"], each["is_in_force"]) for each in corrections] == [
        (back["id"], True),
        (made["id"], False),
    ]
    ask(client, "POST", f"/v1/corrections/{back['id']}/revert", {"reason": "it was one"}, 201)
    assert usage(client) == {"ann": "20", "bob": "21"}


def test_a_voided_event_does_not_come_back_by_being_sent_again(client: Client) -> None:
    void(client, {"source": "api", "id": "r9"})
    assert send(client, [call(9)])["counts"]["duplicate"] == 1
    assert send(client, [call(9, customer="cid"), call(8)])["counts"]["conflict"] == 1
    assert usage(client) == {"ann": "20", "bob": "16"}


def test_events_are_amended_each_with_its_own_answer(client: Client) -> None:
    amendments = [
        {"id": "r0", "properties": {"tokens": 0.30000000000000004}},
        {"id": "r1", "customer": "cid", "new_id": "r1-mended"},
        {"id": "missing"},
        {"id": "r2", "new_id": "r3"},
        {"id": "r4", "time": "2026-03-05T12:00:00"},
    ]
    body = {"amendments": amendments, "reason": "wrong customer"}
    answer = ask(client, "POST", "/v1/corrections/amend", body, 201)
    assert [(one["verdict"], one.get("code")) for one in answer["results"]] == [
        ("amended", None),
        ("amended", None),
        ("refused", "no_such_event"),
        ("refused", "identity_known"),
        ("refused", "time_without_zone"),
    ]
    assert (answer["correction"]["voided"], answer["correction"]["added"]) == (2, 2)
    assert usage(client) == {"ann": "20.3", "bob": "24", "cid": "1"}
    [original] = client.get("/v1/events", params={"id": "r1"}).json()["results"]
    assert (original["replaced_by"], original["customer"]) == ("r1-mended", "bob")
    [mended] = client.get("/v1/events", params={"id": "r1-mended"}).json()["results"]
    assert (mended["replaces"], mended["added_by"]) == ("r1", answer["correction"]["id"])
    derived = answer["results"][0]["new_id"]
    [exact] = client.get("/v1/events", params={"id": derived}).json()["results"]
    assert exact["properties"] == {"tokens": "0.30000000000000004"}
    again = ask(client, "POST", "/v1/corrections/amend", body, 201)
    assert again["correction"] is None
    assert again["results"][0]["code"] == "event_is_void"


def stage(client: Client, backfill: str, events: list[dict[str, Any]]) -> Any:
    lines = "\n".join(json.dumps(event) for event in events)
    answered = client.post(
        f"/v1/backfills/{backfill}/events",
        content=lines,
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answered.status_code in (200, 207), answered.text
    return answered.json()


def test_a_month_is_replaced_by_a_file_as_one_fact(client: Client) -> None:
    before = usage(client)
    opened = ask(client, "POST", "/v1/backfills", MARCH | {"customer": "ann"}, 201)
    fixed = [call(number, properties={"tokens": 100}) for number in (0, 2, 4, 6)]
    strangers = [call(1), call(0, type="other"), call(0, time="2026-04-01T00:00:00Z")]
    answer = stage(client, opened["id"], fixed + strangers)
    assert (answer["staged"], answer["counts"]["rejected"]) == (4, 3)
    assert [one["field"] for one in answer["results"]] == ["customer", "type", "time"]
    assert stage(client, opened["id"], fixed)["counts"]["duplicate"] == 4, "a retry"
    assert usage(client) == before, "nothing counts until it is committed"
    shown = ask(client, "POST", f"/v1/backfills/{opened['id']}/preview")
    assert (shown["voided"], shown["added"]) == (5, 4)
    assert [(q["customer"], q["before"], q["after"]) for q in shown["quantities"]] == [
        ("ann", "20", "400")
    ]
    stage(client, opened["id"], [call(8, properties={"tokens": "0.5"})])
    path = f"/v1/backfills/{opened['id']}/commit"
    body = {"token": shown["token"], "reason": "the exporter was wrong"}
    assert ask(client, "POST", path, body, 409)["code"] == "stage_changed"
    body["token"] = ask(client, "POST", f"/v1/backfills/{opened['id']}/preview")["token"]
    made = ask(client, "POST", path, body, 201)
    assert usage(client) == {"ann": "400.5", "bob": "25"}
    assert ask(client, "POST", path, body)["id"] == made["id"] == opened["id"]
    assert client.get("/v1/backfills").json()["results"] == []
    assert send(client, [call(0)])["counts"]["duplicate"] == 1, "the old identity stays known"
    ask(client, "POST", f"/v1/corrections/{made['id']}/revert", {"reason": "wrong file"}, 201)
    assert usage(client) == before


STRICT = {
    "strictness": "quarantine",
    "schema": {
        "properties": {"tokens": {"type": "integer", "maximum": 50}},
        "required": ["tokens"],
    },
}


def violations(client: Client) -> int:
    report = client.get("/v1/quality", params={"days": 1}).json()
    return sum(day.get("violations", 0) for each in report["types"] for day in each["days"])


@pytest.mark.parametrize(
    ("time", "kept", "why"),
    [
        ("2026-03-31T23:59:59.9999999Z", "2026-03-31T23:59:59.999999Z", "cut: it stays in March"),
        ("2026-03-31T23:59:60Z", "2026-03-31T23:59:59.999999Z", "a leap second, too"),
        ("2026-03-30T23:59:60Z", None, "where none may be"),
        ("", None, "no time"),
    ],
)
def test_an_amended_time_is_read_as_one_sent(
    client: Client, time: str, kept: str | None, why: str
) -> None:
    body = {"amendments": [{"id": "r5", "time": time}], "reason": "a clock"}
    [result] = ask(client, "POST", "/v1/corrections/amend", body, 201)["results"]
    if kept is None:
        assert (result["verdict"], result["code"]) == ("refused", "not_a_time"), why
        return
    [found] = client.get("/v1/events", params={"id": result["new_id"]}).json()["results"]
    assert found["occurred_at"] == kept, why


def test_amendments_are_held_to_their_event_type(client: Client) -> None:
    client.put("/v1/event-types/call", json=STRICT)
    amendments = [
        {"id": "r0", "properties": {"tokens": 51}},
        {"id": "r1", "customer": "cid"},
        {"id": "r2", "properties": {"tokens": "7"}},
        {"id": "r3", "properties": {}},
    ]
    looked = ask(client, "POST", "/v1/corrections/amend/preview", {"amendments": amendments}, 200)[
        "results"
    ]
    body = {"amendments": amendments, "reason": "mended"}
    answer = ask(client, "POST", "/v1/corrections/amend", body, 201)
    for results in (looked, answer["results"]):
        assert [(one.get("code"), one.get("field")) for one in results] == [
            ("breaks_schema", "properties/tokens"),
            (None, None),
            (None, None),
            ("breaks_schema", "properties"),
        ]
        assert "schema/properties/tokens/maximum" in results[0]["mend"]
    assert usage(client) == {"ann": "25", "bob": "24", "cid": "1"}, "the look changed nothing"
    assert violations(client) == 0


def test_amendments_that_are_warned_of_are_counted(client: Client) -> None:
    client.put("/v1/event-types/call", json=STRICT | {"strictness": "warn"})
    amendments = [{"id": "r0", "properties": {"tokens": 51}}, {"id": "r1", "customer": "cid"}]
    ask(client, "POST", "/v1/corrections/amend/preview", {"amendments": amendments}, 200)
    assert violations(client) == 0, "a look"
    body = {"amendments": amendments, "reason": "mended"}
    ask(client, "POST", "/v1/corrections/amend", body, 201)
    assert (violations(client), usage(client)["ann"]) == (1, "71")


def test_a_backfill_is_held_to_its_event_type(client: Client) -> None:
    client.put("/v1/event-types/call", json=STRICT | {"strictness": "warn"})
    opened = ask(client, "POST", "/v1/backfills", MARCH, 201)["id"]
    large, text = call(0, properties={"tokens": 51}), call(1, properties={"tokens": "7"})
    assert stage(client, opened, [large])["counts"]["accepted"] == 1
    client.put("/v1/event-types/call", json=STRICT)
    answer = stage(client, opened, [large | {"id": "r9"}, text, call(2)])
    assert [(one["verdict"], one["field"]) for one in answer["results"]] == [
        ("rejected", "properties/tokens"),
        ("rejected", "properties/tokens"),
    ]
    refused = ask(client, "POST", f"/v1/backfills/{opened}/preview", None, 409)
    assert (refused["code"], refused["field"]) == ("staged_breaks_schema", "properties/tokens")
    assert "'r0'" in refused["detail"]
    client.put("/v1/event-types/call", json=STRICT | {"strictness": "warn"})
    shown = ask(client, "POST", f"/v1/backfills/{opened}/preview")
    body = {"token": shown["token"], "reason": "the exporter was wrong"}
    client.put("/v1/event-types/call", json=STRICT)
    path = f"/v1/backfills/{opened}/commit"
    assert ask(client, "POST", path, body, 409)["code"] == "staged_breaks_schema"
    client.put("/v1/event-types/call", json=STRICT | {"strictness": "warn"})
    assert violations(client) == 0, "nothing is counted of what is not committed"
    ask(client, "POST", path, body, 201)
    ask(client, "POST", path, body)
    assert violations(client) == 1, "once"
    assert usage(client) == {"ann": "53"}


def test_what_a_later_correction_stands_on_is_not_reverted(client: Client) -> None:
    first = ask(
        client,
        "POST",
        "/v1/corrections/amend",
        {"amendments": [{"id": "r9", "properties": {"tokens": 50}}], "reason": "a"},
    )
    mended = first["results"][0]["new_id"]
    second = void(client, {"source": "api", "id": mended})
    path = f"/v1/corrections/{first['correction']['id']}/revert"
    assert ask(client, "POST", path, {"reason": "b"}, 409)["code"] == "corrected_since"
    ask(client, "POST", f"/v1/corrections/{second['id']}/revert", {"reason": "c"}, 201)
    ask(client, "POST", path, {"reason": "b"}, 201)
    assert usage(client) == {"ann": "20", "bob": "25"}


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "why"),
    [
        ("void/preview", {"events": {}}, 422, "nothing_named", "nobody voids everything"),
        ("void", {"events": {"type": "call"}, "token": "x", "reason": "y"}, 422, "bad_token", ""),
        ("void", {"events": {"type": "call"}, "token": "1.0.0", "reason": "y"}, 422, "no_events",
         "a set of none"),
        ("void", {"events": {"type": "call"}, "token": "10.10.0", "reason": " "}, 422, "no_reason",
         "why is never left out"),
        ("void", {"events": {"type": "call"}, "token": "10.10.0", "reason": "y"}, 409,
         "events_changed", "the token is of other events"),
        ("amend", {"amendments": [], "reason": "y"}, 422, "no_amendments", ""),
        ("cor_none/revert", {"reason": "y"}, 404, "no_such_correction", ""),
    ],
)  # fmt: skip
def test_refusals(client: Client, path: str, body: Any, status: int, code: str, why: str) -> None:
    del why
    assert ask(client, "POST", f"/v1/corrections/{path}", body, status)["code"] == code
