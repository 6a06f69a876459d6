"""Corrections from the command line, in calendar order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from program import Program

Client = TestClient[Litestar]

HEAD = "id,account,at,tokens\n"


@pytest.fixture
def march(tallybook: Program, tmp_path: Path) -> Program:
    """Six calls of two customers."""
    rows = [f"r{n},{('ann', 'bob')[n % 2]},2026-03-0{n + 1}T12:00:00Z,{n}\n" for n in range(6)]
    (tmp_path / "march.csv").write_text(HEAD + "".join(rows))
    tallybook(
        "ingest", str(tmp_path / "march.csv"), "--type", "=call", "--customer", "account",
        "--time", "at", "--id", "id", "--property", "tokens=tokens",
    )  # fmt: skip
    tallybook("meter", "create", "tokens", "--event-type", "call", "-a", "sum", "--value", "tokens")
    return tallybook


def used(tallybook: Program) -> dict[str, str]:
    answer = tallybook("usage", "tokens", "--period", "2026-03", "--json").json
    return {row["customer"]: row["quantity"] for row in answer["results"]}


def test_events_are_voided_after_a_look_and_put_back(march: Program) -> None:
    void = ("events", "void", "--type", "call", "--customer", "bob")
    looked = march(*void, "--dry-run")
    assert "3 events of 1 customer would be voided" in looked.out
    assert "9" in looked.out
    march(*void, "--reason", "a test", said="n\n")
    assert used(march) == {"ann": "6", "bob": "9"}, "a look changes nothing"
    march(*void, code=1)
    made = march(*void, "--reason", "a test", "--yes", "--json").json
    assert used(march) == {"ann": "6"}
    assert "a test" in march("corrections", "list").out
    assert "r5" in march("corrections", "show", made["id"]).out
    assert made["id"] in march("events", "list").out, "void events are listed as such"
    march("corrections", "revert", made["id"], "--reason", "no test")
    assert used(march) == {"ann": "6", "bob": "9"}


def test_an_event_is_amended(march: Program) -> None:
    amended = march(
        "events", "amend", "r4", "--source", "file", "-p", "tokens=0.4", "--reason", "ten times"
    )
    assert "r4@cor_" in amended.out
    assert used(march) == {"ann": "2.4", "bob": "9"}
    march("events", "amend", "r4", "--source", "file", "--reason", "again", code=1)


def test_an_amendment_is_looked_at_first(march: Program) -> None:
    amend = ("events", "amend", "r4", "--source", "file", "-p", "tokens=0.4")
    assert "it would be amended" in march(*amend, "--dry-run").out
    assert used(march) == {"ann": "6", "bob": "9"}, "a look changes nothing"
    march(*amend, code=1)
    march("events", "amend", "missing", "--dry-run", code=1)


def test_a_month_of_a_customer_is_replaced_by_a_file(march: Program, tmp_path: Path) -> None:
    file = tmp_path / "fixed.csv"
    file.write_text(HEAD + "r0,ann,2026-03-01T12:00:00Z,100\nr2,ann,2026-03-03T12:00:00Z,0.5\n")
    command = (
        "events", "backfill", str(file), "--of", "call", "--only", "ann",
        "--from", "2026-03-01T00:00:00Z", "--to", "2026-04-01T00:00:00Z",
        "--time", "at", "--id", "id", "--property", "tokens=tokens",
    )  # fmt: skip
    looked = march(*command, "--dry-run")
    assert "100.5" in looked.out
    assert march("corrections", "backfills", "--json").json == [], "a look leaves nothing open"
    made = march(*command, "--reason", "the exporter was wrong", "--yes", "--json").json
    assert (made["voided"], made["added"]) == (3, 2)
    assert used(march) == {"ann": "100.5", "bob": "9"}
    march("corrections", "revert", made["id"], "--reason", "wrong file")
    assert used(march) == {"ann": "6", "bob": "9"}


def test_a_file_with_a_row_that_does_not_belong_is_not_committed(
    march: Program, tmp_path: Path
) -> None:
    file = tmp_path / "fixed.csv"
    file.write_text(HEAD + "r0,ann,2026-03-01T12:00:00Z,100\nr2,ann,2026-05-03T12:00:00Z,1\n")
    command = (
        "events", "backfill", str(file), "--of", "call", "--only", "ann",
        "--from", "2026-03-01T00:00:00Z", "--to", "2026-04-01T00:00:00Z",
        "--time", "at", "--id", "id", "--reason", "r", "--yes",
    )  # fmt: skip
    march(*command, code=1)
    [opened] = march("corrections", "backfills", "--json").json
    march("corrections", "drop", opened["id"])
    assert march("corrections", "backfills", "--json").json == []
    assert used(march) == {"ann": "6", "bob": "9"}


def test_a_backfill_that_broke_off_goes_on(march: Program, api: Client, tmp_path: Path) -> None:
    """Half of it was staged when the line went; the same command counts each event once."""
    span = {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}
    opened = api.post("/v1/backfills", json={"type": "call", "customer": "ann"} | span).json()
    rows = [
        {"id": f"n{n}", "account": "ann", "at": "2026-03-01T12:00:00Z", "tokens": 10}
        for n in range(4)
    ]
    file = tmp_path / "fixed.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    half = [
        {
            "type": "call", "customer": "ann", "source": "file", "id": row["id"],
            "time": row["at"], "properties": {"tokens": row["tokens"]},
        }
        for row in rows[:2]
    ]  # fmt: skip
    assert api.post(f"/v1/backfills/{opened['id']}/events", json=half).json()["staged"] == 2
    made = march(
        "events", "backfill", str(file), "--of", "call", "--only", "ann",
        "--from", span["from"], "--to", span["to"], "--time", "at", "--id", "id",
        "--property", "tokens=tokens", "--resume", opened["id"], "--reason", "r", "--yes", "--json",
    ).json  # fmt: skip
    assert (made["id"], made["added"]) == (opened["id"], 4)
    assert used(march) == {"ann": "40", "bob": "9"}
