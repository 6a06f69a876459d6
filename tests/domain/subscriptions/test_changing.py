"""What can be asked of a subscription, when, and what becomes of its periods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import day, fee, plan, price, subscription
from tallybook.domain.catalog.plan import Interval, PlanVersion
from tallybook.domain.kernel.errors import Refusal
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.changes import Proration
from tallybook.domain.subscriptions.changing import decide_change, effective_at, undo
from tallybook.domain.subscriptions.course import Course, after, course_of, decide_course, status_on
from tallybook.domain.subscriptions.cycle import NotDue, Open
from tallybook.domain.subscriptions.ending import cancel, keep
from tallybook.domain.subscriptions.orders import ChangeAt, ChangeOrder
from tallybook.domain.subscriptions.subscription import Status

BASIC = msgspec.structs.replace(plan(fee("base", "10"), price("seats", "per_unit", unit_amount=5)))
PRO = msgspec.structs.replace(BASIC, id="plan_2", plan_key="pro-2")
YEARLY = msgspec.structs.replace(BASIC, id="plan_3", interval=Interval.YEAR)
DOLLARS = msgspec.structs.replace(BASIC, id="plan_4", currency="USD")
PLANS = {version.id: version for version in (BASIC, PRO, YEARLY, DOLLARS)}
SEATS = {"kind": "set_quantity", "price_key": "seats", "quantity": 5}
TO_PRO = {"kind": "plan", "plan": "pro-2"}


def begun(**fields: Any) -> Course:
    return course_of(subscription(**fields), ())


def changed(
    course: Course,
    what: dict[str, Any],
    now: datetime,
    to: PlanVersion | None = None,
    **said: Any,
) -> Course:
    order = msgspec.convert({"what": what, **said}, ChangeOrder)
    at = effective_at(course, order, now=now)
    return decide_change(course, order, at=at, now=now, plans=PLANS, to=to)


def run(course: Course, until: datetime) -> Course:
    """The course once all that is due was closed."""
    while course.subscription.status is not Status.ENDED:
        decision = decide_course(course, now=until)
        if isinstance(decision, NotDue):
            break
        moved = after(course, decision, course.billed)
        course = msgspec.structs.replace(course, subscription=moved)
    return course


@pytest.mark.parametrize(
    ("when", "now", "ends", "why"),
    [
        ("period_end", day(1, 20), day(2), "the open period's end"),
        ("period_end", day(3, 20), day(4), "the calendar's: books are late"),
        ("now", day(1, 20, 5), day(1, 20, 5), "at once"),
        ("now", day(3, 20, 5), day(3, 20, 5), "at once, two periods unbilled"),
        ("period_end", day(12, 20, year=2025), day(1), "called off before it began"),
    ],
)
def test_cancelled(when: str, now: datetime, ends: datetime, why: str) -> None:
    course = begun(status=Status.SCHEDULED)
    ending = cancel(course, ChangeAt(when), refund=Proration.PRORATED, now=now)
    assert ending.subscription.ends_at == ends, why
    again = cancel(ending, ChangeAt(when), refund=Proration.PRORATED, now=now)
    assert again is ending, "asked twice, done once"
    ended = run(ending, day(1, year=2027))
    assert ended.subscription.status is Status.ENDED
    assert ended.subscription.period.ends == ends, why


def test_a_cancellation_is_taken_back_until_it_has_come() -> None:
    course = begun()
    ending = cancel(course, ChangeAt.PERIOD_END, refund=Proration.PRORATED, now=day(1, 20))
    kept = keep(ending, now=day(1, 31))
    assert (kept.subscription.ends_at, kept.line) == (None, course.line)
    assert keep(course, now=day(1, 31)) is course, "nothing to take back"
    with pytest.raises(Refusal, match="has ended"):
        keep(ending, now=day(2))


@pytest.mark.parametrize(
    ("what", "said", "code", "why"),
    [
        ({**SEATS, "price_key": "sofas"}, {}, "no_such_fee", "the plan has no sofas"),
        ({**SEATS, "quantity": -1}, {}, "quantity_below_zero", "nobody holds less than nothing"),
        ({**SEATS, "kind": "add_quantity", "quantity": -2}, {}, "quantity_below_zero", "of one"),
        ({"kind": "resume"}, {}, "nothing_changes", "it is not paused"),
        ({"kind": "end_trial"}, {}, "nothing_changes", "it is on no trial"),
        ({"kind": "reactivate"}, {}, "nothing_changes", "it runs"),
        (SEATS, {"effective_at": day(12, year=2025)}, "before_the_start", "there was nothing"),
        (SEATS, {"effective_at": datetime(2300, 1, 1, tzinfo=UTC)}, "time_out_of_range", "never"),
        (SEATS, {"effective_at": datetime(2026, 1, 9)}, "time_without_zone", "26 hours"),  # noqa: DTZ001
    ],
)
def test_what_is_refused(what: dict[str, Any], said: dict[str, Any], code: str, why: str) -> None:
    with pytest.raises(Refusal) as refused:
        changed(begun(), what, day(1, 20), **said)
    assert refused.value.code == code, why


@pytest.mark.parametrize(
    ("to", "code"), [(BASIC, "nothing_changes"), (DOLLARS, "currency_mismatch")]
)
def test_plans_that_it_cannot_go_to(to: PlanVersion, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        changed(begun(), TO_PRO, day(1, 20), to)
    assert refused.value.code == code


def test_another_interval_cuts_the_open_period_and_its_undoing_mends_it() -> None:
    course = begun()
    yearly = changed(course, TO_PRO, day(1, 20), YEARLY)
    assert yearly.subscription.period.ends == day(1, 20)
    assert (
        undo(yearly, 1, now=day(1, 21), plans=PLANS).subscription.period
        == course.subscription.period
    )


def test_a_new_calendar_never_begins_in_a_closed_period() -> None:
    course = run(changed(begun(), SEATS, day(1, 20)), day(3, 5))
    with pytest.raises(Refusal) as refused:
        changed(course, TO_PRO, day(3, 5), YEARLY, effective_at=day(2, 10))
    assert refused.value.code == "period_closed"


def test_reactivated_later_it_opens_again_and_in_between_it_is_over() -> None:
    course = begun()
    ended = run(cancel(course, ChangeAt.NOW, refund=Proration.PRORATED, now=day(1, 10)), day(1, 11))
    assert status_on(ended, day(1, 11)) is Status.ENDED
    with pytest.raises(Refusal, match="does not run"):
        changed(ended, SEATS, day(1, 15))
    again = changed(ended, {"kind": "reactivate"}, day(1, 20))
    assert again.subscription.status is Status.SCHEDULED
    decision = decide_course(again, now=day(1, 20))
    assert isinstance(decision, Open)
    assert (decision.period.starts, decision.period.ends) == (day(1, 20), day(2))


def test_what_was_billed_for_the_last_time_is_not_changed_any_more() -> None:
    ended = run(
        cancel(begun(), ChangeAt.NOW, refund=Proration.PRORATED, now=day(1, 10)), day(1, 11)
    )
    with pytest.raises(Refusal) as refused:
        changed(ended, SEATS, day(1, 15), effective_at=day(1, 5))
    assert refused.value.code == "subscription_ended"


def test_an_undoing_is_undone_and_nothing_twice() -> None:
    course = changed(begun(), SEATS, day(1, 20))
    undone = undo(course, 1, now=day(1, 21), plans=PLANS)
    with pytest.raises(Refusal) as refused:
        undo(undone, 1, now=day(1, 22), plans=PLANS)
    assert refused.value.code == "already_undone"
    assert undo(undone, 2, now=day(1, 22), plans=PLANS).line == course.line
    with pytest.raises(Refusal) as refused:
        undo(undone, 9, now=day(1, 22), plans=PLANS)
    assert refused.value.code == "no_such_change"


STEPS = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.sampled_from(
            [
                SEATS,
                {"kind": "add_quantity", "price_key": "seats", "quantity": 1},
                {"kind": "pause"},
                {"kind": "resume"},
                {"kind": "end"},
                {"kind": "reactivate"},
                {"kind": "undo"},
                {**TO_PRO},
                {**TO_PRO, "plan": "yearly"},
            ]
        ),
        st.integers(0, 9),
    ),
    max_size=9,
)


@given(STEPS)
def test_periods_are_one_chain_whatever_is_changed(
    steps: list[tuple[int, dict[str, Any], int]],
) -> None:
    """No period overlaps one before it, and none but an empty one has no end."""
    course = begun(status=Status.SCHEDULED)
    starts = course.subscription.starts_at
    lived: list[Lived] = []
    for number, what, choice in sorted(steps, key=lambda step: step[0]):
        now = day(1 + number // 28, 1 + number % 28)
        course, more, idle_until = _lived_until(course, now)
        assert idle_until is None or idle_until > now, "what is not due is due later"
        lived += more
        try:
            if what["kind"] == "undo":
                course = undo(course, choice, now=now, plans=PLANS)
            else:
                to = YEARLY if what.get("plan") == "yearly" else PRO
                course = changed(course, what, now, to)
        except Refusal:
            continue
    _, more, idle_until = _lived_until(course, day(12, 31))
    assert idle_until is None or idle_until > day(12, 31)
    lived += more
    closed_until = starts
    for one in lived:
        assert one.period.starts >= closed_until, "nothing is closed twice"
        closed_until = one.period.ends if one.is_closed else closed_until


@dataclass(frozen=True)
class Lived:
    """A step of a subscription: the period it was in, and whether that was closed by it."""

    period: Span
    is_closed: bool


def _lived_until(course: Course, now: datetime) -> tuple[Course, list[Lived], datetime | None]:
    """The course once all that is due by `now` was done, its steps, and when the next is due."""
    lived: list[Lived] = []
    while course.subscription.status is not Status.ENDED:
        decision = decide_course(course, now=now)
        if isinstance(decision, NotDue):
            return course, lived, decision.until
        lived.append(Lived(course.subscription.period, not isinstance(decision, Open)))
        moved = after(course, decision, course.billed)
        course = msgspec.structs.replace(course, subscription=moved)
    return course, lived, None
