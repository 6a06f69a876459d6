"""Ending: the end of a subscription is decided, or that decision is taken back."""

from __future__ import annotations

from datetime import datetime

from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.subscriptions.binding import (
    check_free_to_end,
    decided_by,
    standing_of,
    term_end,
)
from tallybook.domain.subscriptions.changes import (
    Bind,
    EndContract,
    EndTrial,
    Proration,
    Undo,
    standing,
)
from tallybook.domain.subscriptions.course import Course, status_on
from tallybook.domain.subscriptions.orders import ChangeAt
from tallybook.domain.subscriptions.recording import record
from tallybook.domain.subscriptions.subscription import Status
from tallybook.domain.subscriptions.timeline import end_of, period_at, service_from
from tallybook.domain.subscriptions.trials import paid_cycle


def cancel(
    course: Course,
    at: ChangeAt | None,
    *,
    refund: Proration,
    now: datetime,
    waives_contract: bool = False,
) -> Course:
    """The course with its end decided; as it is where it ends as soon, or has ended.

    Without `at`: by notice, under a contract; else when the period ends. One that has not begun is
    over at once, and owes nothing. Refused before a contract lets the customer go, unless waived.
    """
    status = status_on(course, now)
    ahead = service_from(course.line, now)
    if status is Status.ENDED or ahead is None:
        return course
    contract = standing_of(course, now)
    if at is None:
        is_bound = contract is not None and not waives_contract
        at = ChangeAt.TERM_END if is_bound else ChangeAt.PERIOD_END
    if at is ChangeAt.TERM_END:
        ends_at = term_end(course, now) if contract is None else contract.ends_with_notice_now
    else:
        period = period_at(course.line, now)
        ends_at = ahead
        if period is not None:
            ends_at = now if at is ChangeAt.NOW else period.ends
    decided = end_of(course.line)
    if decided is not None and decided <= ends_at:
        return course
    if not waives_contract:
        check_free_to_end(course, ends_at, now=now)
    return record(course, [EndContract()], at=ends_at, now=now, proration=refund)


def keep(course: Course, *, now: datetime) -> Course:
    """The course without the end that was decided for it; too late once that has come.

    The end that a contract has by itself stays, where another one was decided before it.
    """
    if status_on(course, now) is Status.ENDED:
        raise Conflicting(
            "subscription_ended",
            f"Subscription {course.subscription.key!r} has ended.",
            mend="Reactivate it, or start another one.",
        )
    ends = [
        change
        for change in standing(course.changes)
        if isinstance(change.what, EndContract) and change.effective_at > now
    ]
    if not ends:
        return course
    by_contract = {
        decided.number
        for change in standing(course.changes)
        if isinstance(change.what, Bind)
        for decided in decided_by(course, change.what)
    }
    ends = [change for change in ends if change.number not in by_contract] or ends
    kept = record(course, [Undo(change.number) for change in ends], at=now, now=now)
    for change in ends:
        terms = kept.terms_at(change.effective_at)
        if terms is not None and terms.is_trial:
            # It was the trial that should have ended with all; now it ends in paid.
            at = change.effective_at
            kept = record(kept, [EndTrial(cycle=paid_cycle(terms.cycle, at))], at=at, now=now)
    return kept
