"""Plans as code: what would change is shown, then applied; the same again changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tallybook.cli.catalog.catalog_file import read_catalog
from tallybook.domain.kernel.errors import Invalid

PLAN = """
[plans.basic]
name = "Basic"
currency = "EUR"

[plans.basic.prices.fee]
name = "Basic, a month"
rule = { model = "flat", amount = 19.90 }
"""
PEOPLE = """
[customers.acme]
name = "Acme"
currency = "EUR"
timezone = "Europe/Stockholm"

[subscriptions.acme-basic]
customer = "acme"
plan = "basic"
starts_at = 2026-03-01
alignment = "calendar"
"""

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> str:
        path = tmp_path / "catalog.toml"
        path.write_text(text)
        return str(path)

    return written


def acts(ran: Any) -> dict[str, str]:
    return {f"{move['kind']}/{move['key']}": move["act"] for move in ran.json["moves"]}


def test_a_catalog_is_applied_once_and_then_the_same(tallybook: Any, write: Write) -> None:
    path = write(PLAN + PEOPLE)
    added = dict.fromkeys(("plan/basic", "customer/acme", "subscription/acme-basic"), "add")
    assert acts(tallybook("apply", path, "--dry-run", "--json")) == added
    assert tallybook("plan", "list", "--json").json == [], "a dry run applies nothing"
    assert acts(tallybook("apply", path, "--yes", "--json")) == added
    again = tallybook("apply", path, "--yes", "--json")
    assert acts(again) == dict.fromkeys(added, "same")
    assert again.json["applied"] is False


def test_a_plain_date_is_midnight_where_the_customer_is(tallybook: Any, write: Write) -> None:
    tallybook("apply", write(PLAN + PEOPLE), "--yes")
    kept = tallybook("subscription", "show", "acme-basic", "--json").json
    assert kept["starts_at"] == "2026-02-28T23:00:00Z"


def test_a_changed_price_is_shown_and_becomes_the_next_version(
    tallybook: Any, write: Write
) -> None:
    tallybook("apply", write(PLAN), "--yes")
    ran = tallybook("apply", write(PLAN.replace("19.90", "24.90")), "--yes")
    assert "price fee/rule/amount" in ran.out
    assert "19.9 → 24.9" in ran.out
    assert tallybook("plan", "show", "basic", "--json").json["version"] == 2
    tallybook("apply", write(PLAN.replace("19.90", "24.9000")), "--yes")
    assert tallybook("plan", "show", "basic", "--json").json["version"] == 2, "the same number"


def test_a_changed_customer_is_changed_and_a_changed_subscription_is_not(
    tallybook: Any, write: Write
) -> None:
    tallybook("apply", write(PLAN + PEOPLE), "--yes")
    tallybook("apply", write(PLAN + PEOPLE.replace('"Acme"', '"Acme AB"')), "--yes")
    assert tallybook("customer", "show", "acme", "--json").json["name"] == "Acme AB"
    moved = write(PLAN + PEOPLE.replace("2026-03-01", "2026-04-01").replace('"Acme"', '"Other"'))
    ran = tallybook("apply", moved, "--yes", code=1)
    assert "starts_at" in ran.out
    assert "Nothing was applied" in ran.err
    assert tallybook("customer", "show", "acme", "--json").json["name"] == "Acme AB", (
        "one that is stuck stops all"
    )


def test_nothing_is_applied_unless_somebody_agrees(tallybook: Any, write: Write) -> None:
    ran = tallybook("apply", write(PLAN), code=1)
    assert "--yes" in ran.err
    assert "+ basic" in ran.out, "what would change is shown all the same"
    assert tallybook("plan", "list", "--json").json == []


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("plans = 1", "not_tables", "plans"),
        ("[plan.basic]", "unknown_table", "plan"),
        ("[plans.basic\n", "unreadable_catalog", ""),
        (PLAN.replace("19.90", '"much"'), "wrong_value", "plans/basic/prices/0/rule/amount"),
        (PLAN.replace('"EUR"', '"EURO"'), "unknown_currency", "plans/basic/currency"),
        (PLAN.replace("flat", "flatt"), "wrong_value", "plans/basic/prices/0/rule/model"),
        (PLAN + "colour = 1", "wrong_value", "plans/basic/prices/0"),
        (PEOPLE + "[customers.x]\nname='x'\ncurrency='EUR'\ncolour=1", "unknown_field",
         "customers/x/colour"),
        (PEOPLE.replace("Europe/Stockholm", "Europe/Uppsala"), "unknown_timezone",
         "customers/acme/timezone"),
        (PEOPLE.replace("calendar", "lunar"), "wrong_value", "subscriptions/acme-basic/alignment"),
        ("[meters.m]\nname='m'\nevent_type='e'\naggregation={type='median'}", "wrong_value",
         "meters/m/aggregation/type"),
    ],
)  # fmt: skip
def test_a_catalog_that_cannot_be_meant_is_refused_with_the_place(
    tmp_path: Path, text: str, code: str, field: str
) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    with pytest.raises(Invalid) as refused:
        read_catalog(path)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_what_a_subscription_names_must_be_there(tallybook: Any, write: Write) -> None:
    ran = tallybook("apply", write(PEOPLE), "--yes", code=1)
    assert "subscriptions/acme-basic/plan" in ran.err
    assert tallybook("customer", "list", "--json").json == [], (
        "all is checked before any is applied"
    )


def test_a_meter_that_no_event_could_count_by_is_refused_before_any_is_applied(
    tallybook: Any, write: Write
) -> None:
    meter = "[meters.m]\nname='m'\nevent_type='e'\naggregation={type='sum', value='n / 0'}"
    ran = tallybook("apply", write(f"{PLAN}\n{meter}"), "--yes", code=1)
    assert "meters/m/aggregation/value" in ran.err
    assert tallybook("plan", "list", "--json").json == []


CONDITIONS = """
[plans.basic.commitments.promise]
name = "Committed spend"
amounts = [100, 120.50]
per = "year"

