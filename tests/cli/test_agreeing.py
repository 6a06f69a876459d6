"""Contracts, phases, trials, families and a customer's clock from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tallybook.cli.commands.agreeing import contract, phases, usage_limit

CATALOG = """
[plans.basic]
name = "Basic"
currency = "EUR"

[plans.basic.prices.base]
name = "Base"
rule = { model = "flat", amount = "31" }
timing = "in_advance"

[plans.basic.prices.seats]
name = "Seats"
rule = { model = "per_unit", unit_amount = "10" }
timing = "in_advance"

[plans.pro]
name = "Pro"
currency = "EUR"

[plans.pro.prices.base]
name = "Base"
rule = { model = "flat", amount = "62" }
timing = "in_advance"
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG)
    return path


@pytest.mark.parametrize(
    ("text", "phase", "why"),
    [
        ("after=3,plan=pro", {"after": 3, "plan": "pro"}, "months from the start"),
        (
            "after=1,interval=year,seats=5",
            {"after": 1, "interval": "year", "quantities": {"seats": "5"}},
            "what is no field is a quantity",
        ),
        (
            "from=2026-07-01T00:00:00Z,seats=0.5",
            {"starts_at": "2026-07-01T00:00:00Z", "quantities": {"seats": "0.5"}},
            "exact, as it was written",
        ),
        ("after=soon", {"after": "soon"}, "left to the server to refuse"),
    ],
)
def test_a_phase_in_a_word(text: str, phase: dict[str, Any], why: str) -> None:
    assert phases([text]) == [phase], why


@pytest.mark.parametrize(
    ("term", "said", "why"),
    [
        ("", None, "no contract"),
        ("year", {"interval": "year"}, "one of it"),
        ("6:month", {"interval": "month", "interval_count": 6}, "several"),
    ],
)
def test_a_term_in_a_word(term: str, said: dict[str, Any] | None, why: str) -> None:
    assert contract(term, "", "", None) == said, why


def test_a_usage_limit_in_a_word() -> None:
    assert usage_limit("calls=1000") == {"meter": "calls", "quantity": "1000"}
    assert usage_limit("") is None


def test_a_contract_from_its_start_to_its_end(tallybook: Any, catalog: Path) -> None:
    tallybook("apply", str(catalog), "--yes")
    tallybook("customer", "create", "group", "--name", "Group", "--currency", "EUR")
    child = tallybook(
        "customer", "create", "north", "--name", "North", "--currency", "EUR",
        "--parent", "group", "--usage-at", "parent", "--payment-method", "--json",
    ).json  # fmt: skip
    assert (child["parent"], child["usage_at"]) == ("group", "parent")
    assert child["has_payment_method"] is True
    begun = tallybook(
        "subscription", "create", "north", "--customer", "north", "--plan", "basic",
        "--starts-at", "2026-01-01T00:00:00Z", "--term", "5:year", "--notice-days", "30",
        "--phase", "after=3,seats=5", "--phase", "after=60,plan=pro", "--json",
    ).json  # fmt: skip
    assert begun["contract"]["notice_days"] == 30
    shown = tallybook("subscription", "phases", "north", "--json").json
    assert [phase["plan"] for phase in shown] == ["basic", "basic", "pro"]
    assert "until 2031-01-01" in tallybook("subscription", "show", "north").out
    scheduled = tallybook("subscription", "schedule", "north", "--json").json
    assert len(scheduled) == 2, "what was ahead is called off"
    refused = tallybook("subscription", "cancel", "north", "--now", code=1)
    assert "bound_by_contract" in refused.err
    waived = tallybook(
        "subscription", "cancel", "north", "--now", "--waive-contract", "--bill-now", "--json"
    ).json
    assert waived["status"] == "ended"
    alone = tallybook("customer", "change", "north", "--no-parent", "--json").json
    assert alone["parent"] is None


def test_seats_billed_at_once_another_calendar_and_a_contract(
    tallybook: Any, catalog: Path
) -> None:
    tallybook("apply", str(catalog), "--yes")
    tallybook("customer", "create", "acme", "--name", "Acme", "--currency", "EUR")
    tallybook("subscription", "create", "acme", "--customer", "acme", "--plan", "basic")
    seats = ("subscription", "change", "quantity", "acme", "seats", "3")
    changed = tallybook(*seats, "--bill-now", "--json").json
    assert changed["subscription"]["quantities"] == {"seats": "3"}
    assert [invoice["occasion"] for invoice in changed["invoices"]][:1] == ["opening"]
    moved = tallybook(
        "subscription", "change", "calendar", "acme", "--alignment", "calendar", "--json"
    ).json
    assert moved["subscription"]["alignment"] == "calendar"
    bound = tallybook("subscription", "change", "contract", "acme", "6:month", "--json").json
    assert bound["subscription"]["contract"]["interval_count"] == 6


def test_what_is_agreed_is_applied_once(tallybook: Any, tmp_path: Path) -> None:
    """A catalog with a contract, a trial and phases; the second time nothing is to be done."""
    path = tmp_path / "agreed.toml"
    path.write_text(
        CATALOG
        + """
[customers.acme]
name = "Acme"
currency = "EUR"
has_payment_method = true

[subscriptions.acme]
customer = "acme"
plan = "basic"
starts_at = 2026-01-01T00:00:00Z
quantities = { seats = 3 }
trial = { days = 14, requires_payment_method = true }
contract = { interval = "year", notice_days = 30 }
phases = [{ after = 3, quantities = { seats = 5 } }, { after = 6, plan = "pro" }]
"""
    )
    tallybook("apply", str(path), "--yes")
    phases = tallybook("subscription", "phases", "acme", "--json").json
    assert [phase["plan"] for phase in phases] == ["basic", "basic", "basic", "pro"]
    assert "the same" in tallybook("apply", str(path), "--yes").out


def test_a_collective_invoice_is_listed_shown_and_finalized(tallybook: Any, catalog: Path) -> None:
    tallybook("apply", str(catalog), "--yes")
    tallybook("customer", "create", "group", "--name", "Group", "--currency", "EUR")
    tallybook(
        "customer", "create", "north", "--name", "North", "--currency", "EUR",
        "--parent", "group", "--invoiced-at", "parent",
    )  # fmt: skip
    tallybook(
        "subscription", "create", "north", "--customer", "north", "--plan", "pro",
        "--starts-at", "2026-01-01T00:00:00Z", "--ends-at", "2026-02-01T00:00:00Z",
    )  # fmt: skip
    tallybook("bill", "run")
    [listed] = tallybook("collective", "list", "--customer", "group", "--json").json
    assert (listed["total"], listed["number"]) == ("62.00", None)
    assert "North: 62.00" in tallybook("collective", "show", listed["id"]).out
    final = tallybook("collective", "finalize", listed["id"], "--json").json
    assert final["sections"][0]["invoices"][0]["number"] == f"{final['number']}-1"
