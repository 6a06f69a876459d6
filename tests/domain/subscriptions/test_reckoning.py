"""Fees through changes: every second of every price once. Rules: docs/semantics/proration.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import Alignment, Cycle, periods_between
from tallybook.domain.subscriptions.changes import (
    AddQuantity,
    AnyWhat,
    Change,
    EndContract,
    EndTrial,
    Pause,
    Proration,
    Reactivate,
    Resume,
    SetQuantity,
    ToPlan,
    Undo,
)
from tallybook.domain.subscriptions.proration import Counting
from tallybook.domain.subscriptions.reckoning import (
    Basis,
    Part,
    Reckoned,
    Side,
    advance_until,
    arrears_until,
    reckon,
)
from tallybook.domain.subscriptions.timeline import Terms, billed_timeline, terms_at

Fee = tuple[str, Decimal]
AMOUNTS = {"basic": 100, "pro": 200, "max": 370}
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: int, hour: int = 0) -> datetime:
    """A day of January 2026, or of the months after it."""
    return JANUARY + timedelta(days=number - 1, hours=hour)


def monthly(anchor: datetime = JANUARY, zone: str = "UTC", interval: str = "month") -> Cycle:
    return Cycle(
        interval=Interval(interval),
        alignment=Alignment.ANNIVERSARY,
        anchor=anchor,
        timezone=zone,
    )


def basis(counting: Counting = Counting.BY_DAY, cycle: Cycle | None = None) -> Basis:
    return Basis(
        starts_at=JANUARY,
        terms=Terms(plan_version_id="basic", cycle=cycle or monthly()),
        counting=counting,
    )


def fee(terms: Terms) -> Fee | None:
    """The seats' fee: an amount by plan, times the quantity."""
    return terms.plan_version_id, terms.quantity_of("seats")


def changes(*said: tuple[datetime, AnyWhat] | tuple[datetime, AnyWhat, Proration]) -> list[Change]:
    return [
        Change(
            number=number,
            effective_at=fact[0],
            recorded_at=fact[0],
            what=fact[1],
            proration=fact[2] if len(fact) == 3 else Proration.PRORATED,
        )
        for number, fact in enumerate(said, start=1)
    ]


def amount(parts: Sequence[Part[Fee]]) -> Fraction:
    """What the parts come to, exactly."""
    total = Fraction(0)
    for part in parts:
        plan, quantity = part.fee
        sign = 1 if part.side is Side.CHARGE else -1
        share = Fraction(part.share.numerator, part.share.denominator)
        total += sign * share * Fraction(quantity) * AMOUNTS[plan]
    return total


def shown(parts: Sequence[Part[Fee]]) -> list[str]:
    return [
        f"{'-' if part.side is Side.CREDIT else ''}{part.fee[1]} {part.fee[0]} {part.share}"
        for part in parts
    ]


TO_PRO = ToPlan("pro")
MORE = AddQuantity("seats", Decimal(3))
FEBRUARY, MARCH = day(32), day(60)


