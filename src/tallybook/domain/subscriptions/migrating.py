"""Moving one subscriber: what a migration asks of each is an ordinary change, decided as any."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.subscriptions.changes import ToPlan, is_undone
from tallybook.domain.subscriptions.changing import decide_change, effective_at, undo
from tallybook.domain.subscriptions.course import Course, terms_around
from tallybook.domain.subscriptions.migration import Member, MigrationOrder, MoveAt
from tallybook.domain.subscriptions.orders import ChangeAt, ChangeOrder, PlanOrder

_AT = {
    MoveAt.NOW: ChangeAt.NOW,
    MoveAt.PERIOD_END: ChangeAt.PERIOD_END,
    MoveAt.TERM_END: ChangeAt.TERM_END,
    MoveAt.DATE: ChangeAt.NOW,
}


def change_of(order: MigrationOrder, target: PlanVersion) -> ChangeOrder:
    """The change that a migration asks of every subscriber: the one that anybody could ask for."""
    return ChangeOrder(
        what=PlanOrder(plan=target.plan_key, version=target.version),
        at=_AT[order.at],
        effective_at=order.effective_at,
        proration=order.proration,
    )


def moved(
    course: Course,
    order: MigrationOrder,
    to: PlanVersion,
    *,
    plans: Mapping[str, PlanVersion],
    now: datetime,
) -> Course:
    """The course with the subscriber moved; refused where that cannot be.

    `to` is the version gone to, in the subscriber's currency, with what was negotiated; `plans` are
    the versions that the course names. Who has left the plan since the migration was made is left
    alone.
    """
    held = plans[terms_around(course, now).plan_version_id]
    if held.plan_key != order.plan:
        raise Conflicting(
            "left_the_plan",
            f"Subscription {course.subscription.key!r} is to plan {held.plan_key!r} by now.",
            mend="Change it by itself.",
        )
    change = change_of(order, to)
    return decide_change(
        course,
        change,
        at=effective_at(course, change, now=now),
        now=now,
        plans=plans,
        to=to,
    )


def moved_back(
    course: Course, member: Member, *, plans: Mapping[str, PlanVersion], now: datetime
) -> Course:
    """The course as if the subscriber had never been moved; what was billed for it is given back.

    Refused where another plan came after: that one stays.
    """
    for number in reversed(member.changes):
        if is_undone(course.changes, number):
            continue
        change = course.changes[number - 1]
        if isinstance(change.what, ToPlan):
            _check_last(course, number)
        course = undo(course, number, now=now, plans=plans)
    return course


def _check_last(course: Course, number: int) -> None:
    later = [
        change
        for change in course.changes
        if change.number > number
        and isinstance(change.what, ToPlan)
        and not is_undone(course.changes, change.number)
    ]
    if later:
        raise Conflicting(
            "changed_since",
            f"Subscription {course.subscription.key!r} went to another plan by change "
            f"{later[0].number}.",
            mend="Change it by itself.",
        )
