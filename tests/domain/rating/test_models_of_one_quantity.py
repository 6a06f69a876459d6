"""Models that need one quantity, at every boundary. Rules: docs/semantics/pricing.md."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tallybook.domain.catalog.price import AnyRule
from tallybook.domain.rating.rate import rate_price

TIERS = [
    {"up_to": "10", "unit_amount": "1.00"},
    {"up_to": "20", "unit_amount": "0.50", "flat_amount": "5.00"},
    {"unit_amount": "0.10"},
]
FLAT_TIERS = [{"up_to": "10", "flat_amount": "2"}, {"unit_amount": "1"}]
ENDED = [{"up_to": "10", "unit_amount": "1"}, {"up_to": "20", "unit_amount": "0.5"}]
BLOCKS = [{"up_to": "100", "unit_amount": "3", "block_size": "30"}, {"unit_amount": "0"}]
CAPPED = [{"unit_amount": "1", "flat_amount": "1", "cap": "3"}]


def rule(model: str, **fields: Any) -> AnyRule:
    made: AnyRule = msgspec.convert({"model": model, **fields}, AnyRule)
    made.check()
    return made


CASES = [
    ("flat", {"amount": "20"}, "0", "20", "a flat amount is owed without usage too"),
    ("flat", {"amount": "20"}, "7", "20", "and does not grow with it"),
    ("per_unit", {"unit_amount": "0.000001"}, "0", "0", "nothing of something"),
    ("per_unit", {"unit_amount": "0.000001"}, "3.5", "0.0000035", "part of a unit, all decimals"),
    ("graduated", {"tiers": TIERS}, "0", "0", "zero usage enters no tier"),
    ("graduated", {"tiers": TIERS}, "10", "10", "a boundary belongs to the tier below"),
    ("graduated", {"tiers": TIERS}, "10.5", "15.25", "entering a tier owes its flat amount"),
    ("graduated", {"tiers": TIERS}, "20", "20", "the second boundary, inclusive again"),
    ("graduated", {"tiers": TIERS}, "30", "21", "the last tier has no ceiling"),
    ("graduated", {"tiers": FLAT_TIERS}, "0", "0", "no tier, no flat amount"),
    (
        "graduated",
        {"tiers": FLAT_TIERS, "zero_quantity_charges_first_flat_fee": True},
        "0",
        "2",
        "unless the rule says so",
    ),
    ("graduated", {"tiers": ENDED, "beyond": "last_tier"}, "30", "20", "the last price goes on"),
    ("graduated", {"tiers": ENDED, "beyond": "free"}, "30", "15", "what is beyond costs nothing"),
    ("graduated", {"tiers": ENDED, "beyond": "free"}, "20", "15", "the end itself is inside"),
    ("graduated", {"tiers": BLOCKS}, "31", "6", "a started block in full"),
    ("graduated", {"tiers": BLOCKS}, "101", "12", "blocks are counted on the tier's own share"),
    ("graduated", {"tiers": CAPPED}, "1", "2", "below its cap"),
    ("graduated", {"tiers": CAPPED}, "5", "3", "the cap holds the flat amount too"),
    ("volume", {"tiers": TIERS}, "0", "0", "zero reaches no tier"),
    ("volume", {"tiers": TIERS}, "10", "10", "a boundary belongs to the tier below"),
    ("volume", {"tiers": TIERS}, "11", "10.5", "all units at the new price, and its flat amount"),
    ("volume", {"tiers": TIERS}, "21", "2.1", "more may cost less"),
    ("volume", {"tiers": ENDED, "beyond": "last_tier"}, "30", "15", "the last price for all"),
    ("volume", {"tiers": ENDED, "beyond": "free"}, "30", "10", "those beyond are free"),
    ("volume", {"tiers": [ENDED[0]], "beyond": "free"}, "30", "10", "with one tier too"),
    ("package", {"package_size": "100", "package_amount": "5"}, "0", "0", "no package started"),
    ("package", {"package_size": "100", "package_amount": "5"}, "0.1", "5", "one started"),
    ("package", {"package_size": "100", "package_amount": "5"}, "100", "5", "just full"),
    ("package", {"package_size": "100", "package_amount": "5"}, "100.000001", "10", "and over"),
    (
        "package",
        {"package_size": "0.3", "package_amount": "1"},
        "0.9",
        "3",
        "a size that divides without end is counted exactly",
    ),
    (
        "package",
        {"package_size": "100", "package_amount": "5", "free_units": "100"},
        "201",
        "10",
        "the first 100 are free, then a started one in full",
    ),
    (
        "package",
        {"package_size": "100", "package_amount": "5", "remainder": "down"},
        "199",
        "5",
        "only full packages are owed",
    ),
]

STAIRS = [{"up_to": "10", "amount": "5"}, {"up_to": "20", "amount": "8"}, {"amount": "9"}]
ENDED_STAIRS = {"tiers": STAIRS[:2], "overage_unit_amount": "0.5"}
INCLUDED = {"allowance": "100", "unit_amount": "0.5"}
PERCENT_TIERS = [
    {"up_to": "10", "rate_pct": "1", "flat_amount": "2"},
    {"rate_pct": "0.5", "flat_amount": "3"},
]
MORE_CASES = [
    ("stairstep", {"tiers": STAIRS}, "0", "0", "zero stands on no step"),
    (
        "stairstep",
        {"tiers": STAIRS, "zero_quantity_charges_first_flat_fee": True},
        "0",
        "5",
        "unless the rule says so",
    ),
    ("stairstep", {"tiers": STAIRS}, "10", "5", "the boundary belongs to the step below"),
    ("stairstep", {"tiers": STAIRS}, "10.1", "8", "that step's amount alone"),
    ("stairstep", {"tiers": STAIRS}, "1000", "9", "the last step is open"),
    ("stairstep", ENDED_STAIRS, "20", "8", "no overage yet"),
    ("stairstep", ENDED_STAIRS, "21", "8.5", "overage on top of the last step"),
    ("overage", INCLUDED, "0", "0", "nothing used of what is included"),
    ("overage", INCLUDED, "100", "0", "the allowance is inclusive"),
    ("overage", INCLUDED, "103", "1.5", "the rate for what is beyond"),
    ("overage", {**INCLUDED, "flat_amount": "10"}, "0", "10", "the promise is owed unused"),
    ("overage", {**INCLUDED, "flat_amount": "10"}, "103", "11.5", "and the rate beyond"),
    (
        "tiered_overage",
        {"tiers": ENDED, "overage_unit_amount": "2"},
        "20",
        "15",
        "the end belongs to the last tier",
    ),
    (
        "tiered_overage",
        {"tiers": ENDED, "overage_unit_amount": "2"},
        "21",
        "17",
        "beyond it the overage rate",
    ),
    ("graduated_percentage", {"tiers": PERCENT_TIERS}, "0", "0", "no tier entered"),
    ("graduated_percentage", {"tiers": PERCENT_TIERS}, "10", "2.1", "the boundary is inclusive"),
    ("graduated_percentage", {"tiers": PERCENT_TIERS}, "11", "5.105", "each part at its tier"),
    ("dynamic", {}, "12.345", "12.345", "passed on as it comes"),
    ("dynamic", {"multiplier": "1.2"}, "10", "12", "with a mark-up"),
]


@pytest.mark.parametrize(("model", "fields", "quantity", "amount", "why"), [*CASES, *MORE_CASES])
def test_amount(model: str, fields: dict[str, Any], quantity: str, amount: str, why: str) -> None:
    rated = rate_price(rule(model, **fields), Decimal(quantity))
    assert rated.amount == Decimal(amount), why
    assert rated.quantity == Decimal(quantity)
    assert sum(step.amount for step in rated.working) == rated.amount
    assert all(step.quantity * step.unit_amount == step.amount for step in rated.working)


def test_the_working_names_the_tiers() -> None:
    rated = rate_price(rule("graduated", tiers=TIERS), Decimal("20.5"))
    told = [(step.code, step.quantity, step.unit_amount) for step in rated.working]
    assert told == [
        ("first_tier", Decimal(10), Decimal("1.00")),
        ("next_tier", Decimal(10), Decimal("0.50")),
        ("tier_flat", Decimal(1), Decimal("5.00")),
        ("next_tier", Decimal("0.5"), Decimal("0.10")),
    ]


def test_an_amount_of_forty_digits_loses_none() -> None:
    quantity = Decimal("99999999999999999999999999.999999999999")
    rated = rate_price(rule("per_unit", unit_amount="0.000000000001"), quantity)
    assert str(rated.amount) == "99999999999999.999999999999999999999999"
