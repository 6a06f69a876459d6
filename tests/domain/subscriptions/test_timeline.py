"""Timelines: what a subscription is to at every instant, and the periods that follow from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
from tallybook.domain.subscriptions.changes import (
    AddQuantity,
    AnyWhat,
    Bind,
    Change,
    EndContract,
    EndTrial,
    Pause,
    Reactivate,
    Resume,
    SetCycle,
    SetQuantity,
    ToPlan,
)
from tallybook.domain.subscriptions.contract import Contract
from tallybook.domain.subscriptions.timeline import (
    Terms,
    Timeline,
    billing_periods,
    terms_at,
    timeline,
)

START = datetime(2026, 1, 31, 10, tzinfo=UTC)


def cycle(
    interval: str = "month", anchor: datetime = START, alignment: str = "anniversary"
) -> Cycle:
    return Cycle(
        interval=Interval(interval),
        alignment=Alignment(alignment),
        anchor=anchor,
        timezone="UTC",
    )


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def shown(line: Timeline) -> list[str]:
    """Each segment: from which day on, the plan, the seats, and whether it is charged."""
    return [
        f"{(segment.span.starts - START).days} {segment.terms.plan_version_id}"
        f" {segment.terms.quantity_of('seats')}{'' if segment.terms.is_charged else ' free'}"
        for segment in line
    ]


def folded(*said: tuple[int, AnyWhat]) -> Timeline:
    terms = Terms(plan_version_id="basic", cycle=cycle())
    facts = [
        Change(number=number, effective_at=day(at), recorded_at=START, what=what)
        for number, (at, what) in enumerate(said, start=1)
    ]
    return timeline(START, terms, facts)


@pytest.mark.parametrize(
    ("facts", "expected", "why"),
    [
        ([], ["0 basic 1"], "as agreed, without end"),
        ([(9, ToPlan("pro"))], ["0 basic 1", "9 pro 1"], "from its own day on"),
        ([(-9, ToPlan("pro"))], ["0 pro 1"], "before the start is from the start"),
        ([(9, ToPlan("basic"))], ["0 basic 1"], "what changes nothing is no segment"),
        ([(5, Pause()), (9, Resume())], ["0 basic 1", "5 basic 1 free", "9 basic 1"], "a pause"),
        ([(5, EndContract()), (9, ToPlan("pro"))], ["0 basic 1"], "after the end, nothing"),
        ([(0, EndContract())], [], "called off"),
        (
            [(5, EndContract()), (9, Reactivate()), (11, ToPlan("pro"))],
            ["0 basic 1", "9 basic 1", "11 pro 1"],
            "again, after a gap",
        ),
        (
            [(5, SetQuantity("seats", Decimal(3))), (7, AddQuantity("seats", Decimal(-1)))],
            ["0 basic 1", "5 basic 3", "7 basic 2"],
            "seats set and taken away",
        ),
    ],
)
def test_timeline(facts: list[tuple[int, AnyWhat]], expected: list[str], why: str) -> None:
    assert shown(folded(*facts)) == expected, why


def test_between_an_end_and_a_reactivation_nothing_holds() -> None:
    line = folded((5, EndContract()), (9, Reactivate()))
    assert terms_at(line, day(6)) is None
    assert terms_at(line, day(9)) == terms_at(line, day(4))


def test_changes_are_kept_as_documents() -> None:
    fact = Change(
        number=1,
        effective_at=START,
        recorded_at=START,
        what=ToPlan("pro", cycle=cycle("year")),
    )
    assert msgspec.json.decode(msgspec.json.encode(fact), type=Change) == fact


WHATS = st.one_of(
    st.sampled_from([ToPlan("pro"), ToPlan("max", cycle=cycle("week")), Pause(), Resume()]),
    st.sampled_from([EndTrial(), EndContract(), Reactivate(), Reactivate(cycle("day"))]),
    st.sampled_from([SetCycle(cycle(anchor=day(5))), Bind(Contract(cycle=cycle("year")))]),
)


@given(st.lists(st.tuples(st.integers(-2, 90), WHATS), max_size=6), st.booleans())
def test_periods_cover_the_timeline_without_gap_or_overlap(
    facts: list[tuple[int, AnyWhat]], is_trial: bool
) -> None:
    terms = Terms(plan_version_id="basic", cycle=cycle(), is_trial=is_trial)
    recorded = [
        Change(number=number, effective_at=day(at), recorded_at=START, what=what)
        for number, (at, what) in enumerate(facts, start=1)
    ]
    line = timeline(START, terms, recorded)
    periods = list(billing_periods(line, day(100)))
    assert all(period.starts < period.ends for period in periods)
    assert all(one.ends <= other.starts for one, other in pairwise(periods))
    for instant in (day(number) for number in range(100)):
        is_held = terms_at(line, instant) is not None
        assert sum(instant in period for period in periods) == is_held
    for period in periods:
        assert terms_at(line, period.starts) is not None
