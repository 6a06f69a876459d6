"""What is owed at each boundary, by the tables of docs/semantics/invoicing.md."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import customer, day, fee, meter, plan, price, subscription, usage
from tallybook.domain.invoicing.charges import Charge, charges_due, rate_fee, rate_metered
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import to_units
from tallybook.domain.kernel.shares import Share
from tallybook.domain.subscriptions.calendar import Alignment
from tallybook.domain.subscriptions.cycle import (
    End,
    NotDue,
    Open,
    Renew,
    closed,
    decide_cycle,
)
from tallybook.domain.subscriptions.subscription import Status, Subscription

BASE = fee("base", "100.00", "in_advance")
SUPPORT = fee("support", "30.00")
CALLS = price("calls", "per_unit", meter="calls", unit_amount="0.01")
PLAN = plan(BASE, SUPPORT, CALLS)
JANUARY, FEBRUARY = Span(day(1), day(2)), Span(day(2), day(3))


def boundaries(
    begun: Subscription, until: datetime
) -> list[tuple[Subscription, Open | Renew | End]]:
    """Every boundary up to `until`, with the subscription as it came to it."""
    met: list[tuple[Subscription, Open | Renew | End]] = []
    while True:
        decision = decide_cycle(begun, now=until)
        if isinstance(decision, NotDue) or begun.status is Status.ENDED:
            return met
        met.append((begun, decision))
        begun = closed(begun, decision)


def owed(begun: Subscription, until: datetime) -> list[list[tuple[str, Span]]]:
    """Price and service period of every charge, boundary by boundary."""
    return [
        [(charge.price.key, charge.service_period) for charge in charges_due(PLAN, at, decision)]
        for at, decision in boundaries(begun, until)
    ]


def test_what_is_owed_at_each_boundary() -> None:
    begun = subscription(ends_at=day(3), status=Status.SCHEDULED)
    assert owed(begun, day(4)) == [
        [("base", JANUARY)],
        [("base", FEBRUARY), ("support", JANUARY), ("calls", JANUARY)],
        [("support", FEBRUARY), ("calls", FEBRUARY)],
    ]


def test_nothing_is_owed_before_the_start() -> None:
    begun = subscription(day(2), status=Status.SCHEDULED)
    assert owed(begun, day(1, 31)) == []
    assert owed(begun, day(2)) == [[("base", FEBRUARY)]]


def test_opening_late_owes_the_same_as_opening_on_time() -> None:
    begun = subscription(status=Status.SCHEDULED)
    assert owed(begun, day(3))[:1] == owed(begun, day(1))


@pytest.mark.parametrize(
    ("starts", "ends", "share", "amount", "why"),
    [
        (day(1), None, "1/1", "100", "a whole month"),
        (day(1, 15), None, "17/31", "54.84", "the day of the start counts"),
        (day(1, 15, 23), None, "17/31", "54.84", "also when it begins late on that day"),
        (day(1), day(1, 15, 12), "14/31", "45.16", "the day of the end does not count"),
        (day(1, 31), None, "1/31", "3.23", "the last day alone"),
        (day(1, 5, 9), day(1, 5, 17), "0/31", "0", "begun and ended within a day"),
        (day(2, 15), None, "14/28", "50", "half of February"),
    ],
)
def test_a_fee_of_a_short_period(
    starts: datetime, ends: datetime | None, share: str, amount: str, why: str
) -> None:
    begun = subscription(starts, ends_at=ends)
    [charge] = charges_due(plan(SUPPORT), begun, End(begun.period.ends))
    assert str(charge.share) == share, why
    rated = rate_fee(Charge(price=BASE, service_period=charge.service_period, share=charge.share))
    assert to_units(rated.rated.amount, 2) == int(Decimal(amount) * 100), why


def test_an_anniversary_has_no_short_first_period() -> None:
    begun = subscription(day(1, 15), alignment=Alignment.ANNIVERSARY)
    [charge] = charges_due(plan(SUPPORT), begun, End(begun.period.ends))
    assert charge.share.is_whole


def test_the_working_of_a_share_shows_the_days() -> None:
    rated = rate_fee(Charge(price=BASE, service_period=JANUARY, share=Share(17, 31))).rated
    [step] = rated.working
    assert (step.code, step.amount) == ("prorated", rated.amount)
    assert step.terms == {"whole": 100, "parts": 17, "of_parts": 31}
    assert plain(rated.amount) == "54.838709677419354838709677"


@given(
    st.integers(1, 30),
    st.decimals(0, 10**9, places=4),
    st.integers(1, 12),
)
def test_two_parts_of_a_month_owe_the_month(cut: int, amount: Decimal, month: int) -> None:
    """However a period is cut in two, the exact shares add up to the whole fee."""
    starts = day(month)
    ends = day(month + 1) if month < 12 else day(1, year=2027)
    boundary = min(day(month, min(cut, 28)), ends)
    first = subscription(starts, ends_at=boundary) if boundary > starts else None
    second = subscription(boundary)
    parts = [part for part in (first, second) if part is not None]
    charged = [fee_of(part, amount) for part in parts]
    assert abs(sum(charged) - amount) < Decimal("1e-20")
    assert sum(to_units(exact, 2) for exact in charged) - to_units(amount, 2) in {-1, 0, 1}


def fee_of(begun: Subscription, amount: Decimal) -> Decimal:
    [charge] = charges_due(plan(fee("base", str(amount))), begun, End(begun.period.ends))
    return rate_fee(charge).rated.amount


def test_usage_is_matched_by_its_dimensions() -> None:
    matched = price("large", "per_unit", meter="calls", unit_amount="2", match={"model": "large"})
    rows = [usage("5", JANUARY, model="small"), usage("3", JANUARY, events=2, model="large")]
    charge = Charge(price=matched, service_period=JANUARY)
    rated = rate_metered(charge, meter("calls", "model"), customer(), rows, 7)
    assert (rated.rated.quantity, rated.rated.amount, rated.unit) == (3, 6, "calls")
    assert rated.proof is not None
    assert rated.proof.match == {"model": "large"}
    assert (rated.proof.evidence.event_count, rated.proof.evidence.checksum) == (2, 5)


def test_a_price_with_several_portions_has_the_evidence_of_all() -> None:
    matrix = price(
        "tokens",
        "matrix",
        meter="calls",
        dimensions=["model"],
        cells=[
            {"values": ["small"], "unit_amount": "1"},
            {"values": ["large"], "unit_amount": "10"},
        ],
    )
    rows = [usage("5", JANUARY, model="small"), usage("3", JANUARY, events=2, model="large")]
    charge = Charge(price=matrix, service_period=JANUARY)
    rated = rate_metered(charge, meter("calls", "model"), customer(), rows, 7)
    assert (rated.rated.quantity, rated.rated.amount) == (8, 35)
    assert rated.proof is not None
    assert (rated.proof.evidence.event_count, rated.proof.evidence.checksum) == (3, 11)


def test_no_usage_is_a_line_of_zero() -> None:
    charge = Charge(price=CALLS, service_period=JANUARY)
    rated = rate_metered(charge, meter(), customer(), [], 7)
    assert (rated.rated.quantity, rated.rated.amount) == (0, 0)
    assert rated.proof is not None
    assert (rated.proof.evidence.event_count, rated.proof.evidence.as_of) == (0, 7)