@pytest.mark.parametrize(
    ("facts", "expected", "why"),
    [
        ([], ["1 basic 1/1"], "nothing changed: the whole fee of February"),
        ([(day(20), TO_PRO)], ["-1 basic 12/31", "1 pro 12/31", "1 pro 1/1"], "an upgrade"),
        ([(day(20, 15), TO_PRO)], ["-1 basic 12/31", "1 pro 12/31", "1 pro 1/1"], "its whole day"),
        ([(day(20), TO_PRO, Proration.NONE)], ["1 pro 1/1"], "not before the next period"),
        (
            [(day(20), TO_PRO, Proration.FULL)],
            ["-1 basic 1/1", "1 pro 1/1", "1 pro 1/1"],
            "as if from the period's start",
        ),
        ([(FEBRUARY, TO_PRO)], ["1 pro 1/1"], "at the boundary: nothing to prorate"),
        (
            [(day(11), SetQuantity("seats", Decimal(5)))],
            ["-1 basic 21/31", "5 basic 21/31", "5 basic 1/1"],
            "seats by the day",
        ),
        ([(day(11), Pause())], ["-1 basic 21/31"], "paused: given back, nothing new"),
        (
            [(day(11), Pause()), (day(21), Resume())],
            ["-1 basic 10/31", "1 basic 1/1"],
            "ten days paused, then as before",
        ),
        ([(day(11), EndContract())], ["-1 basic 21/31"], "ended now, the rest given back"),
        ([(day(11), EndContract(), Proration.NONE)], [], "ended now, nothing given back"),
        ([(day(11), EndContract(), Proration.FULL)], ["-1 basic 1/1"], "all given back"),
        ([(day(11), TO_PRO), (day(12), Undo(1))], ["1 basic 1/1"], "a mistake, undone"),
        (
            [(day(11), TO_PRO), (day(12), Undo(1)), (day(12), Undo(2))],
            ["-1 basic 21/31", "1 pro 21/31", "1 pro 1/1"],
            "the undoing undone",
        ),
        (
            [(day(21), ToPlan("max")), (day(11), TO_PRO)],
            ["-1 basic 21/31", "1 pro 10/31", "1 max 11/31", "1 max 1/1"],
            "recorded later, dated back: it holds until the one that follows it in time",
        ),
        (
            [(day(11), TO_PRO), (day(11), ToPlan("max"))],
            ["-1 basic 21/31", "1 max 21/31", "1 max 1/1"],
            "from the same instant: the last word",
        ),
        (
            [(day(21), AddQuantity("seats", Decimal(2))), (day(11), MORE)],
            ["-1 basic 21/31", "4 basic 10/31", "6 basic 11/31", "6 basic 1/1"],
            "additions add up in any order",
        ),
        (
            [(day(11), EndContract()), (day(21), Reactivate())],
            ["-1 basic 10/31", "1 basic 1/1"],
            "reactivated: the time between is not charged",
        ),
        (
            [(day(-30), TO_PRO)],
            ["-1 basic 1/1", "1 pro 1/1", "1 pro 1/1"],
            "dated before the start: from the start",
        ),
    ],
)
def test_the_bill_for_february_after_january_was_billed(
    facts: list[tuple[datetime, AnyWhat]], expected: list[str], why: str
) -> None:
    """January's fee was billed in advance; then this happened; then February begins."""
    parts = reckon(basis(), changes(*facts), Reckoned(FEBRUARY), until=MARCH, fee=fee)
    assert shown(parts) == expected, why


def test_a_new_cycle_cuts_the_period() -> None:
    """From monthly to yearly on 11 January: the rest of the month goes back, a year begins."""
    yearly = monthly(day(11), interval="year")
    facts = changes((day(11), ToPlan("pro", cycle=yearly)))
    parts = reckon(basis(), facts, Reckoned(FEBRUARY), until=day(11 + 365), fee=fee)
    assert shown(parts) == ["-1 basic 21/31", "1 pro 1/1"]


def test_a_trial_costs_nothing_and_the_first_paid_period_is_whole() -> None:
    on_trial = Basis(
        starts_at=JANUARY,
        terms=Terms(plan_version_id="basic", cycle=monthly(), is_trial=True),
    )
    facts = changes((day(15), EndTrial(cycle=monthly(day(15)))))
    assert reckon(on_trial, facts, Reckoned(JANUARY), until=day(15), fee=fee) == ()
    parts = reckon(on_trial, facts, Reckoned(day(15), 1), until=day(46), fee=fee)
    assert shown(parts) == ["1 basic 1/1"]


def test_two_clocks() -> None:
    """A yearly fee under monthly periods: owed once a year, its changes with the next bill."""
    year = monthly(interval="year")
    months = list(periods_between(monthly(), Span(JANUARY, datetime(2027, 3, 1, tzinfo=UTC))))
    upgrade = changes((day(92), TO_PRO))
    reckoned, bills = Reckoned(JANUARY), []
    for number, month in enumerate(months):
        until = advance_until(year, month)
        known = upgrade if number >= 4 else []
        parts = reckon(basis(), known, reckoned, until=until, fee=fee, clock=lambda _: year)
        bills.append(shown(parts))
        reckoned = Reckoned(until, len(known))
    owed = {number: bill for number, bill in enumerate(bills) if bill}
    assert owed == {
        0: ["1 basic 1/1"],
        4: ["-1 basic 274/365", "1 pro 274/365"],
        12: ["1 pro 1/1"],
    }


def test_a_yearly_fee_in_arrears_under_monthly_periods() -> None:
    year = monthly(interval="year")
    ends = [
        arrears_until(year, Span(day(1), day(32))),
        arrears_until(year, Span(day(335), day(366))),
    ]
    assert ends == [JANUARY, day(366)], "owed when its own year has ended"
    assert arrears_until(year, Span(day(32), day(40)), is_last=True) == day(40), "and at the end"


# ── laws ──

