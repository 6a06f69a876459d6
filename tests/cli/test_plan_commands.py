"""Plans on the command line: drafts, plans side by side, migrations, experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CATALOG = """
[products.cloud]
name = "Cloud"

[features.sso]
name = "Single sign-on"
product = "cloud"

[features.projects]
name = "Projects"
kind = "quantity"
unit = "projects"

[features.support]
name = "Support"
kind = "text"

[plans.basic]
name = "Basic"
currency = "EUR"

[plans.basic.prices.fee]
name = "A month"
product = "cloud"
rule = { model = "flat", amount = "9" }

[plans.basic.grants]
projects = 3
support = "by mail"

[plans.pro]
name = "Pro"
currency = "EUR"
currencies = ["SEK"]

[plans.pro.prices.fee]
name = "A month"
product = "cloud"
rule = { model = "flat", amount = "29" }
in_currency.SEK.rule = { model = "flat", amount = "299" }

[plans.pro.grants]
sso = true
projects = true
support = "within a day"

[families.cloud]
name = "Cloud plans"
plans = ["basic", "pro"]

[customers.acme]
name = "Acme"
currency = "EUR"

[subscriptions.acme]
customer = "acme"
plan = "basic"
starts_at = 2026-03-01
alignment = "calendar"
"""


@pytest.fixture
def applied(tallybook: Any, tmp_path: Path) -> Path:
    """The file of a catalog that is applied."""
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG)
    tallybook("apply", str(path), "--yes")
    return path


def test_everything_that_is_sold_in_one_file(tallybook: Any, applied: Path) -> None:
    again = tallybook("apply", str(applied), "--yes", "--json").json
    assert {move["act"] for move in again["moves"]} == {"same"}
    assert [move["kind"] for move in again["moves"]].index("plan") > 0
    applied.write_text(CATALOG.replace("Cloud plans", "All plans"))
    ran = tallybook("apply", str(applied), "--yes")
    assert "Cloud plans → All plans" in ran.out
    assert "families" in ran.out


def test_plans_side_by_side(tallybook: Any, applied: Path) -> None:
    shown = tallybook("plan", "compare", "cloud").out
    for text in ("Basic (EUR)", "29 a month", "3 projects", "unlimited", "Single sign-on", "–"):
        assert text in shown
    assert tallybook("plan", "compare", "pro", "basic", "--currency", "SEK", "--json").json["rows"][
        0
    ]["cells"] == ["299 a month", "9 a month"]
    assert "29 a month" in tallybook("product", "show", "cloud").out
    pro = tallybook("plan", "show", "pro").out
    assert "SEK" in pro
    assert "within a day" in pro
    assert "3 projects" in tallybook("customer", "entitlements", "acme").out
    assert len(tallybook("feature", "list", "--json").json) == 3


def test_a_feature_that_is_not_there_stops_all(tallybook: Any, tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG.replace("sso = true", "sos = true"))
    ran = tallybook("apply", str(path), "--yes", code=1)
    assert "plans/pro/grants/0/feature" in ran.err
    assert tallybook("product", "list", "--json").json == []


def test_a_draft_from_a_file(tallybook: Any, applied: Path) -> None:
    applied.write_text(CATALOG.replace('amount = "9"', 'amount = "12"'))
    tallybook("apply", str(applied), "--yes", "--draft")
    assert tallybook("plan", "show", "basic", "--json").json["version"] == 1
    shown = tallybook("plan", "draft", "basic").out
    assert "rule amount goes from 9 to 12 (+33.3 %)" in shown
    assert "It can be published" in shown
    assert "basic" in tallybook("plan", "drafts").out
    tallybook("plan", "publish", "basic")
    assert "9 to 12" in tallybook("plan", "diff", "basic", "1", "2").out
    tallybook("plan", "copy", "basic", "tiny", "--name", "Tiny")
    tallybook("plan", "discard", "tiny")
    assert tallybook("plan", "drafts", "--json").json == []
    tallybook("plan", "retire", "basic", "2")
    assert tallybook("plan", "show", "basic", "--json").json["retired_at"]
    tallybook("plan", "retire", "basic", "2", "--undo")
    assert tallybook("plan", "show", "basic", "--json").json["retired_at"] is None


def test_subscribers_moved_and_moved_back(tallybook: Any, applied: Path) -> None:
    applied.write_text(CATALOG.replace('amount = "9"', 'amount = "12"'))
    tallybook("apply", str(applied), "--yes")
    preview = tallybook("migration", "preview", "--plan", "basic")
    assert "+3.00" in preview.out
    moved = tallybook("migration", "start", "spring", "--plan", "basic", "--at", "now", "--json")
    assert (moved.json["moved"], moved.json["left"]) == (1, 0)
    assert tallybook("subscription", "show", "acme", "--json").json["version"] == 2
    assert "moved" in tallybook("migration", "members", "spring").out
    assert tallybook("migration", "resume", "spring", "--json").json["moved"] == 1
    assert tallybook("migration", "undo", "spring", "--json").json["undone"] == 1
    assert tallybook("subscription", "show", "acme", "--json").json["version"] == 1
    assert tallybook("migration", "list", "--json").json[0]["key"] == "spring"
    start = ("migration", "start", "autumn", "--plan", "basic", "--background", "--json")
    left = tallybook(*start).json
    assert (left["goes_on"], left["left"]) == (True, 1), "the server goes on with it"
    assert not tallybook("migration", "pause", "autumn", "--json").json["goes_on"]


def test_an_experiment(tallybook: Any, applied: Path) -> None:
    applied.write_text(CATALOG.replace('amount = "9"', 'amount = "12"'))
    tallybook("apply", str(applied), "--yes")
    arms = ("--arm", "control=1", "--arm", "dear=2:0")
    tallybook("experiment", "set", "dearer", "--plan", "basic", *arms)
    assert tallybook("experiment", "meet", "dearer", "globex", "--json").json["arm"] == "control"
    assert "control v1 ×1: 1" in tallybook("experiment", "show", "dearer").out
    assert tallybook("experiment", "exposures", "dearer", "--json").json[0]["customer"] == "globex"
    tallybook("experiment", "end", "dearer", "--winner", "control", "--retire-others")
    assert tallybook("experiment", "list", "--json").json[0]["progress"] == "ended"
    assert tallybook("plan", "show", "basic", "--json").json["retired_at"]
    ran = tallybook("experiment", "set", "x", "--plan", "basic", "--arm", "a:1", code=1)
    assert "ARM=VERSION" in ran.err


def test_what_a_month_would_cost(tallybook: Any, applied: Path) -> None:
    assert "299.00" in tallybook("price", "pro", "fee=1", "--currency", "SEK").out
    ran = tallybook("price", "pro", "--customer", "acme", "--period", "2026-02", "--json")
    assert (ran.json["currency"], ran.json["total"]) == ("EUR", "29.00")
    two = tallybook("price", "pro", "--customer", "acme", "fee=2", "--json").json
    assert two["total"] == "58.00", "and how many of a fee"


BY_MODEL = """
[meters.tokens]
name = "Tokens"
event_type = "call"
aggregation = { type = "count" }
dimensions = ["model"]
unit = "tokens"

