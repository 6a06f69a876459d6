"""Usage prices that are in force for a part of a period: docs/semantics/proration.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.catalog.in_force import InForce, Piece, Prorates, all_of
from tallybook.domain.catalog.models.price_list import PriceList
from tallybook.domain.catalog.price import AnyRule, Price
from tallybook.domain.catalog.usage_need import Circumstances, Portion
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.rating.in_force_wording import in_force_step
from tallybook.domain.rating.rate import rate_price, rate_usage
from tallybook.domain.rating.wording import explain

APRIL = Span(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))


def days(first: int, until: int, prorates: str = "all") -> InForce:
    """In force in April from midnight of one day to that of another."""
    starts, ends = (APRIL.starts + timedelta(days=number - 1) for number in (first, until))
    return InForce((Piece(Span(starts, ends), APRIL),), "UTC", Prorates(prorates))


def price(model: str, *, prorates: str = "all", **fields: Any) -> Price:
    is_own = model != "overage"
    names = ("allowance", "minimum", "maximum") if is_own else ()
    own = {name: fields.pop(name) for name in names if name in fields}
    said = {"key": "p", "name": "P", "meter": "m", "prorates": prorates, **own}
    return msgspec.convert({**said, "rule": {"model": model, **fields}}, Price)


TIERS = [{"up_to": "100", "unit_amount": "1", "flat_amount": "10"}, {"unit_amount": "0.5"}]
FLAT_TIERS = [{"up_to": "100", "amount": "30"}, {"amount": "60"}]
PERCENT = [{"up_to": "300", "rate_pct": "10", "flat_amount": "6"}, {"rate_pct": "5"}]


@pytest.mark.parametrize(
    ("said", "quantity", "units", "all_", "why"),
    [
        ({"model": "per_unit", "unit_amount": "1", "allowance": "60"}, 50, "20", "20", "30 free"),
        ({"model": "per_unit", "unit_amount": "1", "minimum": "60"}, 10, "60", "30", "half of 60"),
        ({"model": "per_unit", "unit_amount": "1", "maximum": "8"}, 10, "8", "4", "half of 8"),
        (
            {"model": "graduated", "tiers": TIERS},
            60,
            "65",
            "60",
            "50 at 1, 10 at 0.5, flat 10 or 5",
        ),
        ({"model": "volume", "tiers": TIERS}, 51, "25.5", "25.5", "51 is beyond 50"),
        ({"model": "volume", "tiers": TIERS}, 50, "60", "55", "exactly 50 is in the first"),
        ({"model": "stairstep", "tiers": FLAT_TIERS}, 50, "30", "15", "the step ends at 50"),
        ({"model": "stairstep", "tiers": FLAT_TIERS}, 51, "60", "30", "beyond it"),
        (
            {"model": "overage", "allowance": "100", "unit_amount": "2", "flat_amount": "40"},
            60,
            "60",
            "40",
            "50 for 40 or 20, 10 at 2",
        ),
        (
            {"model": "package", "package_size": "10", "package_amount": "3", "free_units": "20"},
            31,
            "9",
            "9",
            "10 free, 21 in three packages, whose size stays",
        ),
        ({"model": "graduated_percentage", "tiers": PERCENT}, 200, "23.5", "20.5", "150 and 50"),
        ({"model": "flat", "amount": "9"}, 5, "9", "4.5", "an amount that is for a period"),
    ],
)
def test_half_a_period(
    said: dict[str, Any], quantity: int, units: str, all_: str, why: str
) -> None:
    """What 15 of 30 days come to, with units alone shrunk and with amounts too."""
    for prorates, amount in (("units", units), ("all", all_)):
        shrunk = price(**said).prorated(days(1, 16, prorates))
        assert rate_price(shrunk, Decimal(quantity)).amount == Decimal(amount), (prorates, why)


@pytest.mark.parametrize(
    ("first", "until", "units", "why"),
    [
        (1, 31, "1000", "all of it"),
        (1, 16, "500", "15 of 30"),
        (16, 31, "500", "15 of 30"),
        (1, 2, "33.333333333333", "a thirtieth, to 12 decimals"),
        (2, 3, "33.333333333334", "what comes to its end less what came to its start"),
        (7, 7, "0", "no day"),
    ],
)
def test_included_units_of_days_of_april(first: int, until: int, units: str, why: str) -> None:
    assert days(first, until).units(Decimal(1000)) == Decimal(units), why


def test_by_second_the_hours_of_a_day_count() -> None:
    """Who has it for six hours of a day of April has as much of a month's units."""
    hours = Span(APRIL.starts + timedelta(hours=6), APRIL.starts + timedelta(hours=12))
    by_time = InForce((Piece(hours, APRIL),), "UTC", by_time=True)
    assert by_time.units(Decimal(1200)) == 10
    assert (by_time.share.numerator, by_time.share.denominator) == (21_600, 2_592_000)


