"""What holds of every price, whatever its figures."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.catalog.coupon import Coupon
from tallybook.domain.catalog.models.cells import ANY
from tallybook.domain.catalog.models.matrix import Matrix
from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.usage_need import Portion
from tallybook.domain.rating.coupons import Discountable, Stacking, apply_coupons
from tallybook.domain.rating.rate import rate_price, rate_prices, rate_usage
from tallybook.domain.rating.rerate import rerate

amounts = st.decimals(0, 1000, places=6)
percentages = st.decimals(0, 100, places=4)
quantities = st.decimals(0, 100_000, places=3)
sizes = st.decimals("0.001", 5000, places=3)


@st.composite
def tier_lists(draw: st.DrawFn, *fields: str) -> list[dict[str, Any]]:
    widths = draw(st.lists(sizes, max_size=4))
    ends = [*accumulate(widths), None]
    drawn = {name: percentages if name == "rate_pct" else amounts for name in fields}
    return [{"up_to": end} | {name: draw(each) for name, each in drawn.items()} for end in ends]


def rules_of(model: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[AnyRule]:
    whole = st.fixed_dictionaries({"model": st.just(model), **fields})
    return whole.map(lambda made: msgspec.convert(made, AnyRule))


TIERS = tier_lists("unit_amount", "flat_amount")
growing = st.one_of(
    rules_of("flat", amount=amounts),
    rules_of("per_unit", unit_amount=amounts),
    rules_of("graduated", tiers=TIERS),
    rules_of("package", package_size=sizes, package_amount=amounts, free_units=quantities),
    rules_of("overage", allowance=quantities, unit_amount=amounts, flat_amount=amounts),
    rules_of("graduated_percentage", tiers=tier_lists("rate_pct", "flat_amount")),
    rules_of("dynamic", multiplier=amounts),
    rules_of(
        "percentage",
        rate_pct=percentages,
        fixed_amount=amounts,
        free_amount=amounts,
    ),
)
others = st.one_of(
    rules_of("volume", tiers=TIERS), rules_of("stairstep", tiers=tier_lists("amount"))
)
rules = st.one_of(growing, others)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    low, high = sorted((draw(amounts), draw(amounts)))
    return Price(
        key="p",
        name="P",
        meter="m",
        rule=draw(rules),
        allowance=draw(st.one_of(st.just(Decimal(0)), quantities)),
        discount_pct=draw(st.one_of(st.just(Decimal(0)), percentages)),
        minimum=draw(st.one_of(st.none(), st.just(low))),
        maximum=draw(st.one_of(st.none(), st.just(high))),
    )


@given(prices(), st.decimals(-1000, 100_000, places=3))
def test_the_working_adds_up_to_the_amount(price: Price, quantity: Decimal) -> None:
    """Every step is quantity times unit amount, and the steps make the amount, exactly."""
    price.check()
    rated = rate_price(price, quantity)
    assert sum(step.amount for step in rated.working) == rated.amount
    assert all(step.quantity * step.unit_amount == step.amount for step in rated.working)
    assert rated.amount >= 0


@given(growing, quantities, quantities)
def test_more_usage_never_costs_less(rule: AnyRule, quantity: Decimal, more: Decimal) -> None:
    """True of every model but volume and stairstep, whose later tiers may be cheaper."""
    assert rate_price(rule, quantity + more).amount >= rate_price(rule, quantity).amount


@given(rules_of("graduated", tiers=TIERS), st.data())
def test_every_unit_is_in_one_tier(rule: AnyRule, data: st.DataObject) -> None:
    """Also at a boundary: the tiers' shares add up to the quantity, none is charged twice."""
    ends = [tier.up_to for tier in rule.tiers if tier.up_to is not None]  # type: ignore[union-attr]
    quantity = data.draw(st.one_of(quantities, st.sampled_from([*ends, Decimal(0)])))
    rated = rate_price(rule, quantity)
    shares = [step.quantity for step in rated.working if not step.code.endswith("flat")]
    assert sum(shares) == quantity


@given(prices(), quantities)
def test_rating_again_gives_the_same_bytes(price: Price, quantity: Decimal) -> None:
    """Also when the price has been written down and read back in between."""
    again = msgspec.json.decode(msgspec.json.encode(price), type=Price)
    assert again == price
    first, second = (msgspec.json.encode(rate_price(each, quantity)) for each in (price, again))
    assert first == second
    assert msgspec.json.encode(rate_prices([(price, quantity)])[0]) == first


@given(prices(), st.lists(quantities, min_size=1, max_size=6))
def test_deltas_add_up_to_the_last_total(price: Price, runs: list[Decimal]) -> None:
    """However often a period is billed on the way, it comes to what one bill would."""
    often = rerate(price, [[Portion(quantity)] for quantity in runs], scale=2)
    once = rerate(price, [[Portion(runs[-1])]], scale=2)
    assert sum(often) == sum(once)


values = st.sampled_from(["a", "b", "c", ANY])
cells = st.dictionaries(st.tuples(values, values, values), amounts, max_size=12)


@given(cells, st.permutations(range(4)), st.lists(st.sampled_from("abcd"), min_size=12))
def test_a_cell_found_by_hash_is_the_most_specific(
    cells: dict[tuple[str, ...], Decimal], order: list[int], picks: list[str]
) -> None:
    """Looked up by hash, as a scan over all cells would; whatever the order of the usage."""
    made: AnyRule = msgspec.convert(
        {
            "model": "matrix",
            "dimensions": ["x", "y", "z"],
            "cells": [{"values": key, "unit_amount": amount} for key, amount in cells.items()],
            "default_unit_amount": 0,
        },
        AnyRule,
    )
    assert isinstance(made, Matrix)
    wanted = tuple(picks[:3])
    fitting = [
        cell
        for cell in made.cells
        if all(mine in {ANY, value} for mine, value in zip(cell.values, wanted, strict=True))
    ]
    best = max(fitting, key=lambda cell: (_named(cell.values), cell.values), default=None)
    found = made.find(wanted)
    assert (found is None) == (best is None)
    if found is not None and best is not None:
        assert _named(found.values) == _named(best.values)
    price = Price(key="p", name="P", meter="m", rule=made)
    portions = [
        Portion(Decimal(place + 1), dict(zip("xyz", picks[place * 3 : place * 3 + 3], strict=True)))
        for place in range(4)
    ]
    shuffled = [portions[place] for place in order]
    assert rate_usage(price, portions).amount == rate_usage(price, shuffled).amount


def _named(values: tuple[str, ...]) -> tuple[int, list[bool]]:
    """How specific a cell is: the number of values named, then the earlier dimensions."""
    named = [value != ANY for value in values]
    return sum(named), named


@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=5),
    st.lists(
        st.one_of(
            st.integers(0, 20_000).map(lambda amount: Coupon(amount=Decimal(amount))),
            percentages.map(lambda rate: Coupon(rate_pct=rate)),
        ),
        max_size=4,
    ),
    st.sampled_from(Stacking),
)
def test_coupons_take_what_is_there_and_no_more(
    owed: list[int], coupons: list[Coupon], stacking: Stacking
) -> None:
    """What is left and what was taken add up for every charge, and nothing falls below zero."""
    charges = [Discountable(str(place), Decimal(amount)) for place, amount in enumerate(owed)]
    done = apply_coupons(charges, coupons, scale=0, stacking=stacking)
    assert all(amount >= 0 for amount in done.after.values())
    for charge in charges:
        assert done.after[charge.id] + done.taken[charge.id] == charge.amount
    assert done.discount == sum(done.taken.values())
