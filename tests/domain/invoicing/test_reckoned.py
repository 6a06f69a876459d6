"""Bills of changed subscriptions, boundary by boundary: docs/semantics/proration.md."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from contracts import day, fee, plan, price, subscription
from tallybook.domain.catalog.plan import Interval
from tallybook.domain.catalog.price import Timing
from tallybook.domain.invoicing.charges import Charge, charges_due
from tallybook.domain.invoicing.reckoned import billed_after, charges_reckoned, reckoning_of
from tallybook.domain.kernel.errors import Refusal
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
from tallybook.domain.subscriptions.changes import Proration
from tallybook.domain.subscriptions.changing import decide_change, effective_at, undo
from tallybook.domain.subscriptions.course import Course, after, course_of, decide_course
from tallybook.domain.subscriptions.cycle import AtOnce, End, NotDue, Open, closed, decide_cycle
from tallybook.domain.subscriptions.orders import ChangeOrder
from tallybook.domain.subscriptions.phases import (
    PhaseOrder,
    check_ahead,
    schedule,
    without_phases_ahead,
)
from tallybook.domain.subscriptions.proration import Counting
from tallybook.domain.subscriptions.reckoning import Side
from tallybook.domain.subscriptions.recording import record_dated
from tallybook.domain.subscriptions.subscription import Status
from tallybook.domain.subscriptions.timeline import Terms, billed_timeline, terms_at
from tallybook.domain.subscriptions.trials import Trial, after_trial

SEATS = price("seats", "per_unit", unit_amount=5)
CALLS = price("calls", "per_unit", meter="calls", unit_amount=1)
YEAR = msgspec.structs.replace(fee("year", "365", "in_advance"), interval=Interval.YEAR)
BASIC = plan(fee("base", "10", "in_advance"), SEATS, YEAR, CALLS)
PRO = msgspec.structs.replace(
    BASIC, id="plan_2", plan_key="max", prices=(fee("base", "20", "in_advance"), SEATS, CALLS)
)
WEEKLY = msgspec.structs.replace(PRO, id="plan_3", plan_key="weekly", interval=Interval.WEEK)
PLANS = {version.id: version for version in (BASIC, PRO, WEEKLY)}
BY_KEY = {version.plan_key: version for version in PLANS.values()}

WHATS: list[dict[str, Any]] = [
    {"kind": "plan", "plan": "pro"},
    {"kind": "plan", "plan": "max"},
    {"kind": "plan", "plan": "weekly"},
    {"kind": "set_quantity", "price_key": "seats", "quantity": 3},
    {"kind": "add_quantity", "price_key": "seats", "quantity": 1},
    {"kind": "pause"},
    {"kind": "resume"},
    {"kind": "end"},
    {"kind": "reactivate"},
    {"kind": "end_trial"},
    {"kind": "calendar", "alignment": "anniversary"},
    {"kind": "calendar", "anchor": "2026-04-17T09:00:00Z"},
    {"kind": "contract", "interval": "month", "renewal": "nothing"},
    {"kind": "contract", "interval": "month", "interval_count": 2},
    {"phases": [{"after": 1, "plan": "max"}, {"after": 2, "quantities": {"seats": 4}}]},
    {"phases": [{"after": 5, "interval": "week", "quantities": {"seats": 0}}]},
    {"phases": []},
]
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.integers(0, 120),
            st.sampled_from(WHATS),
            st.sampled_from(Proration),
            st.integers(-40, 40).map(lambda days: days if abs(days) > 15 else 0),
        ),
        st.tuples(st.integers(0, 120), st.integers(1, 6), st.none(), st.none()),
    ),
    max_size=8,
)
Steps = list[tuple[int, Any, Any, Any]]


def close(course: Course, now: datetime, billed: list[Charge]) -> Course:
    """Close what is due by `now`, keeping what is charged and given back."""
    while course.subscription.status is not Status.ENDED:
        decision = decide_course(course, now=now)
        if isinstance(decision, NotDue):
            break
        ended = None if isinstance(decision, Open) else course.subscription.period
        reckoning = reckoning_of(course, decision)
        billed += charges_reckoned(course, PLANS, reckoning, ended)
        moved = after(course, decision, billed_after(course, reckoning, ended))
        course = msgspec.structs.replace(course, subscription=moved)
    return course


def bill_at_once(course: Course, now: datetime, billed: list[Charge]) -> Course:
    """Close what is due, and bill what no bill knows of."""
    course = close(course, now, billed)
    subscription = course.subscription
    if (
        subscription.status is not Status.ACTIVE
        or course.billed.changes == subscription.change_count
    ):
        return course
    decision = AtOnce(period=subscription.period)
    reckoning = reckoning_of(course, decision)
    billed += charges_reckoned(course, PLANS, reckoning, None)
    moved = after(course, decision, billed_after(course, reckoning, None))
    return msgspec.structs.replace(course, subscription=moved)


def begun(counting: Counting, trial_days: int) -> Course:
    """A subscription from January on, on trial for so many days."""
    scheduled = subscription(status=Status.SCHEDULED)
    counted = msgspec.structs.replace(scheduled, counting=counting)
    if not trial_days:
        return course_of(counted, ())
    course = course_of(msgspec.structs.replace(counted, is_trial=True), ())
    trial = Trial(ends_at=day(1) + timedelta(days=trial_days))
    dated = after_trial(trial, counted.cycle, starts_at=day(1))
    return record_dated(course, dated, now=day(1))


def scheduled_anew(course: Course, phases: list[dict[str, Any]], now: datetime) -> Course:
    """The course with these phases in the place of what was ahead."""
    asked = msgspec.convert(phases, list[PhaseOrder])
    to = [BY_KEY.get(phase.plan or "") for phase in asked]
    check_ahead(course, asked, now=now)
    cleared = without_phases_ahead(course, now=now)
    return schedule(cleared, asked, now=now, plans=PLANS, to=to)


def played(
    steps: Steps, counting: Counting = Counting.BY_SECOND, trial_days: int = 0
) -> tuple[Course, list[Charge]]:
    """Half a year with these changes, each as long as it is not refused, and all its bills.

    What is changed on every third day is billed at once.
    """
    course = begun(counting, trial_days)
    billed: list[Charge] = []
    for days, what, proration, offset in sorted(steps, key=lambda step: step[0]):
        now = day(1) + timedelta(days=days, hours=days % 24)
        course = close(course, now, billed)
        try:
            if proration is None:
                course = undo(course, what, now=now, plans=PLANS)
                continue
            if "phases" in what:
                course = scheduled_anew(course, what["phases"], now)
                continue
            said = {"what": what, "proration": proration}
            order = msgspec.convert(said, ChangeOrder)
            if offset:
                at = now + timedelta(days=offset)
                order = msgspec.structs.replace(order, effective_at=at)
            at = effective_at(course, order, now=now)
            to = BY_KEY.get(what.get("plan", ""))
            course = decide_change(course, order, at=at, now=now, plans=PLANS, to=to)
        except Refusal:
            continue
        finally:
            if days % 3 == 0:
                course = bill_at_once(course, now, billed)
    return close(course, day(7, 3), billed), billed


def year_of(terms: Terms) -> Cycle:
    """The periods of the yearly fee."""
    if terms.plan_version_id != BASIC.id:
        return terms.cycle
    return msgspec.structs.replace(terms.cycle, interval=Interval.YEAR)


TRIALS = st.sampled_from([0, 0, 14, 45])


@given(STEPS, st.lists(st.integers(0, 170 * 24), min_size=1, max_size=12), TRIALS)
@example([(9, WHATS[7], Proration.NONE, 0), (12, WHATS[8], Proration.PRORATED, 0)], [24 * 15], 0)
@example([(9, WHATS[7], Proration.FULL, 0), (12, WHATS[8], Proration.PRORATED, 0)], [24 * 15], 0)
@example([(40, WHATS[2], Proration.PRORATED, 0), (60, 1, None, None)], [24 * 50, 24 * 80], 0)
def test_every_second_of_every_fee_is_charged_once(
    steps: Steps, hours: list[int], trial_days: int
) -> None:
    """Whatever was changed, scheduled, backdated, undone, billed between or at once, after a trial:
    in advance, in arrears, yearly.

    At an instant that is billed, what was charged less what was given back is what is owed there.
    """
    course, billed = played(steps, trial_days=trial_days)
    agreed = course.basis.starts_at, course.basis.terms, course.changes
    monthly, yearly = billed_timeline(*agreed), billed_timeline(*agreed, clock=year_of)
    for hour in hours:
        at = day(1) + timedelta(hours=hour)
        for key, line in (("base", monthly), ("seats", monthly), ("year", yearly)):
            terms = terms_at(line, at)
            charged: Counter[tuple[Decimal, str]] = Counter()
            for charge in billed:
                if charge.price.key == key and at in charge.service_period:
                    told = charge.quantity, str(charge.price.rule)
                    charged[told] += 1 if charge.side is Side.CHARGE else -1
            owed: dict[tuple[Decimal, str], int] = {}
            if terms is not None and terms.is_charged:
                version = PLANS[terms.plan_version_id]
                of = next((one for one in version.prices if one.key == key), None)
                if of is not None and terms.quantity_of(key):
                    owed = {(terms.quantity_of(key), str(of.rule)): 1}
            is_billed = (
                course.billed.arrears_until if key == "seats" else course.billed.advance_until
            )
            if at < is_billed:
                assert {one: times for one, times in charged.items() if times} == owed, key


@given(STEPS, TRIALS)
def test_usage_is_charged_once_wherever_it_runs(steps: Steps, trial_days: int) -> None:
    """The spans of a usage price never overlap, and cover the closed periods of its time."""
    _, billed = played(steps, trial_days=trial_days)
    spans = sorted(charge.service_period for charge in billed if charge.price.key == "calls")
    for one, other in pairwise(spans):
        assert one.ends <= other.starts


def test_nothing_changed_bills_as_a_plain_subscription_does() -> None:
    _, billed = played([])
    assert {charge.price.key for charge in billed} == {"base", "seats", "year", "calls"}
    months = [charge.service_period for charge in billed if charge.price.key == "base"]
    assert months[:2] == [Span(day(1), day(2)), Span(day(2), day(3))]
    assert len(months) == 7
    years = [charge.service_period for charge in billed if charge.price.key == "year"]
    assert years == [Span(day(1), day(1, year=2027))]
    assert YEAR.timing is Timing.IN_ADVANCE


PLAIN = plan(fee("base", "10", "in_advance"), fee("later", "30"), SEATS, CALLS)


@given(
    st.integers(0, 400),
    st.sampled_from(Alignment),
    st.sampled_from(["UTC", "Europe/Oslo", "America/New_York", "Pacific/Apia"]),
)
def test_the_short_rule_and_the_long_one_come_to_the_same(
    hours: int, alignment: Alignment, timezone: str
) -> None:
    """What was never changed is charged alike, boundary by boundary, by either."""
    starts_at = day(1) + timedelta(hours=hours)
    plain = subscription(starts_at, alignment=alignment, timezone=timezone, status=Status.SCHEDULED)
    course = course_of(plain, ())
    for _ in range(8):
        decision = decide_cycle(plain, now=day(12, 1))
        assert decision == decide_course(course, now=day(12, 1))
        assert not isinstance(decision, NotDue | End)
        ended = None if isinstance(decision, Open) else plain.period
        reckoning = reckoning_of(course, decision)
        reckoned = charges_reckoned(course, {PLAIN.id: PLAIN}, reckoning, ended)
        short = charges_due(PLAIN, plain, decision)
        assert reckoned == tuple(charge for charge in short if charge.share.numerator)
        moved = after(course, decision, billed_after(course, reckoning, ended))
        course = msgspec.structs.replace(course, subscription=moved)
        plain = closed(plain, decision)
        assert msgspec.structs.replace(moved, billed=None) == plain
