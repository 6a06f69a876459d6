"""Conditions of bills: the tables and laws of docs/semantics/conditions.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import day
from tallybook.domain.catalog.coupon import CouponOffer
from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.spending import Per
from tallybook.domain.invoicing.conditions import ConditionLine, condition_lines
from tallybook.domain.invoicing.coupon_lines import PricedLine
from tallybook.domain.invoicing.footing import (
    EarlierLine,
    Footing,
    HeldCoupon,
    counted_over,
    counts_from,
)
from tallybook.domain.invoicing.invoice import LineKind
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import from_units, to_units
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
from tallybook.domain.subscriptions.timeline import FOREVER

MONTHLY = Cycle(
    interval=Interval.MONTH,
    alignment=Alignment.CALENDAR,
    anchor=day(1),
    timezone="UTC",
)
MINOR = st.integers(0, 50_000).map(lambda minor: from_units(minor, 2))
MONTHS = st.lists(MINOR, min_size=1, max_size=12)


def plan(**conditions: Any) -> PlanTerms:
    rule = {"model": "per_unit", "unit_amount": "1"}
    prices = [
        {"key": key, "name": key.title(), "meter": key, "rule": rule} for key in ("calls", "texts")
    ]
    terms = {"key": "pro", "name": "Pro", "currency": "EUR", "prices": prices, **conditions}
    made = msgspec.convert(terms, PlanTerms)
    made.check()
    return made


def promise(*amounts: str, **said: Any) -> dict[str, Any]:
    return {"key": "promise", "name": "Committed spend", "amounts": list(amounts), **said}


def limit(**said: Any) -> dict[str, Any]:
    return {"key": "limit", "name": "Limit", **said}


def month(number: int) -> Span:
    return Span(_first(number), _first(number + 1))


def _first(number: int) -> datetime:
    return day(number % 12 + 1, year=2026 + number // 12)


def played(
    terms: PlanTerms, months: Sequence[Sequence[Decimal]], *, ends: bool = False
) -> list[list[ConditionLine]]:
    """The lines of conditions of successive months, charged for calls and texts."""
    earlier: list[EarlierLine] = []
    bills = []
    for number, amounts in enumerate(months):
        span = month(number)
        priced = [
            PricedLine(price_key=key, name=key, service_starts=span.starts, amount=amount)
            for key, amount in zip(("calls", "texts"), amounts, strict=False)
        ]
        footing = Footing(
            plan=terms,
            cycle=MONTHLY,
            starts_at=day(1),
            ended=span,
            service_period=span,
            is_last=ends and number == len(months) - 1,
            charged=(Span(day(1), FOREVER),),
            earlier=tuple(earlier),
        )
        lines = list(condition_lines(priced, footing, digits=2))
        again = list(condition_lines(priced, footing, digits=2))
        assert msgspec.json.encode(lines) == msgspec.json.encode(again), "the same bytes"
        earlier += [
            EarlierLine(each.price_key, LineKind.PRICE, span.starts, each.amount) for each in priced
        ]
        earlier += [EarlierLine(each.key, each.kind, span.starts, amount(each)) for each in lines]
        bills.append(lines)
    return bills


def amount(line: ConditionLine) -> Decimal:
    """What a line is printed with; its steps add up to its exact amount, each by itself too."""
    assert sum((step.amount for step in line.rated.working), Decimal(0)) == line.rated.amount
    for step in line.rated.working:
        assert step.amount == step.quantity * step.unit_amount
    return from_units(to_units(line.rated.amount, 2), 2)


def owed(bills: Sequence[Sequence[ConditionLine]]) -> list[list[str]]:
    return [[f"{each.kind} {amount(each)}" for each in lines] for lines in bills]


@pytest.mark.parametrize(
    ("conditions", "months", "expected", "why"),
    [
        ({"commitments": [promise("100")]}, ["30"], [["true_up 70.00"]], "what is missing is owed"),
        ({"commitments": [promise("100")]}, ["130"], [[]], "what is beyond costs its price"),
        ({"commitments": [promise("100")]}, ["130", "80"], [[], ["true_up 20.00"]], "anew"),
        (
            {"commitments": [promise("100", overage_factor="1.5")]},
            ["130"],
            [["overage 15.00"]],
            "30 beyond, at half as much again",
        ),
        (
            {"commitments": [promise("100", "150")]},
            ["30", "30", "30"],
            [["true_up 70.00"], ["true_up 120.00"], ["true_up 120.00"]],
            "the last stage stays",
        ),
        (
            {"commitments": [promise("100", has_true_up=False, overage_factor="0.5")]},
            ["30", "130"],
            [[], ["overage -15.00"]],
            "only what is beyond is cheaper",
        ),
        (
            {"commitments": [promise("10", promise="quantity", prices=["calls"])]},
            ["4"],
            [["true_up 6.00"]],
            "ten units are worth ten at 1 each",
        ),
        ({"spend_limits": [limit(maximum="50")]}, ["30", "70"], [[], ["maximum -20.00"]], "a cap"),
        (
            {"spend_limits": [limit(minimum="50", maximum="60")]},
            ["30", "70", "55"],
            [["minimum 20.00"], ["maximum -10.00"], []],
            "both of one limit",
        ),
        (
            {"spend_limits": [limit(maximum="50")], "commitments": [promise("60")]},
            ["70"],
            [["maximum -20.00", "true_up 10.00"]],
            "the promise is of what is paid, after the maximum",
        ),
        (
            {"spend_limits": [limit(minimum="50")], "commitments": [promise("60")]},
            ["10"],
            [["minimum 40.00", "true_up 10.00"]],
            "what fills the minimum counts for the promise",
        ),
    ],
)
def test_conditions(
    conditions: dict[str, Any], months: list[str], expected: list[list[str]], why: str
) -> None:
    bills = played(plan(**conditions), [[Decimal(calls)] for calls in months])
    assert owed(bills) == expected, why


def test_a_year_that_ends_early_is_prorated_unless_it_is_not() -> None:
    """Six of twelve months: 181 of 365 days of 3,650 are 1,810."""
    months = [[Decimal(10)]] * 6
    by_days = played(plan(commitments=[promise("3650", per="year")]), months, ends=True)
    assert owed(by_days)[-1] == ["true_up 1750.00"]
    in_full = plan(commitments=[promise("3650", per="year", prorates=False)])
    assert owed(played(in_full, months, ends=True))[-1] == ["true_up 3590.00"]


@given(MONTHS, MINOR, st.sampled_from(["0", "0.5", "1", "1.25", "3"]))
def test_a_commitments_parts_add_up(months: list[Decimal], promised: Decimal, factor: str) -> None:
    """However it is cut into bills: use, what is beyond at its rate, and what is missing."""
    terms = plan(commitments=[promise(str(promised), per="total", overage_factor=factor)])
    used = sum(months, Decimal(0))
    beyond = max(used - promised, Decimal(0)) * (Decimal(factor) - 1)
    whole = max(used, promised) + from_units(to_units(beyond, 2), 2)
    assert _total(terms, months, ends=True) == whole


NESTED = st.sampled_from(
    [
        {
            "commitments": [promise("300", "400", overage_factor="1.5", prices=["calls"])],
            "spend_limits": [limit(minimum="200", maximum="900")],
        },
        {
            "commitments": [promise("1000", overage_factor="0.5", per="year")],
            "spend_limits": [limit(minimum="100", maximum="300", prices=["calls"])],
        },
        {
            "commitments": [promise("100", per="year")],
            "spend_limits": [limit(maximum="500", per="year"), limit(minimum="20") | {"key": "m"}],
        },
        {
            "commitments": [promise("800", per="total", overage_factor="2")],
            "spend_limits": [limit(minimum="500", maximum="700", per="year", prices=["calls"])],
        },
    ]
)


@given(NESTED, MONTHS, st.data())
def test_more_usage_never_costs_less(
    conditions: dict[str, Any], months: list[Decimal], data: st.DataObject
) -> None:
    terms = plan(**conditions)
    place = data.draw(st.integers(0, len(months) - 1))
    more = data.draw(MINOR)
    bigger = [*months]
    bigger[place] += more
    cent = Decimal("0.01")  # a line may be rounded the other way
    assert _total(terms, bigger, ends=True) >= _total(terms, months, ends=True) - cent


@given(MONTHS, MINOR)
def test_a_years_maximum_holds_after_each_bill(months: list[Decimal], most: Decimal) -> None:
    terms = plan(spend_limits=[limit(maximum=str(most), per="year")])
    for upto in range(1, len(months) + 1):
        assert _total(terms, months[:upto]) == min(sum(months[:upto], Decimal(0)), most)


@given(MONTHS, MINOR)
def test_what_is_given_back_later_fills_the_maximum_again(
    months: list[Decimal], most: Decimal
) -> None:
    """A bill may give back; what was above the maximum is then owed after all."""
    terms = plan(spend_limits=[limit(maximum=str(most), per="total")])
    back = [*months, -min(months[0], sum(months, Decimal(0)))]
    assert _total(terms, back) == min(sum(back, Decimal(0)), most)


@pytest.mark.parametrize(
    ("one", "other", "fits", "why"),
    [
        ({"prices": ["calls"]}, {"prices": ["texts"]}, True, "no price in both"),
        ({"prices": ["calls"]}, {}, True, "within all of them"),
        ({}, {}, True, "the same"),
        ({"prices": ["calls"]}, {"per": "year"}, True, "within, and sooner over"),
        ({"prices": ["calls"], "per": "year"}, {}, False, "a call would count against both"),
        ({"prices": ["calls"], "per": "total"}, {"per": "year"}, False, "longer, of fewer"),
    ],
)
def test_conditions_that_share_prices(
    one: dict[str, Any], other: dict[str, Any], fits: bool, why: str
) -> None:
    both = {"commitments": [promise("1", **one)], "spend_limits": [limit(minimum="1", **other)]}
    if fits:
        plan(**both)
        return
    with pytest.raises(Invalid) as refused:
        plan(**both)
    assert refused.value.code == "conditions_overlap", why
    assert refused.value.field == "spend_limits/0/prices"


def _total(terms: PlanTerms, months: Sequence[Decimal], *, ends: bool = False) -> Decimal:
    bills = played(terms, [[calls] for calls in months], ends=ends)
    return sum(months, Decimal(0)) + sum(
        (amount(line) for lines in bills for line in lines), Decimal(0)
    )


OFFERS = st.one_of(
    st.integers(0, 100).map(lambda pct: {"rate_pct": str(pct)}),
    MINOR.map(lambda off: {"amount": str(off), "currency": "EUR"}),
)


@given(
    st.lists(st.integers(-20_000, 50_000).map(lambda m: from_units(m, 2)), max_size=2),
    st.lists(OFFERS, max_size=4),
    MINOR,
)
def test_coupons_never_pay_the_customer(
    amounts: list[Decimal], offers: list[dict[str, str]], most: Decimal
) -> None:
    """Whatever is charged, given back and capped: a bill that is owed never falls below zero."""
    terms = plan(spend_limits=[limit(maximum=str(most))])
    held = tuple(
        HeldCoupon(f"red_{place}", msgspec.convert(named(place, offer), CouponOffer), Decimal(0), 0)
        for place, offer in enumerate(offers)
    )
    priced = [
        PricedLine(price_key=key, name=key, service_starts=day(1), amount=each)
        for key, each in zip(("calls", "texts"), amounts, strict=False)
    ]
    footing = Footing(
        plan=terms,
        cycle=MONTHLY,
        starts_at=day(1),
        ended=month(0),
        service_period=month(0),
        charged=(Span(day(1), FOREVER),),
        coupons=held,
    )
    lines = condition_lines(priced, footing, digits=2)
    before = sum(amounts, Decimal(0)) + sum(
        (amount(each) for each in lines if each.kind is not LineKind.COUPON), Decimal(0)
    )
    taken = -sum((amount(each) for each in lines if each.kind is LineKind.COUPON), Decimal(0))
    assert Decimal(0) <= taken <= max(before, Decimal(0))


def named(place: int, offer: dict[str, str]) -> dict[str, str]:
    return {"key": f"C{place}", "name": f"Coupon {place}", **offer}


def test_an_exclusive_coupon_acts_alone() -> None:
    offers = [
        {"rate_pct": "10"},
        {"rate_pct": "50", "is_exclusive": True},
    ]
    held = tuple(
        HeldCoupon(f"red_{n}", msgspec.convert(named(n, o), CouponOffer), Decimal(0), 0)  # type: ignore[arg-type]
        for n, o in enumerate(offers)
    )
    priced = [PricedLine(price_key="calls", name="c", service_starts=day(1), amount=Decimal(100))]
    footing = Footing(
        plan=plan(),
        cycle=MONTHLY,
        starts_at=day(1),
        ended=None,
        service_period=month(0),
        coupons=held,
    )
    [line] = condition_lines(priced, footing, digits=2)
    assert (line.key, amount(line)) == ("red_1", Decimal("-50.00"))


@pytest.mark.parametrize(
    ("others", "expected", "why"),
    [
        ([("calls", LineKind.PRICE, "10")], ["minimum 60.00"], "what another was billed counts"),
        ([("tax", LineKind.TRUE_UP, "50")], ["minimum 20.00"], "whatever it was billed for"),
        ([("limit", LineKind.MINIMUM, "70")], [], "another has met it already"),
        ([("calls", LineKind.PRICE, "300")], ["maximum -130.00"], "above the most together"),
    ],
)
def test_a_limit_on_all_that_a_customer_has(
    others: list[tuple[str, LineKind, str]], expected: list[str], why: str
) -> None:
    """30.00 of its own, at least 100.00 and at most 200.00 together with another subscription."""
    footing = Footing(
        plan=plan(spend_limits=[limit(minimum="100", maximum="200", whose="customer")]),
        cycle=MONTHLY,
        starts_at=day(1),
        ended=month(0),
        service_period=month(0),
        charged=(Span(day(1), FOREVER),),
        earlier=[
            EarlierLine(key, kind, day(1), Decimal(minor), of_another=True)
            for key, kind, minor in others
        ],
    )
    own = PricedLine(price_key="calls", name="c", service_starts=day(1), amount=Decimal(30))
    lines = condition_lines([own], footing, digits=2)
    assert owed([lines]) == [expected], why


@pytest.mark.parametrize(
    ("starts", "amount", "counts", "why"),
    [
        (day(1, 1), "31", day(1, 1), "of the period"),
        (day(1, 15), "16", day(1, 1), "what begins in the period is of it"),
        (day(2, 1), "28", day(2, 1), "the next period's fee, in advance"),
        (day(1, 20), "-12", day(1, 1), "given back of what was charged with the period"),
        (day(2, 10), "-18", day(1, 1), "given back of what was charged ahead"),
        (day(12, 1, year=2025), "5", day(12, 1, year=2025), "charged after all, of before"),
    ],
)
def test_the_time_that_a_line_belongs_to(
    starts: datetime, amount: str, counts: datetime, why: str
) -> None:
    """Of lines that the bill for January prints."""
    assert counts_from(starts, Decimal(amount), month(0)) == counts, why


TRIAL_ENDS = day(3, 2)


@pytest.mark.parametrize(
    ("per", "ended", "anchor", "first", "expected", "why"),
    [
        (Per.PERIOD, (day(1), day(1, 20)), day(1), day(1), (0, "19/31", True), "cut short"),
        (
            Per.PERIOD,
            (day(1, 20), day(2, 10)),
            day(1, 10),
            day(1),
            (1, "21/31", True),
            "what leads up to the new day",
        ),
        (
            Per.PERIOD,
            (day(1, 15), day(4)),
            day(1),
            day(1),
            (0, "79/31", True),
            "reaches back over a gap: 17 of 31 days and two months",
        ),
        (
            Per.PERIOD,
            (TRIAL_ENDS, day(4, 2)),
            TRIAL_ENDS,
            TRIAL_ENDS,
            (0, "1/1", True),
            "the first that is paid for, after two months of trial",
        ),
        (
            Per.YEAR,
            (day(12, 20), day(1, 20, year=2027)),
            day(1, 20),
            day(1),
            (0, "1/1", True),
            "the year in which it was begun, though the day of billing moved",
        ),
        (
            Per.YEAR,
            (day(1, 20, year=2027), day(2, 20, year=2027)),
            day(1, 20),
            day(1),
            (1, "1/1", False),
            "the second year",
        ),
    ],
)
def test_the_time_that_a_condition_counts(
    per: Per,
    ended: tuple[datetime, datetime],
    anchor: datetime,
    first: datetime,
    expected: tuple[int, str, bool],
    why: str,
) -> None:
    """Of a subscription from 1 January, first charged for at `first`, billed from `anchor` on."""
    cycle = msgspec.structs.replace(MONTHLY, alignment=Alignment.ANNIVERSARY, anchor=anchor)
    footing = Footing(
        plan=plan(),
        cycle=cycle,
        years=msgspec.structs.replace(cycle, anchor=first),
        starts_at=day(1),
        ended=Span(*ended),
        service_period=Span(*ended),
        charged=(Span(first, FOREVER),),
    )
    over = counted_over(footing, per, prorates=True)
    assert over is not None
    number, share, is_over = expected
    assert (over.number, str(over.share), over.is_over) == (number, share, is_over), why
