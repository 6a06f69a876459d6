"""Event types, quarantine and quality from the command line, on a day that went wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

PLAN = """
[settings]
max_age_days = 3650
property_naming = "snake_case"

[types.completion]
description = "A completion was served."
owner = "inference"
status = "active"
strictness = "quarantine"
schema_file = "completion.schema.json"
examples = [{ tokens = 12 }]

[types."batch.done"]
description = "A batch is done."
"""
SCHEMA = {
    "type": "object",
    "required": ["tokens"],
    "properties": {"tokens": {"type": ["integer", "string"], "pattern": "^[0-9]+$"}},
    "additionalProperties": False,
}


@pytest.fixture
def plan(tmp_path: Path) -> str:
    """A tracking plan as a file, its schema beside it."""
    (tmp_path / "completion.schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "events.toml").write_text(PLAN)
    return str(tmp_path / "events.toml")


def test_a_tracking_plan_is_applied_as_often_as_one_likes(tallybook: Any, plan: str) -> None:
    dry = tallybook("event-type", "apply", plan, "--dry-run", "--json").json
    assert [(each["key"], each["what"]) for each in dry] == [
        ("completion", "would be new"),
        ("batch.done", "would be new"),
    ]
    assert tallybook("event-type", "list", "--json").json == []
    assert {each["what"] for each in tallybook("event-type", "apply", plan, "--json").json} == {
        "new"
    }
    again = tallybook("event-type", "apply", plan, "--json").json
    assert {(each["what"], each["version"]) for each in again} == {("the same", 1)}
    shown = tallybook("event-type", "show", "completion").out
    assert "A completion was served." in shown
    assert '"required"' in shown
    assert "3650" in tallybook("event-type", "settings").out
    changed = tallybook("event-type", "settings", "--max-age-days", "0", "--json").json
    assert (changed["max_age_days"], changed["property_naming"]) == (None, "snake_case")


def test_a_plan_that_cannot_be_meant_is_refused(tallybook: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    for text, field in (
        ("[types.a.schema]\ntype = 'strin'", "types/a/schema/type"),
        ("[kinds.a]", "kinds"),
        ("[types.a]\nschema_file = 'none.json'", "none.json"),
    ):
        bad.write_text(text)
        assert field in tallybook("event-type", "apply", str(bad), code=1).err


def test_what_broke_its_schema_is_mended_and_replayed(
    tallybook: Any, plan: str, tmp_path: Path
) -> None:
    tallybook("event-type", "apply", plan)
    events = tmp_path / "day.ndjson"
    lines = [
        {
            "type": "completion", "customer": "acme", "id": f"e{number}",
            "time": "2026-03-01T12:00:00Z",
            "tokens" if number % 2 else "token_count": number,
        }
        for number in range(10)
    ]  # fmt: skip
    events.write_text("\n".join(map(json.dumps, lines)))
    ingested = tallybook(
        "ingest", str(events), "--type", "type", "--customer", "customer", "--id", "id",
        "--time", "time", "--property", "tokens=tokens", "--property", "token_count=token_count",
        code=1,
    )  # fmt: skip
    assert "quarantined" in ingested.out
    waiting = tallybook("quarantine", "list", "--type", "completion", "--json").json
    assert len(waiting) == 5

    mapping = ["--type", "completion", "--rename", "token_count=tokens"]
    dry = tallybook("quarantine", "mend", *mapping, "--dry-run").out
    assert "5 passes" in dry
    assert "token_count=0" in dry
    assert tallybook("quarantine", "replay", "--by", "ada", "--json").json["counts"] == {
        "still_held": 5
    }
    tallybook("quarantine", "mend", *mapping, "--by", "ada")
    assert "5 accepted" in tallybook("quarantine", "replay", "--by", "ada").out
    assert "No event waits that fits" in tallybook("quarantine", "replay").out
    assert len(tallybook("events", "list", "--json").json) == 10
    assert tallybook("quarantine", "counts", "--json").json[0]["state"] == "replayed"
    quality = tallybook("quality", "--type", "completion").out
    assert "completion" in quality
    assert "replayed=5" in quality
    assert tallybook("quality", "--json").json["types"][0]["events"] == 10


def test_discarding_takes_a_reason(tallybook: Any, plan: str) -> None:
    tallybook("event-type", "apply", plan)
    tallybook(
        "events", "send", "completion", "--customer", "acme", "--id", "1",
        "--time", "2026-03-01T12:00:00Z", "-p", "tokens=many",
    )  # fmt: skip
    tallybook("quarantine", "discard", code=2)
    assert "why" in tallybook("quarantine", "discard", "--why", " ", code=1).err
    assert "1 discarded" in tallybook("quarantine", "discard", "--why", "A test.").out
    [told] = tallybook("quarantine", "list", "--state", "all", "--json").json
    assert (told["state"], told["act"]["why"]) == ("discarded", "A test.")


def test_types_are_discovered_and_adopted(tallybook: Any) -> None:
    tallybook(
        "events", "send", "sms", "--customer", "acme", "--id", "1",
        "--time", "2026-03-01T12:00:00Z", "-p", "parts=2", "-p", "to=se",
    )  # fmt: skip
    assert "parts (integer)" in tallybook("event-type", "discover").out
    draft = tallybook("event-type", "adopt", "sms", "--owner", "ada", "--json").json
    assert draft["schema"]["required"] == ["parts", "to"]
    assert draft["examples"] == [{"parts": 2, "to": "se"}]
