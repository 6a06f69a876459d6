"""Events, meters, usage and bills from the command line, on one small month."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CATALOG = """
[meters.tokens]
name = "Tokens"
event_type = "completion"
aggregation = { type = "sum", value = "tokens" }
dimensions = ["model"]
unit = "tokens"

[plans.tokens]
name = "Tokens"
currency = "EUR"

[plans.tokens.prices.large]
name = "Tokens of the large model"
meter = "tokens"
match = { model = "large" }
rule = { model = "per_unit", unit_amount = "0.0125" }

[customers.acme]
name = "Acme [AB]"
currency = "EUR"
timezone = "Europe/Stockholm"

[subscriptions.acme]
customer = "acme"
plan = "tokens"
starts_at = 2026-03-01
alignment = "calendar"
"""


@pytest.fixture
def month(tallybook: Any, tmp_path: Path) -> None:
    """Three events of March, two of them of the model that costs."""
    (tmp_path / "catalog.toml").write_text(CATALOG)
    tallybook("apply", str(tmp_path / "catalog.toml"), "--yes")
    events = [
        ("e1", "2026-03-01T12:00:00Z", "tokens=100", "model=large"),
        ("e2", "2026-03-02T12:00:00Z", "tokens=50.5", "model=large"),
        ("e3", "2026-03-02T13:00:00Z", "tokens=7", "model=small"),
    ]
    for id_, time, *properties in events:
        said = [part for text in properties for part in ("-p", text)]
        tallybook(
            "events", "send", "completion", "--customer", "acme", "--id", id_, "--time", time,
            *said,
        )  # fmt: skip


@pytest.mark.usefixtures("month")
def test_an_event_counts_once_and_another_of_its_name_is_refused(tallybook: Any) -> None:
    same = (
        "events", "send", "completion", "--customer", "acme", "--id", "e3",
        "--time", "2026-03-02T13:00:00Z", "-p", "model=small", "-p",
    )  # fmt: skip
    assert tallybook(*same, "tokens=7", "--json").json["counts"]["duplicate"] == 1
    assert "event_conflict" in tallybook(*same, "tokens=8", code=1).err
    kept = tallybook("events", "list", "--match", "model=small", "--json").json
    assert [event["id"] for event in kept] == ["e3"]
    assert "e2" in tallybook("events", "list", "--customer", "acme").out


@pytest.mark.usefixtures("month")
def test_usage_is_shown_by_window_dimension_and_position(tallybook: Any) -> None:
    asked = ("usage", "tokens", "-c", "acme", "--period", "2026-03", "--json")
    whole = tallybook(*asked).json
    assert [row["quantity"] for row in whole["results"]] == ["157.5"]
    by_model = tallybook(*asked, "--group-by", "model").json["results"]
    assert {row["dimensions"]["model"]: row["quantity"] for row in by_model} == {
        "large": "150.5", "small": "7",
    }  # fmt: skip
    by_day = tallybook(*asked, "--window", "day", "--match", "model=large").json["results"]
    assert [row["quantity"] for row in by_day] == ["100", "50.5"]
    assert tallybook(*asked, "--as-of", "1").json["results"][0]["quantity"] == "100"
    shown = tallybook(*asked[:-1], "--window", "day", "--timezone", "Europe/Stockholm").out
    assert "2026-03-01 to 2026-03-02" in shown
    tallybook("usage", "tokens", code=1)


@pytest.mark.usefixtures("month")
def test_a_meter_is_tried_before_it_is_kept(tallybook: Any) -> None:
    tried = tallybook(
        "meter", "try", "--event-type", "completion", "-a", "count", "--filter", "tokens > 50",
        "--period", "2026-03", "--json",
    ).json  # fmt: skip
    assert (tried["counted"], tried["not_counted"]) == (2, 1)
    assert "tokens" in tallybook("meter", "list").out
    assert tallybook("meter", "show", "tokens", "--json").json["unit"] == "tokens"
    changed = ("meter", "create", "tokens", "--event-type", "completion", "-a", "count")
    assert "meter_exists" in tallybook(*changed, code=1).err


@pytest.mark.usefixtures("month")
def test_a_month_is_billed_once_shown_verified_and_walked_back(tallybook: Any) -> None:
    until = ("--until", "2026-04-01T00:00:00Z")
    assert tallybook("bill", "run", *until, "--json").json["totals"] == {"EUR": "1.88"}
    assert tallybook("bill", "run", *until, "--json").json["invoices"] == 0
    assert tallybook("bill", "finalize", *until, "--json").json == {"finalized": 1}
    [header] = tallybook("invoice", "list", "--customer", "acme", "--json").json
    number = header["number"]
    shown = tallybook("invoice", "show", number).out
    assert "Acme [AB]" in shown, "names are printed as they are"
    assert "2026-03-01 to 2026-04-01" in shown, "by the customer's clocks"
    assert "exactly 1.88125 · 2 events" in shown
    assert "is equal" in tallybook("verify", number).out
    link = tallybook("invoice", "share", number, "--json").json
    assert "/share/" in link["url"]
    assert not tallybook("invoice", "unshare", number, link["id"], "--json").json["is_open"]
    [listed] = tallybook("invoice", "links", number, "--json").json
    assert (listed["id"], bool(listed["revoked_at"])) == (link["id"], True)
    events = tallybook("invoice", "events", number, "1", "--json").json
    assert [event["id"] for event in events] == ["e1", "e2"]


@pytest.mark.usefixtures("month")
def test_a_meter_of_a_catalog_is_the_same_again_and_stuck_if_it_differs(
    tallybook: Any, tmp_path: Path
) -> None:
    path = tmp_path / "catalog.toml"
    moves = tallybook("apply", str(path), "--yes", "--json").json["moves"]
    assert {move["act"] for move in moves} == {"same"}
    path.write_text(CATALOG.replace('"sum", value', '"max", value'))
    ran = tallybook("apply", str(path), "--yes", code=1)
    assert "aggregation" in ran.out
    assert "another key" in ran.out


@pytest.mark.usefixtures("month")
def test_usage_is_drawn_and_written(tallybook: Any, tmp_path: Path) -> None:
    asked = ("usage", "tokens", "--period", "2026-03")
    bars = tallybook(*asked, "--group-by", "model", "--draw").out
    assert "█" in bars
    assert "150.5" in bars
    lines = tallybook(*asked, "--window", "day", "--draw").out
    assert "█▆" in lines, "100 is drawn higher than 57.5"
    assert "by the day" in lines
    assert "█" not in tallybook(*asked, "--group-by", "model").out, "this is no terminal"
    behind = tallybook(*asked, "--match", "model=large", "--events", "--json").json
    assert [event["id"] for event in behind] == ["e1", "e2"]
    top = tallybook(*asked, "--group-by", "model", "--top", "1", "--compare").out
    assert "(1 other)" in top
    assert "before" in top

    for form in ("csv", "ndjson", "parquet"):
        path = tmp_path / f"usage.{form}"
        tallybook(*asked, "-o", str(path))
        assert path.stat().st_size > 100
    assert (tmp_path / "usage.csv").read_text().splitlines()[1].startswith("acme,2026-03-01T")
    assert "unknown_form" in tallybook(*asked, "-o", "usage.doc", code=1).err
    none = tmp_path / "none.csv"
    assert "no_such_meter" in tallybook("usage", "none", *asked[2:], "-o", str(none), code=1).err
    assert [each.name for each in tmp_path.glob("none*")] == []


@pytest.mark.usefixtures("month")
def test_events_are_searched_and_followed(tallybook: Any) -> None:
    found = tallybook("events", "search", "model=large", "--from", "2026-03-02T00:00:00Z", "--json")
    assert [event["id"] for event in found.json] == ["e2"]
    followed = tallybook("events", "tail", "--last", "2", "--for", "0.1", "--every", "0.1").out
    assert [line.split()[-1] for line in followed.splitlines()] == ["e2", "e3"]
    quiet = tallybook("events", "tail", "model=other", "--for", "0.1", "--every", "0.1", "--json")
    assert quiet.out == ""


def test_late_events_are_restated(month: None, tallybook: Any) -> None:
    tallybook("bill", "run", "--until", "2026-04-01T00:00:00Z", "--finalize")
    send = ("events", "send", "completion", "--customer", "acme", "-p", "tokens=5")
    tallybook(*send, "--id", "late", "--time", "2026-03-05T00:00:00Z", "-p", "model=large")
    assert tallybook("restatements", "find", "--json").json["restated"] == 1
    [made] = tallybook("restatements", "list", "--customer", "acme", "--json").json
    assert made["difference"] == "5"
    assert "150.5" in tallybook("restatements").out
    assert "counted since" in tallybook("restatements", "events", made["id"]).out
    assert "next_invoice" in tallybook("restatements", "show", made["id"]).out
    assert tallybook("restatements", "policy", "ignore", "--json").json == {"policy": "ignore"}
