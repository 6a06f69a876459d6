"""Event types, quarantine and the quality report over HTTP: a story each, in order of time.

Rules: docs/semantics/events.md
"""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from event_sending import sent

Api = TestClient[Litestar]

CALL = {
    "description": "A completion was served.",
    "owner": "inference",
    "status": "active",
    "strictness": "quarantine",
    "schema": {
        "type": "object",
        "required": ["tokens"],
        "properties": {
            "tokens": {"type": "integer", "minimum": 0},
            "cost": {"type": "number", "multipleOf": 0.01},
            "region": {"enum": ["eu", "us"]},
        },
        "additionalProperties": False,
    },
    "examples": [{"tokens": 12, "region": "eu"}],
}


def put(api: Api, path: str, body: Any, status: int = 200) -> Any:
    answer = api.put(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def act(api: Api, what: str, **body: Any) -> Any:
    answer = api.post(f"/v1/quarantine/{what}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(api: Api, *events: dict[str, Any]) -> dict[str, int]:
    """Send in one request; the verdicts that were given at all."""
    answer = api.post("/v1/events", json=list(events))
    assert answer.status_code in {200, 207}, answer.text
    return {verdict: count for verdict, count in answer.json()["counts"].items() if count}


def states(api: Api) -> dict[str, int]:
    """How many events are in quarantine in each state."""
    found: dict[str, int] = {}
    for row in api.get("/v1/quarantine/counts").json()["results"]:
        found[row["state"]] = found.get(row["state"], 0) + row["events"]
    return found


def kept(api: Api) -> dict[str, Any]:
    """The properties of the events in the log, by id."""
    return {event["id"]: event["properties"] for event in api.get("/v1/events").json()["results"]}


def test_events_that_break_their_schema_wait_until_they_are_mended(api: Api) -> None:
    put(api, "/v1/event-types/call", CALL)
    misnamed = sent("2", properties={"token_count": "40", "region": "eu"})
    wrong = sent("3", properties={"tokens": -1})
    assert send(
        api, sent("1", properties={"tokens": 5}), misnamed, wrong, sent("4", type="sms")
    ) == {
        "accepted": 2,
        "quarantined": 2,
    }
    assert send(api, misnamed, wrong) == {"quarantined": 2}, "sent again, it waits as before"
    assert states(api) == {"waiting": 2}, "and is not kept twice"
    assert sorted(kept(api)) == ["1", "4"]

    page = api.get("/v1/quarantine").json()["results"]
    assert [(row["event"]["id"], row["cause"], row["field"]) for row in page] == [
        ("3", "schema", "properties/tokens"),
        ("2", "schema", "properties"),
    ]
    assert "less than the minimum" in page[0]["reason"]

    steps = [
        {"do": "rename", "property": "token_count", "to": "tokens"},
        {"do": "cast", "property": "tokens", "to": "integer"},
    ]
    tried = act(api, "mend", steps=steps, dry_run=True)
    assert tried["counts"] == {"passes": 1, "still_held": 1}
    shown = {row["number"]: row for row in tried["shown"]}
    before, after = shown[page[1]["number"]]["before"], shown[page[1]["number"]]["after"]
    assert before["properties"] == {"token_count": "40", "region": "eu"}
    assert after["properties"] == {"tokens": 40, "region": "eu"}
    assert act(api, "mend", steps=steps, dry_run=True)["counts"] == tried["counts"], "nothing kept"

    assert act(api, "mend", steps=steps, by="ada")["counts"] == tried["counts"]
    replayed = act(api, "replay", by="ada")
    assert replayed["counts"] == {"accepted": 1, "still_held": 1}
    assert act(api, "replay", by="ada")["counts"] == {"still_held": 1}, "twice is once"
    assert kept(api)["2"] == {"tokens": "40", "region": "eu"}
    assert send(api, misnamed) == {"duplicate": 1}, "what its sender repeats has been counted"

    discarded = act(api, "discard", by="ada", why="A test that ran against production.")
    assert discarded["counts"] == {"discarded": 1}
    assert states(api) == {"replayed": 1, "discarded": 1}
    assert send(api, wrong) == {"rejected": 1}, "what was discarded does not wait again"
    told = api.get("/v1/quarantine?state=discarded").json()["results"][0]["act"]
    assert (told["by"], told["why"]) == ("ada", "A test that ran against production.")


def test_one_event_in_quarantine_is_no_problem_but_told(api: Api) -> None:
    put(api, "/v1/event-types/call", CALL)
    answer = api.post("/v1/events", json=sent("1", properties={}))
    assert answer.status_code == 207
    [told] = answer.json()["results"]
    assert (told["verdict"], told["field"]) == ("quarantined", "properties")
    assert "tokens" in told["reason"]
    assert told["mend"]


def test_one_event_for_which_there_is_no_room_is_refused(api: Api) -> None:
    put(api, "/v1/event-types/call", CALL)
    put(api, "/v1/event-settings", {"max_held": 0})
    answer = api.post("/v1/events", json=sent("1", properties={}))
    assert (answer.status_code, answer.json()["code"]) == (422, "quarantine_full")
    assert answer.json()["field"] == "properties"
    batch = api.post("/v1/events", json=[sent("1", properties={}), sent("2", type="sms")])
    assert batch.status_code == 207
    [told] = batch.json()["results"]
    assert (told["verdict"], told["code"]) == ("rejected", "quarantine_full")
    assert states(api) == {}
    assert put(api, "/v1/event-settings", {"max_held": -1}, 422)["field"] == "max_held"
    assert put(api, "/v1/event-settings", {})["max_held"] == 1_000_000


def test_warnings_are_counted_and_lose_nothing(api: Api) -> None:
    put(api, "/v1/event-types/call", CALL | {"strictness": "warn"})
    bad = sent("1", properties={"tokens": "many"})
    assert send(api, bad, sent("2", properties={"tokens": 1})) == {"accepted": 2}
    assert send(api, bad, sent("2", properties={"tokens": 2})) == {"duplicate": 1, "conflict": 1}
    [report] = api.get("/v1/quality").json()["types"]
    assert (report["type"], report["events"], report["quarantine"]) == ("call", 2, {})
    [day] = report["days"]
    assert (day["violations"], day["duplicates"], day["conflicts"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("settings", "time", "cause", "why"),
    [
        ({"max_age_days": 7}, "2020-01-01T00:00:00Z", "too_old", "years ago"),
        ({"max_ahead_seconds": 0}, "2199-01-01T00:00:00Z", "too_far_ahead", "in a far future"),
    ],
)
def test_time_limits_hold_what_is_out_of_time(
    api: Api, settings: dict[str, int], time: str, cause: str, why: str
) -> None:
    put(api, "/v1/event-settings", settings)
    early = sent("1", time=time)
    assert send(api, early) == {"quarantined": 1}, why
    [row] = api.get(f"/v1/quarantine?reason={cause}").json()["results"]
    assert (row["cause"], row["field"]) == (cause, "time")
    assert act(api, "replay", by="ada")["counts"] == {"still_held": 1}
    refused = api.post("/v1/quarantine/replay", json={"by": "ada", "force": True})
    assert (refused.status_code, refused.json()["field"]) == (422, "why")
    forced = act(api, "replay", by="ada", force=True, why="A yearly statement.")
    assert forced["counts"] == {"accepted": 1}
    assert send(api, early) == {"duplicate": 1}


def test_rules_that_come_later_leave_what_is_counted(api: Api) -> None:
    first = sent("1", properties={"n": 1})
    assert send(api, first) == {"accepted": 1}
    put(api, "/v1/event-types/call", CALL)
    assert send(api, first) == {"duplicate": 1}, "a retry across the change is still a retry"
    assert send(api, sent("1", properties={"n": 2})) == {"conflict": 1}
    assert states(api) == {}
    held = sent("2", properties={"n": 1})
    assert send(api, held) == {"quarantined": 1}
    assert send(api, sent("2", properties={"n": 3})) == {"conflict": 1}, "another content"
    put(api, "/v1/event-types/call", CALL | {"strictness": "off"})
    assert send(api, held) == {"accepted": 1}, "the rule is gone, so it counts"
    assert act(api, "replay", by="ada")["counts"] == {"duplicate": 1}, "and counts once"
    assert states(api) == {"replayed": 1}


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"schema": {"type": "strin"}}, "schema/type", "no type of JSON"),
        (
            {"schema": {"properties": {"a": {"pattern": "(?=x)"}}}},
            "schema/properties/a/pattern",
            "look-around could take for ever",
        ),
        ({"schema": {"$ref": "https://example.com/s.json"}}, "schema/$ref", "nothing is fetched"),
        ({"schema": {"$ref": "#"}}, "schema/$ref", "for ever"),
        ({"schema": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "schema/$schema", ""),
        ({"examples": [{"tokens": 1}, {"tokens": "x"}]}, "examples/1/tokens", "breaks the schema"),
        ({"strictness": "very"}, "strictness", "not a strictness"),
        ({"kind": "x"}, "kind", "no field"),
        ({"schema": {"title": "x" * 70_000}}, "schema", "too large"),
    ],
)
def test_a_bad_type_is_refused_with_the_place(
    api: Api, changes: dict[str, Any], field: str, why: str
) -> None:
    told = put(api, "/v1/event-types/call", CALL | changes, 422)
    assert told["field"] == field, why
    assert told["mend"]
    assert api.get("/v1/event-types").json()["results"] == []


