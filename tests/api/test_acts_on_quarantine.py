"""What an act on events in quarantine answers is what is on record of it."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from event_sending import sent
from tallybook.services import mend_quarantine

Api = TestClient[Litestar]


def act(api: Api, what: str, **body: Any) -> Any:
    answer = api.post(f"/v1/quarantine/{what}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["act"]


@pytest.mark.parametrize(
    ("at_once", "why"), [(1000, "in one transaction"), (2, "in several: they add up")]
)
def test_an_act_tells_how_many_events_it_was_for(
    api: Api, monkeypatch: pytest.MonkeyPatch, at_once: int, why: str
) -> None:
    monkeypatch.setattr(mend_quarantine, "STRETCH", at_once)
    schema = {"type": "object", "properties": {"n": {"minimum": 0}}}
    strict = api.put("/v1/event-types/call", json={"schema": schema, "strictness": "quarantine"})
    assert strict.status_code == 200, strict.text
    events = [sent(str(number), properties={"n": -1}) for number in range(5)]
    assert api.post("/v1/events", json=events).json()["counts"]["quarantined"] == 5

    dropped = [{"do": "drop", "property": "n"}]
    first_three = {"by": "ada", "steps": dropped, "limit": 3}
    assert act(api, "mend", **first_three)["events"] == 3, why
    assert act(api, "replay", by="ada")["events"] == 3, why
    discarded = act(api, "discard", by="ada", why="A test.")
    assert discarded["events"] == 2, why
    assert act(api, "discard", by="ada", why="A test.")["events"] == 0, "none was left"
    rows = api.get("/v1/quarantine?state=discarded").json()["results"]
    assert [row["act"] for row in rows] == [discarded, discarded], "as it was answered"


@pytest.mark.parametrize(
    ("changed", "verdict", "why"),
    [
        ({}, "conflict", "another value"),
        ({"time": "2026-03-09T00:00:00Z"}, "conflict", "another day of the month"),
        ({"time": "2026-04-01T00:00:00Z"}, "quarantined", "another month"),
        ({"customer": "other"}, "quarantined", "another customer"),
        ({"type": "sms"}, "quarantined", "another type"),
    ],
)
def test_an_identity_of_the_log_that_breaks_a_rule_never_counts_twice(
    api: Api, changed: dict[str, Any], verdict: str, why: str
) -> None:
    schema = {"type": "object", "properties": {"n": {"minimum": 0}}}
    for type_ in ("call", "sms"):
        api.put(f"/v1/event-types/{type_}", json={"schema": schema, "strictness": "quarantine"})
    assert api.post("/v1/events", json=[sent("1", properties={"n": 1})]).status_code == 200
    again = sent("1", properties={"n": -1}) | changed
    counts = api.post("/v1/events", json=[again]).json()["counts"]
    assert {name for name, count in counts.items() if count} == {verdict}, why
    forced = {"by": "ada", "why": "A test.", "force": True}
    replayed = api.post("/v1/quarantine/replay", json=forced).json()["counts"]
    assert replayed == ({"conflict": 1} if verdict == "quarantined" else {}), why
    assert len(api.get("/v1/events").json()["results"]) == 1