[plans.basic.spend_limits.cap]
name = "Cap"
maximum = 500

[coupons.WELCOME]
name = "Welcome"
rate_pct = 20
frequency = "recurring"
periods = 3

[subscriptions.acme-basic.overrides.prices.fee]
discount_pct = 10

[subscriptions.acme-basic.overrides.commitments.less]
name = "Less"
amounts = [80]
"""


def test_conditions_coupons_and_overrides_are_code_too(tallybook: Any, write: Write) -> None:
    path = write(PLAN + PEOPLE + CONDITIONS)
    assert acts(tallybook("apply", path, "--yes", "--json"))["coupon/WELCOME"] == "add"
    again = tallybook("apply", path, "--yes", "--json")
    assert set(acts(again).values()) == {"same"}, again.json
    [subscription] = tallybook("subscription", "list", "--json").json
    assert [each["key"] for each in subscription["overrides"]["commitments"]] == ["less"]
    dearer = write(PLAN + PEOPLE + CONDITIONS.replace("500", "600"))
    moves = tallybook("apply", dearer, "--dry-run", "--json").json["moves"]
    [differences] = [move["differences"] for move in moves if move["act"] == "change"]
    assert differences == [
        {"change": "changed", "path": "spend_limits/cap/maximum", "before": "500", "after": "600"}
    ]


def test_units_are_named_in_the_languages_of_customers(tallybook: Any, write: Write) -> None:
    text = """
        [units.calls.names]
        sv = { one = "anrop", other = "anrop" }
        [units."GPU hours".names.de]
        one = "GPU-Stunde"
        other = "GPU-Stunden"
    """
    catalog = write(text)
    added = dict.fromkeys(("unit/calls", "unit/GPU hours"), "add")
    assert acts(tallybook("apply", catalog, "--yes", "--json")) == added
    again = acts(tallybook("apply", catalog, "--dry-run", "--json"))
    assert again == dict.fromkeys(added, "same")
    listed = tallybook("unit", "list", "--json").json
    assert [unit["key"] for unit in listed] == ["GPU hours", "calls"]
    assert listed[1]["names"] == {"sv": {"one": "anrop", "other": "anrop"}}