[plans.payg]
name = "Pay as you go"
currency = "EUR"

[plans.payg.prices.tokens]
name = "Tokens"
meter = "tokens"
rule.model = "matrix"
rule.dimensions = ["model"]
rule.cells = [
  { values = ["large"], unit_amount = "2" },
  { values = ["small"], unit_amount = "1" },
]

[plans.payg.prices.energy]
name = "Energy"
meter = "tokens"
rule.model = "time_of_use"
rule.bands = [
  { name = "Day", when = [{ from_time = "07:00", until_time = "22:00" }], rule = { DAY } },
  { name = "Night", rule = { NIGHT } },
]
"""
BY_MODEL = BY_MODEL.replace("DAY", 'model = "per_unit", unit_amount = "3"')
BY_MODEL = BY_MODEL.replace("NIGHT", 'model = "per_unit", unit_amount = "1"')


@pytest.mark.parametrize(
    ("said", "amounts", "why"),
    [
        (["tokens[model=large]=3"], ["6.00", "0.00"], "by its value"),
        (["tokens[model=large]=3", "tokens[model=small]=4"], ["10.00", "0.00"], "each by its own"),
        (["energy@2026-07-01T17:00Z=2"], ["0.00", "6.00"], "by the hour"),
        (["energy@2026-07-01T17:00Z=2", "energy@2026-07-02T03:00Z=2"], ["0.00", "8.00"], ""),
        (["energy@2026-07-01T17:00Z=2", "--timezone", "Asia/Tokyo"], ["0.00", "2.00"], "his hour"),
    ],
)
def test_usage_is_said_as_prices_go_by_it(
    tallybook: Any, tmp_path: Path, said: list[str], amounts: list[str], why: str
) -> None:
    catalog = tmp_path / "payg.toml"
    catalog.write_text(BY_MODEL)
    tallybook("apply", str(catalog), "--yes")
    priced = tallybook("price", "payg", *said, "--json").json
    assert [line["amount"] for line in priced["lines"]] == amounts, why


@pytest.mark.parametrize("said", ["tokens", "tokens[model]=3", "=3", "energy@noon=3"])
def test_usage_that_cannot_be_read(tallybook: Any, said: str) -> None:
    ran = tallybook("price", "payg", said, code=1)
    assert "malformed" in ran.err
