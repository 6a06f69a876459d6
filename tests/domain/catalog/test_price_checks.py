"""Definitions that make no price are refused with the path and the mend."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tallybook.domain.catalog.plan import PlanTerms, PlanVersion, publish
from tallybook.domain.kernel.errors import Invalid

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def terms(*prices: dict[str, Any], **fields: Any) -> PlanTerms:
    """A plan of these prices, each with a key and a name of its own where it has none."""
    full = [{"key": f"p{i}", "name": f"P{i}", **price} for i, price in enumerate(prices)]
    plan = {"key": "pro", "name": "Pro", "currency": "USD", "prices": full, **fields}
    return msgspec.convert(plan, PlanTerms)


def rule(model: str, **fields: Any) -> dict[str, Any]:
    return {"meter": "calls", "rule": {"model": model, **fields}}


def tiers(*up_to: str | None, **fields: Any) -> dict[str, Any]:
    steps = [{"up_to": end, "unit_amount": "1"} if end else {"unit_amount": "1"} for end in up_to]
    return rule("graduated", tiers=steps, **fields)


FLAT = {"model": "flat", "amount": "1"}
FEE = {"rule": {"model": "flat", "amount": "20"}}
REFUSED = [
    ([], {}, "prices", "price_count_out_of_range", "a plan charges for something"),
    ([FEE], {"key": "a b"}, "key", "malformed_key", "a key has no blank"),
    ([FEE], {"name": " "}, "name", "no_name", "it is printed"),
    ([FEE], {"currency": "usd"}, "currency", "unknown_currency", "capitals"),
    ([FEE], {"interval_count": 0}, "interval_count", "interval_count_out_of_range", "no length"),
    ([FEE, {**FEE, "key": "p0"}], {}, "prices/1/key", "price_key_taken", "keys name lines"),
    ([{**FEE, "name": ""}], {}, "prices/0/name", "no_name", "it is printed"),
    ([rule("flat", amount="-1")], {}, "prices/0/rule/amount", "negative_amount", "no gifts"),
    ([rule("flat", amount="NaN")], {}, "prices/0/rule/amount", "not_a_number", "no number"),
    (
        [rule("per_unit", unit_amount="0.0000000000001")],
        {},
        "prices/0/rule/unit_amount",
        "too_precise",
        "13 decimals",
    ),
    ([rule("graduated", tiers=[])], {}, "prices/0/rule/tiers", "no_tiers", "no price at all"),
    ([rule("filtered", filters=[])], {}, "prices/0/rule/filters", "no_filters", "nothing either"),
    (
        [
            rule(
                "filtered",
                filters=[
                    {"name": name, "match": {"model": ["a"]}, "rule": FLAT} for name in ("x", "y")
                ],
            )
        ],
        {},
        "prices/0/rule/filters/1/match",
        "overlapping_filters",
        "the second is never reached",
    ),
    (
        [rule("demand", bands=[{"name": name, "rule": FLAT} for name in ("all", "none")])],
        {},
        "prices/0/rule/bands/0/when",
        "band_never_reached",
        "the second is never reached",
    ),
    (
        [rule("outcome", unit_amount="1", confirmed="done", disputed="done")],
        {},
        "prices/0/rule/disputed",
        "same_word",
        "what is confirmed is not disputed",
    ),
    (
        [rule("outcome", unit_amount="1", outcome_id="status")],
        {},
        "prices/0/rule/status",
        "same_word",
        "two things in one dimension",
    ),
    (
        [rule("uplift", rate_pct="1", baseline=" ")],
        {},
        "prices/0/rule/baseline",
        "empty_word",
        "no arm is called so",
    ),
    ([tiers("10", "5", None)], {}, "prices/0/rule/tiers/1/up_to", "overlapping_tiers", "unsorted"),
    ([tiers("10", "10", None)], {}, "prices/0/rule/tiers/1/up_to", "overlapping_tiers", "empty"),
    ([tiers("0", None)], {}, "prices/0/rule/tiers/0/up_to", "overlapping_tiers", "empty first"),
    ([tiers(None, "10")], {}, "prices/0/rule/tiers/0/up_to", "open_tier_inside", "never reached"),
    ([tiers("10", "20")], {}, "prices/0/rule/tiers/1/up_to", "last_tier_ends", "and then?"),
    (
        [rule("volume", tiers=[{"unit_amount": "1", "block_size": "0"}])],
        {},
        "prices/0/rule/tiers/0/block_size",
        "not_positive",
        "blocks of nothing",
    ),
    (
        [rule("package", package_size="0", package_amount="1")],
        {},
        "prices/0/rule/package_size",
        "not_positive",
        "packages of nothing",
    ),
    (
        [{**FEE, "match": {"model": "x"}}],
        {},
        "prices/0/match",
        "match_without_meter",
        "a fee has no usage to narrow",
    ),
    (
        [{**FEE, "meter": "calls", "timing": "in_advance"}],
        {},
        "prices/0/timing",
        "usage_in_advance",
        "usage is known afterwards",
    ),
    (
        [{**FEE, "interval": "year"}],
        {},
        "prices/0/interval",
        "clock_in_arrears",
        "what follows a clock of its own is paid in advance",
    ),
    (
        [{**FEE, "interval_count": 2}],
        {},
        "prices/0/interval_count",
        "count_without_interval",
        "two of what",
    ),
    (
        [{**FEE, "timing": "in_advance", "interval": "year", "interval_count": 0}],
        {},
        "prices/0/interval_count",
        "interval_count_out_of_range",
        "a period has a length",
    ),
    ([{**FEE, "discount_pct": "101"}], {}, "prices/0/discount_pct", "discount_above_100", "pays"),
    (
        [{**FEE, "minimum": "5", "maximum": "4"}],
        {},
        "prices/0/minimum",
        "minimum_above_maximum",
        "both cannot be kept",
    ),
    (
        [{**FEE, "conversion": {"divide_by": "3"}}],
        {},
        "prices/0/conversion/divide_by",
        "endless_division",
        "a third has no last decimal",
    ),
    (
        [{**FEE, "conversion": {"divide_by": "3", "multiply_by": "2"}}],
        {},
        "prices/0/conversion",
        "conversion_factor",
        "one of the two",
    ),
]


@pytest.mark.parametrize(("prices", "fields", "field", "code", "why"), REFUSED)
def test_refused(
    prices: list[dict[str, Any]], fields: dict[str, Any], field: str, code: str, why: str
) -> None:
    with pytest.raises(Invalid) as refused:
        terms(*prices, **fields).check()
    assert (refused.value.field, refused.value.code) == (field, code), why
    assert refused.value.mend


@pytest.mark.parametrize(
    ("price", "why"),
    [
        (tiers("10", "20", beyond="free"), "an end that is meant"),
        (tiers(None), "one open tier"),
        ({**FEE, "conversion": {"divide_by": "1024"}}, "a quotient by 2s and 5s ends"),
        ({**FEE, "conversion": {"divide_by": "3", "rounding": "half_up"}}, "settled by rounding"),
        ({**FEE, "minimum": "4", "maximum": "4"}, "a minimum may be the maximum"),
        ({**FEE, "discount_pct": "100"}, "all of it"),
        ({**FEE, "timing": "in_advance", "interval": "year"}, "a yearly fee, billed monthly"),
    ],
)
def test_accepted(price: dict[str, Any], why: str) -> None:
    terms(price).check()
    assert why


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rule": {"model": "flat", "amount": "1", "unit": "x"}}, "a field no rule has"),
        ({"rule": {"model": "flatrate", "amount": "1"}}, "a model there is not"),
        ({"rule": {"amount": "1"}}, "no model"),
        ({**FEE, "meters": "calls"}, "a field no price has"),
    ],
)
def test_what_is_not_understood_is_not_accepted(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        terms(wrong)
    assert why


METERS = {"calls": ("model", "region")}


@pytest.mark.parametrize(
    ("price", "field", "why"),
    [
        ({**FEE, "meter": "other"}, "prices/0/meter", "no such meter"),
        (
            {**FEE, "meter": "calls", "match": {"model": "x", "tier": "y"}},
            "prices/0/match/tier",
            "the meter cannot split by it",
        ),
    ],
)
def test_meters_exist_and_have_the_dimensions(price: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        terms(price).check_meters(METERS)
    assert refused.value.field == field, why


def test_a_plan_that_says_the_same_is_no_new_version() -> None:
    first = publish(terms(FEE), None, organization_id="o", now=NOW)
    assert first.version == 1
    same = terms({"rule": {"model": "flat", "amount": "20.00"}})
    assert publish(same, first, organization_id="o", now=NOW) is first
    other = terms({"rule": {"model": "flat", "amount": "21"}})
    second = publish(other, first, organization_id="o", now=NOW)
    assert (second.version, second.prices) == (2, other.prices)
    assert second.id != first.id


def test_a_version_reads_back_as_it_was_written() -> None:
    version = publish(terms(tiers("10", None), FEE), None, organization_id="o", now=NOW)
    assert msgspec.json.decode(msgspec.json.encode(version), type=PlanVersion) == version
