"""One-off fees: owed once for each that is taken. Rules: docs/semantics/plans.md."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import AT, day, fee, price, subscription
from tallybook.domain.invoicing.charges import Charge
from tallybook.domain.invoicing.one_off import charges_once, taken_once
from tallybook.domain.rating.rate import rate_price
from tallybook.domain.subscriptions.changes import (
    AnyWhat,
    Change,
    Pause,
    Resume,
    SetQuantity,
    ToPlan,
    Undo,
)
from tallybook.domain.subscriptions.course import Course, course_of, known_by
from tallybook.domain.subscriptions.reckoning import Side
from tallybook.domain.subscriptions.timeline import FOREVER

SETUP = price("setup", "flat", amount="99", timing="once")
DEARER = price("setup", "flat", amount="120", timing="once")
PRICES = {"plan_1": SETUP, "plan_2": DEARER}


def course(*dated: tuple[datetime, AnyWhat], is_trial: bool = False) -> Course:
    """A subscription from 1 January 2026, with these changes recorded in order."""
    changes = tuple(
        Change(number=number, effective_at=at, recorded_at=AT, what=what)
        for number, (at, what) in enumerate(dated, start=1)
    )
    begun = msgspec.structs.replace(subscription(), change_count=len(changes), is_trial=is_trial)
    return course_of(begun, changes)


def setups(quantity: int) -> SetQuantity:
    return SetQuantity("setup", Decimal(quantity))


@pytest.mark.parametrize(
    ("changes", "taken", "why"),
    [
        ([], [("1", "99", 1)], "with the start"),
        ([(day(1, 10), ToPlan("plan_2"))], [("1", "99", 1)], "another version, the same set-up"),
        ([(day(1, 10), setups(3))], [("1", "99", 1), ("2", "99", 10)], "two more, later"),
        (
            [(day(1, 10), ToPlan("plan_2")), (day(1, 20), setups(2))],
            [("1", "99", 1), ("1", "120", 20)],
            "another one, at the price of then",
        ),
        (
            [(day(1, 10), setups(3)), (day(1, 15), setups(0)), (day(1, 20), setups(3))],
            [("1", "99", 1), ("2", "99", 10)],
            "as many again is nothing new",
        ),
        ([(day(1), setups(0)), (day(1, 9), setups(1))], [("1", "99", 9)], "an add-on, when taken"),
        (
            [(day(1, 10), setups(2)), (day(1, 10), Undo(1))],
            [("1", "99", 1)],
            "undone, it never was",
        ),
        (
            [(day(1), Pause()), (day(1, 12), Resume())],
            [("1", "99", 12)],
            "a pause takes nothing; what began in it is owed after",
        ),
        ([(day(3), setups(2))], [("1", "99", 1)], "ahead of the bill"),
    ],
)
def test_what_was_taken_by_february(
    changes: list[tuple[datetime, AnyWhat]], taken: list[tuple[str, str, int]], why: str
) -> None:
    found = taken_once(course(*changes), PRICES, day(2))
    told = [
        (str(each.quantity), str(rate_price(each.price, Decimal(1)).amount), each.span.starts.day)
        for each in found
    ]
    assert told == taken, why


def test_only_a_one_off_fee_is_one() -> None:
    assert taken_once(course(), {"plan_1": fee("base", "10")}, day(2)) == []
    assert taken_once(course(), {}, day(2)) == []


WHATS = st.one_of(
    st.integers(0, 4).map(setups),
    st.sampled_from([ToPlan("plan_2"), ToPlan("plan_1"), Pause(), Resume()]),
)
CHANGES = st.lists(st.tuples(st.integers(0, 120).map(lambda n: AT + timedelta(days=n)), WHATS))


@given(CHANGES, st.lists(st.integers(0, 140), min_size=1, max_size=5), st.data())
def test_bills_in_turn_come_to_one_in_hindsight(
    changes: list[tuple[datetime, AnyWhat]], ends: list[int], draw: st.DataObject
) -> None:
    """Whenever a change is known, before its time or after: in the end each is charged once."""
    whole = course(*changes)
    known_counts = sorted(draw.draw(st.integers(0, len(changes))) for _ in ends[1:])
    counts = [*known_counts, len(changes)]
    until, known = AT, course_of(known_by(whole.subscription, 0), ())
    charged = Decimal(0)
    for count, end in zip(counts, sorted(ends), strict=True):
        now = course_of(known_by(whole.subscription, count), whole.changes)
        to = AT + timedelta(days=end)
        bill = charges_once(known, now, PRICES, then=until, until=to)
        charged += sum(map(_amount, bill), Decimal(0))
        known, until = now, to
    hindsight = charges_once(known, whole, PRICES, then=AT, until=until)
    assert charged == sum(map(_amount, hindsight), Decimal(0))
    assert list(charges_once(whole, whole, PRICES, then=FOREVER, until=FOREVER)) == []


def _amount(charge: Charge) -> Decimal:
    each = rate_price(charge.price, Decimal(1)).amount
    return each * charge.quantity * (1 if charge.side is Side.CHARGE else -1)
