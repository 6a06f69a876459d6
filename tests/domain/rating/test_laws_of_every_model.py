"""What holds of every pricing model there is, with every part it can be made of.

Definitions are drawn at large; those that `check` refuses are no prices and are passed over.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tallybook.domain.catalog.in_force import InForce, Piece, Prorates
from tallybook.domain.catalog.models.quantity_rule import QuantityRule
from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.usage_need import Circumstances, Portion
from tallybook.domain.kernel.decimals import exactly, plain
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.rating.figures import Writing
from tallybook.domain.rating.rate import rate_usage
from tallybook.domain.rating.wording import explain_working

APRIL = Span(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
AROUND = Circumstances(timezone="Europe/Stockholm", period=APRIL)

TEN_DAYS = InForce(
    (Piece(Span(APRIL.starts, APRIL.starts + timedelta(days=10)), APRIL),), "UTC", Prorates.ALL
)

Strategy = st.SearchStrategy[Any]
amounts = st.sampled_from(["0", "0.0005", "1", "2.5", "10"])
sizes = st.sampled_from(["1", "3", "7.5", "100"])
maybe = st.one_of(st.none(), sizes)
words = st.sampled_from(["a", "b", "*"])
dates = st.sampled_from([None, "2026-04-10", "2026-04-20"])


@st.composite
def made(draw: st.DrawFn, model: str, fields: dict[str, Strategy]) -> dict[str, Any]:
    """A definition with these fields, those left out that are drawn as nothing."""
    drawn = {name: draw(strategy) for name, strategy in fields.items()}
    kept = {name: value for name, value in drawn.items() if value is not None}
    return {"model": model, **kept} if model else kept


@st.composite
def tiers(draw: st.DrawFn, /, **fields: Strategy) -> list[dict[str, Any]]:
    ends = sorted(draw(st.sets(st.integers(1, 50), max_size=3)))
    bounds = [*map(str, ends), *([None] if not ends or draw(st.booleans()) else [])]
    found = [draw(made("", fields)) for _ in bounds]
    return [
        each if end is None else each | {"up_to": end}
        for each, end in zip(found, bounds, strict=True)
    ]


PLAIN = tiers(unit_amount=amounts, flat_amount=amounts, block_size=maybe, cap=maybe)
AT_ZERO = {"zero_quantity_charges_first_flat_fee": st.booleans()}
BEYOND = {"beyond": st.sampled_from([None, "last_tier"])}
OF_ONE: dict[str, dict[str, Strategy]] = {
    "flat": {"amount": amounts},
    "per_unit": {"unit_amount": amounts},
    "graduated": {"tiers": PLAIN} | AT_ZERO | BEYOND,
    "volume": {"tiers": PLAIN} | AT_ZERO | BEYOND,
    "package": {
        "package_size": sizes,
        "package_amount": amounts,
        "free_units": amounts,
        "remainder": st.sampled_from(["up", "down"]),
    },
    "stairstep": {"tiers": tiers(amount=amounts), "overage_unit_amount": maybe} | AT_ZERO,
    "overage": {"allowance": sizes, "unit_amount": amounts, "flat_amount": amounts},
    "tiered_overage": {"tiers": PLAIN, "overage_unit_amount": amounts} | AT_ZERO,
    "graduated_percentage": {"tiers": tiers(rate_pct=amounts, flat_amount=amounts)}
    | AT_ZERO
    | BEYOND,
    "dynamic": {"multiplier": amounts},
}
"""The models of one quantity."""

of_one = st.one_of(*(made(model, fields) for model, fields in OF_ONE.items()))
cells = st.lists(
    st.fixed_dictionaries({"values": st.tuples(words, words), "unit_amount": amounts}),
    min_size=1,
    max_size=4,
    unique_by=lambda cell: cell["values"],
)
when = made(
    "",
    {
        "weekdays": st.sampled_from([None, [1, 2, 3, 4, 5], [6, 7]]),
        "from_time": st.sampled_from([None, "07:00", "22:00"]),
        "until_time": st.sampled_from([None, "19:30", "06:00"]),
        "months": st.sampled_from([None, [4], [5, 6]]),
        "holidays": st.sampled_from([None, None, True, False]),
    },
)
bands = st.tuples(
    st.fixed_dictionaries({"name": st.just("peak"), "rule": of_one, "when": st.lists(when)}),
    st.fixed_dictionaries({"name": st.just("rest"), "rule": of_one}),
)
banded: dict[str, Strategy] = {
    "bands": bands,
    "holidays": st.sampled_from([None, ["2026-04-03"]]),
    "timezone": st.sampled_from([None, "Australia/Sydney"]),
}
matrix = made(
    "matrix",
    {
        "dimensions": st.just(["x", "y"]),
        "cells": cells,
        "default_unit_amount": st.none() | amounts,
    },
)
filters = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["one", "two"]),
            "match": st.dictionaries(
                st.sampled_from("xy"), st.sampled_from([["a"], ["a", "b"], "*"])
            ),
            "rule": of_one,
            "group_by": st.sampled_from([[], ["y"]]),
        }
    ),
    max_size=2,
)
OF_SEVERAL: dict[str, dict[str, Strategy]] = {
    "percentage": {
        "rate_pct": amounts,
        "fixed_amount": amounts,
        "free_events": st.sampled_from([None, 1, 3]),
        "free_amount": maybe,
        "event_minimum": st.sampled_from([None, "1"]),
        "event_maximum": st.sampled_from([None, "3"]),
    },
    "matrix": {
        "dimensions": st.just(["x", "y"]),
        "cells": cells,
        "default_unit_amount": st.none() | amounts,
    },
    "filtered": {"filters": filters, "default": st.none() | of_one},
    "composite": {
        "dimension": st.just("x"),
        "components": st.dictionaries(st.sampled_from("abc"), of_one, max_size=3),
    },
    "capacity": {
        "dimension": st.just("x"),
        "sizes": st.tuples(
            st.fixed_dictionaries({"amount": amounts, "limits": st.just({"a": "5", "b": "9"})}),
            st.fixed_dictionaries({"amount": amounts, "limits": st.just({"a": None, "b": None})}),
        ),
    },
    "bucketed": {"inner": of_one, "window": st.sampled_from(["hour", "day", "week"])},
    "time_of_use": banded,
    "demand": banded
    | {
        "window_minutes": st.sampled_from([None, 15, 30]),
        "multiplier": st.sampled_from([None, "4"]),
        "unit": st.sampled_from([None, "kW"]),
    },
    "outcome": {"unit_amount": amounts, "dispute_days": st.sampled_from([0, 10])},
    "uplift": {"rate_pct": amounts, "baseline_amount": amounts, "dimension": st.just("x")},
    "rate_card": {
        "dimensions": st.just(["x", "y"]),
        "cards": st.lists(made("", {"cells": cells, "starts_on": dates}), min_size=1, max_size=2),
        "credit_amount": amounts,
    },
    "price_list": {
        "entries": st.lists(
            made("", {"rule": of_one | matrix, "starts_on": dates}), min_size=1, max_size=2
        ),
        "price_of": st.sampled_from(["usage", "period_start"]),
    },
}
"""The models that need usage split."""

EVERY = OF_ONE | OF_SEVERAL


@st.composite
def portions(draw: st.DrawFn) -> list[Portion]:
    """Usage with every way of splitting that a price may ask for, in order of time."""
    hours = sorted(draw(st.lists(st.integers(0, 719), max_size=5)))
    choose = st.sampled_from
    return [
        Portion(
            Decimal(draw(choose(["0", "1", "9", "55.5", "1000"]))),
            {
                "x": draw(choose(["a", "b", "c", "measured", "baseline", ""])),
                "y": draw(choose(["a", "b", ""])),
                "outcome_id": draw(choose(["o1", "o2"])),
                "status": draw(choose(["confirmed", "disputed", "open"])),
            },
            APRIL.starts + timedelta(hours=hour),
        )
        for hour in hours
    ]


def price_of(rule: dict[str, Any], adjustments: dict[str, Any]) -> Price:
    given_ = {"key": "p", "name": "P", "meter": "m", "rule": rule, **adjustments}
    price = msgspec.convert(given_, Price)
    try:
        price.check()
    except Invalid:
        assume(False)
    return price


adjusted = made(
    "",
    {
        "allowance": st.none() | sizes,
        "discount_pct": st.sampled_from([None, "12.5"]),
        "minimum": st.sampled_from([None, "2"]),
        "maximum": st.sampled_from([None, "50"]),
        "conversion": st.sampled_from([None, {"divide_by": "8", "rounding": "ceiling"}]),
    },
)


def test_every_model_is_drawn() -> None:
    models = {each.__struct_config__.tag for each in get_args(AnyRule)}
    assert models == set(EVERY)
    assert {each.__struct_config__.tag for each in get_args(QuantityRule)} == set(OF_ONE)


@pytest.mark.parametrize("model", EVERY)
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_a_working_adds_up_and_can_be_told(model: str, data: st.DataObject) -> None:
    """Whatever is accepted is rated: exact steps that make the amount, a sentence for each.

    Also for a part of a period.
    """
    price = price_of(data.draw(made(model, EVERY[model])), data.draw(adjusted))
    used = data.draw(portions())
    if data.draw(st.booleans()):
        with exactly():
            price = price.prorated(TEN_DAYS)
    rated = rate_usage(price, used, AROUND)
    assert rated.working
    assert sum((step.amount for step in rated.working), Decimal(0)) == rated.amount
    assert all(step.quantity * step.unit_amount == step.amount for step in rated.working)
    again = msgspec.json.decode(msgspec.json.encode(price), type=Price)
    assert msgspec.json.encode(rate_usage(again, used, AROUND)) == msgspec.json.encode(rated)
    for language in ("en", "sv", "de"):
        told = explain_working(rated.working, Writing(language, plain, plain), unit="call")
        assert len(told) == len(rated.working)
        assert all(sentence and "{" not in sentence for sentence in told)
