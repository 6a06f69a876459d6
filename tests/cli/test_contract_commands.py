"""Customers, plans, subscriptions and keys from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CATALOG = """
[plans.basic]
name = "Basic"
currency = "EUR"

[plans.basic.prices.fee]
name = "Basic, a month"
rule = { model = "flat", amount = "19.90" }

[plans.basic.prices.setup]
name = "Support"
rule = { model = "graduated", tiers = [{ up_to = 1, unit_amount = "5" }, { flat_amount = "1" }] }
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG)
    return path


def test_a_customer_is_created_listed_shown_and_changed(tallybook: Any) -> None:
    created = tallybook(
        "customer", "create", "acme", "--name", "Acme AB", "--currency", "EUR",
        "--timezone", "Europe/Stockholm", "--json",
    ).json  # fmt: skip
    assert (created["key"], created["timezone"]) == ("acme", "Europe/Stockholm")
    assert "Acme AB" in tallybook("customer", "list").out
    assert (
        tallybook("customer", "change", "acme", "--locale", "sv", "--json").json["locale"] == "sv"
    )
    assert "Europe/Stockholm" in tallybook("customer", "show", "acme").out


def test_which_server_is_used_is_said_aside_and_can_be_silenced(tallybook: Any) -> None:
    ran = tallybook("customer", "list", "--json")
    assert "the tests' own server" in ran.err
    assert ran.json == []
    assert tallybook("-q", "customer", "list", "--json").err == ""


def test_a_refusal_shows_what_where_and_the_mend_and_ends_with_1(tallybook: Any) -> None:
    ran = tallybook("customer", "create", "acme", "--name", "Acme", "--currency", "EURO", code=1)
    assert ran.out == ""
    assert "unknown_currency" in ran.err
    assert "currency" in ran.err
    assert "EUR" in ran.err, "the mend"


def test_a_wrong_command_line_ends_with_2_and_an_absent_server_with_3(tallybook: Any) -> None:
    tallybook("customer", "create", code=2)
    ran = tallybook("--url", "http://127.0.0.1:9", "--api-key", "x", "customer", "list", code=3)
    assert "does not answer" in ran.err
    assert "tallybook serve" in ran.err


def test_a_subscription_is_created_cancelled_and_kept(tallybook: Any, catalog: Path) -> None:
    tallybook("apply", str(catalog), "--yes")
    tallybook("customer", "create", "acme", "--name", "Acme", "--currency", "EUR")
    created = tallybook(
        "subscription", "create", "acme-basic", "--customer", "acme", "--plan", "basic",
        "--starts-at", "2026-03-01T00:00:00Z", "--alignment", "calendar", "--json",
    ).json  # fmt: skip
    assert created["period"]["ends"] == "2026-04-01T00:00:00Z"
    assert "basic v1" in tallybook("subscription", "list", "--customer", "acme").out
    cancelled = tallybook("subscription", "cancel", "acme-basic", "--json").json
    assert cancelled["ends_at"] is not None
    assert tallybook("subscription", "keep", "acme-basic", "--json").json["ends_at"] is None


def test_a_plan_is_shown_with_its_prices_compared_and_tried(tallybook: Any, catalog: Path) -> None:
    tallybook("apply", str(catalog), "--yes")
    catalog.write_text(CATALOG.replace("19.90", "24.90"))
    tallybook("apply", str(catalog), "--yes")
    assert "24.90" in tallybook("plan", "show", "basic").out
    assert "19.90" in tallybook("plan", "show", "basic", "--version", "1").out
    assert [p["version"] for p in tallybook("plan", "versions", "basic", "--json").json] == [1, 2]
    [difference] = tallybook("plan", "diff", "basic", "1", "2", "--json").json
    assert difference["path"] == "prices/fee/rule/amount"
    tried = tallybook("plan", "price", "basic", "setup=2")
    assert "30.90" in tried.out, "24.90, and two tiers of the second price"
    tallybook("plan", "price", "basic", "setup", code=1)


def test_a_key_is_shown_once_and_revoked(tallybook: Any) -> None:
    text = tallybook("key", "create", "gateway", "--scope", "ingest").out.strip()
    keys = tallybook("key", "list", "--json").json
    [made] = [key for key in keys if key["name"] == "gateway"]
    assert text.startswith(made["prefix"])
    tallybook("key", "revoke", made["id"])
    [revoked] = [k for k in tallybook("key", "list", "--json").json if k["name"] == "gateway"]
    assert revoked["revoked_at"] is not None


def test_a_subscription_is_changed_tried_out_listed_and_undone(
    tallybook: Any, catalog: Path
) -> None:
    tallybook("apply", str(catalog), "--yes")
    tallybook("customer", "create", "acme", "--name", "Acme", "--currency", "EUR")
    created = tallybook(
        "subscription", "create", "s", "--customer", "acme", "--plan", "basic",
        "--quantity", "setup=2", "--json",
    ).json  # fmt: skip
    assert created["quantities"] == {"setup": "2"}
    change = ("subscription", "change")
    preview = tallybook(*change, "quantity", "s", "setup", "3", "--preview").out
    assert "Without the change" in preview
    changed = tallybook(*change, "quantity", "s", "setup", "1", "--add", "--json").json
    assert changed["subscription"]["quantities"] == {"setup": "3"}
    assert "paused" in tallybook(*change, "pause", "s").out
    assert "active" in tallybook(*change, "undo", "s", "2").out
    listed = tallybook(*change, "list", "s", "--json").json
    assert [(one["kind"], one["is_undone"]) for one in listed] == [
        ("add_quantity", False),
        ("pause", True),
        ("undo", False),
    ]