def test_names_follow_the_rule_that_is_set(api: Api) -> None:
    put(api, "/v1/event-settings", {"type_naming": "dotted", "property_naming": "snake_case"})
    assert put(api, "/v1/event-types/call", CALL, 422)["field"] == "key"
    assert put(api, "/v1/event-types/llm.call", CALL)["version"] == 1
    camel = CALL | {"schema": {"properties": {"tokenCount": {}}}, "examples": []}
    assert put(api, "/v1/event-types/llm.call", camel, 422)["field"] == (
        "schema/properties/tokenCount"
    )


def test_a_type_has_versions_and_the_last_one_is_in_force(api: Api) -> None:
    assert put(api, "/v1/event-types/call", CALL)["version"] == 1
    assert put(api, "/v1/event-types/call", CALL)["version"] == 1, "nothing new was said"
    loose = CALL | {"schema": {"required": ["tokens"]}}
    assert put(api, "/v1/event-types/call", loose)["version"] == 2
    assert send(api, sent("1", properties={"tokens": 1, "more": 1})) == {"accepted": 1}
    versions = api.get("/v1/event-types/call/versions").json()["results"]
    assert [each["version"] for each in versions] == [1, 2]
    assert api.get("/v1/event-types/none").status_code == 404


def test_types_are_discovered_and_adopted(api: Api) -> None:
    send(
        api,
        sent("1", properties={"tokens": 5, "cost": 1.25, "ok": True, "model": "a"}),
        sent("2", properties={"tokens": "7", "cost": 2, "ok": False, "model": "7", "tags": ["x"]}),
        sent("3", type="sms"),
    )
    found = {row["type"]: row for row in api.get("/v1/discovered-event-types").json()["results"]}
    assert {type_: row["events"] for type_, row in found.items()} == {"call": 2, "sms": 1}
    kinds = {each["name"]: each["kinds"] for each in found["call"]["properties"]}
    assert kinds == {
        "tokens": {"integer": 2},
        "cost": {"number": 1, "integer": 1},
        "ok": {"boolean": 2},
        "model": {"text": 1, "integer": 1},
        "tags": {"list": 1},
    }
    adopted = api.post("/v1/event-types/call/adopt", json={"owner": "ada"})
    assert adopted.status_code == 201, adopted.text
    draft = adopted.json()
    assert (draft["status"], draft["strictness"], draft["owner"]) == ("draft", "off", "ada")
    assert draft["schema"]["required"] == ["cost", "model", "ok", "tokens"]
    strict = {name: draft[name] for name in ("schema", "examples")} | {"strictness": "quarantine"}
    put(api, "/v1/event-types/call", strict)
    for again in (
        sent("4", properties={"tokens": 5, "cost": 1.25, "ok": True, "model": "a"}),
        sent("5", properties={"tokens": "7", "cost": "2", "ok": "false", "model": 7}),
    ):
        assert send(api, again) == {"accepted": 1}, "however its values are sent"
    assert send(api, sent("6", properties={"tokens": 5})) == {"quarantined": 1}
    assert api.post("/v1/event-types/call/adopt", json={}).status_code == 409
    assert api.post("/v1/event-types/none/adopt", json={}).status_code == 404


def test_the_quality_of_events_is_reported(api: Api) -> None:
    put(api, "/v1/event-types/call", CALL)
    put(api, "/v1/event-types/refund", CALL | {"strictness": "off"})
    send(api, sent("1", properties={"tokens": 1}), sent("2"), sent("3", type="sms"), {"id": "4"})
    report = api.get("/v1/quality").json()
    types = {each["type"]: each for each in report["types"]}
    assert {type_: (each["is_known"], each["is_used"]) for type_, each in types.items()} == {
        "call": (True, True),
        "sms": (False, True),
        "refund": (True, False),
    }
    assert types["call"]["quarantine"] == {"waiting": 1}
    assert types["call"]["unused_properties"] == ["cost", "region"]
    assert report["rejected"] == 1
    assert report["silent_sources"] == []
    [day] = types["call"]["days"]
    assert day["events"] == 1
    assert float(day["lateness_p50"]) > 86_400, "it happened months ago"
    assert [each["type"] for each in api.get("/v1/quality?type=sms").json()["types"]] == ["sms"]