def test_a_price_in_force_for_no_day_includes_nothing() -> None:
    """Begun and left within a day: no fee is charged for it, and nothing is included."""
    nothing = price("graduated", tiers=TIERS, allowance="5").prorated(days(7, 7))
    assert rate_price(nothing, Decimal(4)).amount == 2, "all of it is beyond the tier that ended"


def test_transactions_are_whole() -> None:
    shrunk = price("percentage", rate_pct="1", free_events=5, free_amount="100").prorated(
        days(1, 16)
    )
    assert (shrunk.rule.free_events, shrunk.rule.free_amount) == (3, 50)  # type: ignore[union-attr]
    rest = price("percentage", rate_pct="1", free_events=5).prorated(days(16, 31))
    assert rest.rule.free_events == 2, "the two halves have five"  # type: ignore[union-attr]


def test_each_entry_of_a_price_list_has_the_bounds_of_its_own_days() -> None:
    """10 April is the first day of the second entry: 9 and 21 of 30 days."""
    tiers = [{"up_to": "300", "unit_amount": "1"}, {"unit_amount": "0"}]
    rule = {"model": "graduated", "tiers": tiers}
    entries = [{"rule": rule}, {"rule": rule, "starts_on": "2026-04-10"}]
    listed = price("price_list", entries=entries).prorated(all_of(APRIL, "UTC", Prorates.ALL))
    assert isinstance(listed.rule, PriceList)
    used = [Portion(Decimal(500), {}, APRIL.starts + timedelta(days=at)) for at in (8, 9)]
    rated = rate_usage(listed, used, Circumstances(period=APRIL))
    assert rated.amount == 90 + 210


@pytest.mark.parametrize(
    ("said", "field", "code", "why"),
    [
        ({"meter": None, "rule": {"model": "flat", "amount": "1"}}, "prorates", "fee_prorates", ""),
        (
            {"meter": "m", "rule": {"model": "per_unit", "unit_amount": "1"}},
            "prorates",
            "nothing_to_prorate",
            "a rate never shrinks",
        ),
        (
            {"meter": "m", "rule": {"model": "flat", "amount": "1"}, "prorates": "units"},
            "prorates",
            "nothing_to_prorate",
            "only amounts are for a period",
        ),
    ],
)
def test_prorating_nothing_is_refused(
    said: dict[str, Any], field: str, code: str, why: str
) -> None:
    made = msgspec.convert({"key": "p", "name": "P", "prorates": "all", **said}, Price)
    with pytest.raises(Invalid) as refused:
        made.check()
    assert (refused.value.code, refused.value.field) == (code, field), why
    assert refused.value.mend


@pytest.mark.parametrize("locale", ["en", "sv", "de"])
def test_the_share_is_told(locale: str) -> None:
    step = in_force_step(days(1, 18))
    told = explain(step, locale, str, str)
    assert "17" in told
    assert "30" in told


cuts = st.lists(st.integers(2, 30), max_size=5, unique=True).map(
    lambda inner: [1, *sorted(inner), 31]
)
amounts = st.decimals(0, 1000, places=4)
growing = st.one_of(
    st.fixed_dictionaries(
        {
            "model": st.just("graduated"),
            "tiers": st.lists(st.decimals("0.01", 500, places=2), min_size=1, max_size=4).map(
                lambda widths: [
                    *(
                        {"up_to": sum(widths[: n + 1]), "unit_amount": n + 1}
                        for n in range(len(widths))
                    ),
                    {"unit_amount": "0.25"},
                ]
            ),
        }
    ),
    st.fixed_dictionaries(
        {"model": st.just("overage"), "allowance": amounts, "unit_amount": amounts}
        | {"flat_amount": amounts}
    ),
    st.fixed_dictionaries({"model": st.just("per_unit"), "unit_amount": amounts}),
)


@given(cuts, st.decimals(0, 10**6, places=6))
def test_the_parts_of_a_period_have_its_whole_allowance(edges: list[int], units: Decimal) -> None:
    """However a period is cut, in units and in whole transactions."""
    parts = [days(*pair) for pair in pairwise(edges)]
    with exactly():
        assert sum(part.units(units) for part in parts) == units
    assert sum(part.whole_units(7) for part in parts) == 7


@given(growing, amounts, amounts, st.integers(2, 29), st.integers(1, 10**6))
def test_usage_spread_as_the_time_costs_what_the_whole_period_does(
    rule: dict[str, Any], allowance: Decimal, minimum: Decimal, cut: int, each_day: int
) -> None:
    """Two parts of a period with everything prorated come to the period, where each day has the
    same usage; but for what 12 decimals of the bounds leave."""
    whole = Price(
        key="p",
        name="P",
        meter="m",
        rule=msgspec.convert(rule, AnyRule),
        allowance=allowance,
        minimum=minimum,
        prorates=Prorates.ALL,
    )
    once = rate_price(whole, Decimal(30 * each_day)).amount
    parts = [
        rate_price(whole.prorated(days(first, until)), Decimal((until - first) * each_day)).amount
        for first, until in ((1, cut), (cut, 31))
    ]
    with exactly():
        assert abs(sum(parts) - once) < Decimal("1e-7")
