"""Models that need usage split: what they ask for, and what they make of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.usage_need import Portion, UsageNeed
from tallybook.domain.catalog.working import RatedLine
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.rating.rate import rate_price, rate_usage


def price(model: str, **fields: Any) -> Price:
    rule: AnyRule = msgspec.convert({"model": model, **fields}, AnyRule)
    made = Price(key="p", name="P", meter="m", rule=rule)
    made.check()
    return made


def rated(made: Price, *portions: tuple[str, dict[str, str]]) -> RatedLine:
    line = rate_usage(made, [Portion(Decimal(number), values) for number, values in portions])
    assert sum(step.amount for step in line.working) == line.amount
    assert all(step.quantity * step.unit_amount == step.amount for step in line.working)
    assert line.quantity == sum(Decimal(number) for number, _ in portions)
    return line


CELLS = [
    {"values": ["gpt", "input"], "unit_amount": "1"},
    {"values": ["gpt", "*"], "unit_amount": "2"},
    {"values": ["*", "input"], "unit_amount": "3"},
    {"values": ["claude", "*"], "unit_amount": "4"},
]
MATRIX = {"dimensions": ["model", "kind"], "cells": CELLS}


@pytest.mark.parametrize(
    ("values", "amount", "why"),
    [
        ({"model": "gpt", "kind": "input"}, "1", "both values named"),
        ({"model": "gpt", "kind": "output"}, "2", "a wildcard for the other"),
        ({"model": "llama", "kind": "input"}, "3", "a wildcard for the first"),
        ({"model": "claude", "kind": "input"}, "4", "of equals, the earlier dimension"),
        ({"model": "llama", "kind": "output"}, "9", "none fits: the default"),
        ({"model": "gpt"}, "2", "a value that is missing fits a wildcard only"),
        ({}, "9", "nothing is known of it"),
    ],
)
def test_matrix(values: dict[str, str], amount: str, why: str) -> None:
    made = price("matrix", **MATRIX, default_unit_amount="9")
    assert made.need == UsageNeed(group_by=("model", "kind"))
    assert rated(made, ("1", values)).amount == Decimal(amount), why


def test_a_cell_is_charged_once_for_all_that_fits_it() -> None:
    made = price("matrix", **MATRIX)
    line = rated(
        made,
        ("5", {"model": "gpt", "kind": "output"}),
        ("7", {"model": "gpt", "kind": "cached"}),
        ("2", {"model": "gpt", "kind": "input"}),
        ("4", {"model": "other", "kind": "output"}),
    )
    told = [(step.code, step.quantity, step.labels.get("part")) for step in line.working]
    assert told == [
        ("cell", Decimal(12), "gpt"),
        ("cell", Decimal(2), "gpt input"),
        ("not_priced", Decimal(4), "other output"),
    ]
    assert line.amount == 26


@pytest.mark.parametrize(
    ("fields", "amounts", "amount", "why"),
    [
        ({"rate_pct": "1"}, ["100", "50"], "1.5", "of the sum"),
        ({"rate_pct": "1", "fixed_amount": "0.3"}, ["100", "0"], "1.6", "a fee for each, of 0 too"),
        ({"rate_pct": "1", "free_events": 1}, ["100", "50"], "0.5", "the first is free"),
        ({"rate_pct": "1", "free_amount": "100"}, ["100", "50"], "0.5", "used up just there"),
        ({"rate_pct": "1", "free_amount": "120"}, ["100", "50"], "0.3", "free in part"),
        (
            {"rate_pct": "1", "free_amount": "120", "fixed_amount": "1"},
            ["100", "50"],
            "1.3",
            "free in part pays the fee in full",
        ),
        (
            {"rate_pct": "1", "free_amount": "1000", "free_events": 1},
            ["100", "50"],
            "0.5",
            "either limit ends the free part",
        ),
        (
            {"rate_pct": "1", "event_minimum": "0.6"},
            ["100", "50"],
            "1.6",
            "each is raised by itself",
        ),
        ({"rate_pct": "1", "event_maximum": "0.7"}, ["100", "50"], "1.2", "and lowered by itself"),
        (
            {"rate_pct": "1", "event_minimum": "9", "free_events": 2},
            ["100", "50"],
            "0",
            "no minimum for what is free",
        ),
    ],
)
def test_percentage(fields: dict[str, Any], amounts: list[str], amount: str, why: str) -> None:
    made = price("percentage", **fields)
    assert made.need.each_event is (len(fields) > 1)
    assert rated(made, *((number, {}) for number in amounts)).amount == Decimal(amount), why


FILTERS = [
    {"name": "eu", "match": {"region": ["eu", "uk"]}, "rule": {"model": "flat", "amount": "5"}},
    {
        "name": "eu card",
        "match": {"region": ["eu"], "kind": "*"},
        "rule": {"model": "per_unit", "unit_amount": "1"},
    },
    {
        "name": "us",
        "match": {"region": ["us"]},
        "group_by": ["kind"],
        "rule": {"model": "package", "package_size": "10", "package_amount": "2"},
    },
]


@pytest.mark.parametrize(
    ("portions", "amount", "why"),
    [
        ([("3", {"region": "uk", "kind": "card"})], "5", "one of the values named"),
        ([("3", {"region": "eu", "kind": "card"})], "3", "more dimensions win"),
        ([("3", {"region": "eu", "kind": "bank"})], "5", "a wildcard means the known values"),
        ([("0", {"region": "uk"})], "0", "a filter without usage is not rated"),
        (
            [("3", {"region": "us", "kind": "a"}), ("3", {"region": "us", "kind": "b"})],
            "4",
            "each group starts a package of its own",
        ),
        ([("3", {"region": "asia"})], "0", "what no filter takes is not charged"),
    ],
)
def test_filtered(portions: list[tuple[str, dict[str, str]]], amount: str, why: str) -> None:
    made = price("filtered", filters=FILTERS, known_values={"kind": ["card"]})
    assert made.need.group_by == ("region", "kind")
    assert rated(made, *portions).amount == Decimal(amount), why


def test_composite_rates_each_value_and_shows_what_has_no_rule() -> None:
    rule = {"model": "graduated", "tiers": [{"up_to": "10", "unit_amount": "1"}, {}]}
    made = price("composite", dimension="unit", components={"a": rule, "b": rule})
    line = rated(made, ("20", {"unit": "a"}), ("3", {"unit": "c"}), ("1", {"unit": "a"}))
    assert line.amount == 10
    assert [(step.code, step.labels["part"]) for step in line.working] == [
        ("first_tier", "a"),
        ("next_tier", "a"),
        ("not_priced", "c"),
    ]


@pytest.mark.parametrize(
    ("used", "amount", "why"),
    [
        ({"a": "10", "b": "5"}, "1", "limits belong to the size"),
        ({"a": "11"}, "2", "one over in one value"),
        ({"c": "1"}, "3", "a value a size does not name does not fit it"),
        ({"a": "0", "c": "0"}, "1", "what is not used fits anywhere"),
        ({}, "1", "no usage: the smallest"),
        ({"b": "1000"}, "3", "beyond every size: the last"),
    ],
)
def test_capacity(used: dict[str, str], amount: str, why: str) -> None:
    sizes = [
        {"amount": "1", "limits": {"a": "10", "b": "5"}},
        {"amount": "2", "limits": {"a": "20", "b": "5"}},
        {"amount": "3", "limits": {"a": None, "b": "50", "c": "1"}},
    ]
    made = price("capacity", dimension="unit", sizes=sizes)
    portions = [(number, {"unit": value}) for value, number in used.items()]
    assert rated(made, *portions).amount == Decimal(amount), why


def test_bucketed_tells_alike_windows_once() -> None:
    inner = {"model": "package", "package_size": "100", "package_amount": "5"}
    made = price("bucketed", inner=inner, window="hour")
    assert made.need == UsageNeed(window="hour")
    line = rated(made, *((number, {}) for number in ("50", "0", "150", "200")))
    assert line.amount == 25
    told = [(step.code, step.quantity, step.terms.get("units")) for step in line.working]
    assert told == [("each_hour", Decimal(3), None), ("packages", Decimal(5), Decimal(400))]


def test_one_quantity_of_which_nothing_is_known() -> None:
    made = price("matrix", **MATRIX, default_unit_amount="9")
    assert rate_price(made, Decimal(2)).amount == 18


@pytest.mark.parametrize(
    ("model", "fields", "field", "why"),
    [
        ("matrix", {"dimensions": [], "cells": []}, "rule/dimensions", "none"),
        ("matrix", {"dimensions": ["a", "a"], "cells": []}, "rule/dimensions", "twice"),
        ("matrix", {**MATRIX, "cells": [*CELLS, CELLS[0]]}, "rule/cells/4/values", "twice"),
        (
            "matrix",
            {**MATRIX, "cells": [{"values": ["a"], "unit_amount": "1"}]},
            "rule/cells/0/values",
            "too few",
        ),
        (
            "matrix",
            {**MATRIX, "cells": [{"values": ["a", "b"], "unit_amount": "-1"}]},
            "rule/cells/0/unit_amount",
            "negative",
        ),
        ("percentage", {"rate_pct": "-1"}, "rule/rate_pct", "negative"),
        ("percentage", {"rate_pct": "1", "free_events": -1}, "rule/free_events", "negative"),
        (
            "percentage",
            {"rate_pct": "1", "event_minimum": "2", "event_maximum": "1"},
            "rule/event_minimum",
            "above the maximum",
        ),
        ("composite", {"dimension": "a", "components": {}}, "rule/components", "none"),
        ("capacity", {"dimension": "a", "sizes": []}, "rule/sizes", "none"),
        (
            "capacity",
            {
                "dimension": "a",
                "sizes": [
                    {"amount": "1", "limits": {"u": None}},
                    {"amount": "2", "limits": {"u": "5"}},
                ],
            },
            "rule/sizes/1/limits",
            "never reached",
        ),
        ("filtered", {"filters": [FILTERS[0], FILTERS[0]]}, "rule/filters/1/name", "twice"),
        (
            "filtered",
            {"filters": [{**FILTERS[0], "match": {"region": []}}]},
            "rule/filters/0/match",
            "no value",
        ),
        (
            "bucketed",
            {"inner": {"model": "flat", "amount": "1"}, "window": "fortnight"},
            "rule/window",
            "usage is not split so",
        ),
        (
            "bucketed",
            {"inner": {"model": "flat", "amount": "-1"}},
            "rule/inner/amount",
            "the inner rule is checked",
        ),
        (
            "tiered_overage",
            {"tiers": [{"unit_amount": "1"}], "overage_unit_amount": "1"},
            "rule/tiers/0/up_to",
            "no room for overage",
        ),
        (
            "stairstep",
            {"tiers": [{"up_to": "5", "amount": "1"}]},
            "rule/tiers/0/up_to",
            "and then?",
        ),
    ],
)
def test_refused(model: str, fields: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        price(model, **fields)
    assert refused.value.field == field, why


def test_a_fee_has_no_usage_to_split() -> None:
    rule: AnyRule = msgspec.convert({"model": "matrix", **MATRIX}, AnyRule)
    with pytest.raises(Invalid) as refused:
        Price(key="p", name="P", rule=rule).check()
    assert refused.value.code == "rule_needs_meter"
