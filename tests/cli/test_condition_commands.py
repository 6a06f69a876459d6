"""Coupons and overrides from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tallybook.domain.kernel.errors import Invalid

CATALOG = """
[plans.basic]
name = "Basic"
currency = "EUR"

[plans.basic.prices.fee]
name = "Basic, a month"
rule = { model = "flat", amount = "100" }

[plans.basic.commitments.promise]
name = "Committed spend"
amounts = [100, 200]

[customers.acme]
name = "Acme"
currency = "EUR"

[subscriptions.acme]
customer = "acme"
plan = "basic"
"""


@pytest.fixture
def acme(tallybook: Any, tmp_path: Path) -> str:
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG)
    tallybook("apply", str(path), "--yes")
    return "acme"


def test_a_coupon_is_made_redeemed_taken_away_and_retired(tallybook: Any, acme: str) -> None:
    made = ("coupon", "create", "WELCOME", "--percent", "20", "--periods", "3", "--json")
    assert tallybook(*made).json["offer"]["periods"] == 3
    redeem = ("coupon", "redeem", "WELCOME", "--customer", acme, "--json")
    redeemed = tallybook(*redeem).json
    assert tallybook(*redeem).json["id"] == redeemed["id"], "who has it, has it"
    assert "20 %" in tallybook("coupon", "list").out
    listed = tallybook("coupon", "redemptions", "--customer", acme, "--json").json
    assert [each["is_spent"] for each in listed] == [False]
    assert tallybook("coupon", "take-away", redeemed["id"], "--json").json["ended_at"]
    assert tallybook("coupon", "retire", "WELCOME", "--json").json["retired_at"]


def test_a_subscription_begins_with_coupons(tallybook: Any, acme: str, tmp_path: Path) -> None:
    for code in ("WELCOME", "MORE"):
        tallybook("coupon", "create", code, "--percent", "20")
    create = ("subscription", "create", "second", "--customer", acme, "--plan", "basic")
    tallybook(*create, "--coupon", "WELCOME", "--coupon", "MORE")
    listed = tallybook("coupon", "redemptions", "--customer", acme, "--json").json
    assert [(each["code"], each["subscription"]) for each in listed] == [
        ("WELCOME", "second"),
        ("MORE", "second"),
    ]
    path = tmp_path / "more.toml"
    path.write_text(
        CATALOG + '[coupons.THIRD]\nname = "Third"\nrate_pct = 1\n'
        '[subscriptions.third]\ncustomer = "acme"\nplan = "basic"\ncoupons = ["THIRD"]\n'
    )
    tallybook("apply", str(path), "--yes")
    assert "5 the same" in tallybook("apply", str(path), "--yes").out


def test_a_coupon_in_two_currencies(tallybook: Any, acme: str) -> None:
    amounts = ("--amount", "25", "--currency", "EUR", "--in-currency", "USD=30")
    made = tallybook("coupon", "create", "START", *amounts, "--json").json
    assert made["offer"]["in_currency"] == {"USD": {"amount": "30"}}
    assert "25 EUR, 30 USD" in tallybook("coupon", "list").out


def test_a_commitment_in_two_currencies(tallybook: Any, tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(
        CATALOG.replace('currency = "EUR"', 'currency = "EUR"\ncurrencies = ["USD"]', 1)
        .replace('rule = { model = "flat", amount = "100" }', FEE_IN_BOTH)
        .replace("amounts = [100, 200]", PROMISE_IN_BOTH)
    )
    tallybook("apply", str(path), "--yes")
    [promise] = tallybook("plan", "show", "basic", "--json").json["commitments"]
    assert promise["in_currency"] == {"USD": {"amounts": ["110", "220"]}}


FEE_IN_BOTH = """rule = { model = "flat", amount = "100" }
in_currency.USD.rule = { model = "flat", amount = "110" }
"""
PROMISE_IN_BOTH = """amounts = [100, 200]
in_currency.USD.amounts = [110, 220]
"""


def test_a_contract_says_otherwise(tallybook: Any, acme: str, tmp_path: Path) -> None:
    path = tmp_path / "agreed.json"
    path.write_text('{"prices": {"fee": {"discount_pct": 12.5}}}')
    change = ("subscription", "change", "override", acme, str(path), "--at", "period_end", "--json")
    [recorded] = tallybook(*change).json["changes"]
    assert recorded["overrides"] == {"prices": {"fee": {"discount_pct": "12.5"}}}


@pytest.mark.usefixtures("acme")
def test_a_contract_says_otherwise_from_its_start(tallybook: Any, tmp_path: Path) -> None:
    path = tmp_path / "agreed.json"
    path.write_text('{"prices": {"fee": {"discount_pct": 12.5}}}')
    create = ("subscription", "create", "agreed", "--customer", "acme", "--plan", "basic")
    begun = tallybook(*create, "--overrides", str(path), "--json").json
    assert begun["overrides"] == {"prices": {"fee": {"discount_pct": "12.5"}}}
    path.write_text("{")
    with pytest.raises(Invalid, match=r"agreed\.json"):
        tallybook(*create, "--overrides", str(path))


@pytest.mark.usefixtures("acme")
def test_a_plan_is_shown_with_its_conditions(tallybook: Any) -> None:
    shown = tallybook("plan", "show", "basic").out
    assert "Committed spend" in shown
    assert "amounts 100, 200" in shown