_SPREAD = st.timedeltas(timedelta(days=-3), timedelta(days=100)).map(
    lambda offset: timedelta(seconds=offset // timedelta(seconds=1))
)
ZONES = st.sampled_from(sorted(available_timezones()))
WHATS = st.one_of(
    st.sampled_from(sorted(AMOUNTS)).map(ToPlan),
    st.tuples(ZONES, _SPREAD).map(
        lambda drawn: ToPlan("pro", cycle=monthly(JANUARY + drawn[1], drawn[0], "week"))
    ),
    st.integers(0, 9).map(lambda count: SetQuantity("seats", Decimal(count))),
    st.integers(-3, 3).map(lambda count: AddQuantity("seats", Decimal(count))),
    st.sampled_from([Pause(), Resume(), EndContract(), Reactivate()]),
    st.integers(1, 8).map(Undo),
)
FACTS = st.lists(
    st.tuples(st.integers(0, 4), _SPREAD, WHATS, st.sampled_from(Proration)), max_size=8
)


def history(
    facts: Sequence[tuple[int, timedelta, AnyWhat, Proration]],
) -> list[tuple[int, Change]]:
    """Changes in the order they were recorded, each with the bill that first knows of it."""
    ordered = sorted(facts, key=lambda fact: fact[0])
    return [
        (
            bill,
            Change(
                number=number,
                effective_at=JANUARY + offset,
                recorded_at=JANUARY,
                what=what,
                proration=proration,
            ),
        )
        for number, (bill, offset, what, proration) in enumerate(ordered, start=1)
    ]


def bill_in_turn(agreed: Basis, recorded: Sequence[tuple[int, Change]]) -> list[Part[Fee]]:
    """Five bills in advance, each with what was known when it was drawn up."""
    parts: list[Part[Fee]] = []
    reckoned = Reckoned(JANUARY)
    for bill in range(5):
        known = [change for knows, change in recorded if knows <= bill]
        until = JANUARY + timedelta(days=20 * (bill + 1), hours=7)
        parts += reckon(agreed, known, reckoned, until=until, fee=fee)
        reckoned = Reckoned(until, len(known))
    return parts


@given(FACTS, st.sampled_from(Counting), ZONES)
def test_bills_in_turn_come_to_what_one_bill_would(
    facts: list[tuple[int, timedelta, AnyWhat, Proration]], counting: Counting, zone: str
) -> None:
    """Changes of any kind, backdated, ahead, undone: the bills add up to that of hindsight."""
    agreed = basis(counting, monthly(zone=zone))
    recorded = history(facts)
    parts = bill_in_turn(agreed, recorded)
    hindsight = reckon(
        agreed,
        [change for _, change in recorded],
        Reckoned(JANUARY),
        until=JANUARY + timedelta(days=100, hours=7),
        fee=fee,
    )
    assert all(part.side is Side.CHARGE for part in hindsight)
    assert amount(parts) == amount(hindsight)


@given(FACTS, st.lists(st.timedeltas(timedelta(0), timedelta(days=100)), min_size=1, max_size=9))
def test_every_second_of_every_price_is_charged_once(
    facts: list[tuple[int, timedelta, AnyWhat, Proration]], offsets: list[timedelta]
) -> None:
    """At any instant, charges less credits are the one fee that is owed then, or none."""
    agreed = basis(Counting.BY_SECOND)
    recorded = history(facts)
    parts = bill_in_turn(agreed, recorded)
    line = billed_timeline(agreed.starts_at, agreed.terms, [change for _, change in recorded])
    for offset in offsets:
        at = JANUARY + timedelta(seconds=offset // timedelta(seconds=1))
        charged: Counter[Fee] = Counter()
        for part in parts:
            if at in part.span:
                charged[part.fee] += 1 if part.side is Side.CHARGE else -1
        terms = terms_at(line, at)
        owed = {fee(terms): 1} if terms is not None and terms.is_charged else {}
        assert {key: times for key, times in charged.items() if times} == owed


@given(FACTS)
def test_a_bill_drawn_up_again_says_the_same_and_nothing_twice(
    facts: list[tuple[int, timedelta, AnyWhat, Proration]],
) -> None:
    recorded = [change for _, change in history(facts)]
    first = reckon(basis(), recorded, Reckoned(JANUARY), until=MARCH, fee=fee)
    assert reckon(basis(), recorded, Reckoned(JANUARY), until=MARCH, fee=fee) == first
    reckoned = Reckoned(MARCH, len(recorded))
    assert reckon(basis(), recorded, reckoned, until=MARCH, fee=fee) == ()
