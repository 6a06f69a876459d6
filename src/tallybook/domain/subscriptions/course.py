"""The course of a subscription that was changed: its periods, and where the books go next.

One that is plain follows `cycle.py`; this is the same, with the changes folded in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

import msgspec

from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.changes import Change
from tallybook.domain.subscriptions.cycle import CycleDecision, End, NotDue, Open, Renew
from tallybook.domain.subscriptions.reckoning import Basis
from tallybook.domain.subscriptions.subscription import Billed, Status, Subscription
from tallybook.domain.subscriptions.timeline import (
    Terms,
    Timeline,
    end_of,
    period_at,
    service_from,
    terms_at,
    timeline,
)


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription, every change recorded of it, and what it is to second by second."""

    subscription: Subscription
    changes: tuple[Change, ...]
    line: Timeline

    @property
    def basis(self) -> Basis:
        """What was agreed at the start."""
        return basis_of(self.subscription)

    @property
    def billed(self) -> Billed:
        """What the bills so far have taken into account."""
        return billed_of(self.subscription)

    def terms_at(self, at: datetime) -> Terms | None:
        """What it is to at an instant; None while it does not run."""
        return terms_at(self.line, at)


def course_of(subscription: Subscription, changes: Iterable[Change]) -> Course:
    """A subscription with the changes that are known of it, and no more than it counts."""
    known = tuple(change for change in changes if change.number <= subscription.change_count)
    basis = basis_of(subscription)
    line = timeline(basis.starts_at, basis.terms, known)
    return Course(subscription=subscription, changes=known, line=line)


def known_by(subscription: Subscription, changes: int) -> Subscription:
    """The subscription as far as its first so many changes say."""
    return msgspec.structs.replace(subscription, change_count=changes)


def basis_of(subscription: Subscription) -> Basis:
    """What was agreed at the start, before any change."""
    terms = Terms(
        plan_version_id=subscription.plan_version_id,
        cycle=subscription.cycle,
        quantities=subscription.quantities,
        is_trial=subscription.is_trial,
    )
    return Basis(starts_at=subscription.starts_at, terms=terms, counting=subscription.counting)


def billed_of(subscription: Subscription) -> Billed:
    """What was billed; of one that was plain until now, what its open period says."""
    if subscription.billed is not None:
        return subscription.billed
    if subscription.status is Status.SCHEDULED:
        nothing = subscription.starts_at
        return Billed(advance_until=nothing, arrears_until=nothing)
    period = subscription.period
    is_ended = subscription.status is Status.ENDED
    return Billed(
        advance_until=period.ends, arrears_until=period.ends if is_ended else period.starts
    )


def status_on(course: Course, now: datetime) -> Status:
    """What it is at `now`, also while the books are behind."""
    terms = course.terms_at(now)
    if terms is None:
        is_ahead = service_from(course.line, now) is not None
        return Status.SCHEDULED if is_ahead else Status.ENDED
    if terms.is_paused:
        return Status.PAUSED
    return Status.TRIALING if terms.is_trial else Status.ACTIVE


def terms_around(course: Course, at: datetime) -> Terms:
    """What it is to at an instant, or will be when it begins, or was when it ended."""
    ahead = (part.terms for part in course.line if part.span.ends > at)
    last = course.line[-1].terms if course.line else course.basis.terms
    return next(ahead, last)


def settled(course: Course) -> Subscription:
    """The subscription with its open period and its end as they are by all that is known.

    An open period is cut, or grows, at its end; where it turns out to have been over before it
    began, it is empty and closed next. One that does not run, and shall, is scheduled.
    """
    subscription, line = course.subscription, course.line
    changed = msgspec.structs.replace(
        subscription,
        ends_at=end_of(line) if line else subscription.starts_at,
        billed=billed_of(subscription),
    )
    starts = subscription.period.starts
    if subscription.status is Status.ACTIVE:
        period = period_at(line, starts)
        ends = starts if period is None else period.ends
        return msgspec.structs.replace(changed, period=Span(starts, ends))
    is_ended = subscription.status is Status.ENDED
    return _waiting(changed, line, subscription.period.ends if is_ended else starts)


def reaching_back(before: Course, changed: Course) -> Course:
    """The course, its open period reaching back over a gap that `changed` fills.

    So usage of that time is billed with the period. Refused where a later one was closed since.
    """
    subscription = changed.subscription
    if subscription.status is not Status.ACTIVE:
        return changed
    starts = subscription.period.starts
    for one, other in pairwise(before.line):
        gap = Span(one.span.ends, other.span.starts)
        if not gap.length or changed.terms_at(gap.starts) is None:
            continue
        if gap.ends < starts:
            raise Conflicting(
                "gap_closed",
                f"It did not run from {gap.starts.isoformat()} to {gap.ends.isoformat()}, and what "
                "came after is billed: its usage in between would never be.",
                field="number",
                mend="Leave the gap; charge what is owed for it by a fee of its own.",
            )
        if gap.ends == starts:
            period = Span(gap.starts, subscription.period.ends)
            subscription = msgspec.structs.replace(subscription, period=period)
    return msgspec.structs.replace(changed, subscription=subscription)


def decide_course(course: Course, *, now: datetime) -> CycleDecision:
    """Decide the start, or the end of the open period: as `decide_cycle` does."""
    subscription = course.subscription
    if subscription.status is Status.SCHEDULED:
        if now < subscription.period.starts:
            return NotDue(until=subscription.period.starts)
        return Open(period=subscription.period)
    due = subscription.period.ends
    if now < due:
        return NotDue(until=due)
    following = period_at(course.line, due)
    return End(at=due) if following is None else Renew(period=Span(due, following.ends))


def after(course: Course, decision: Open | Renew | End, billed: Billed) -> Subscription:
    """The subscription after the boundary was closed and `billed` for."""
    subscription = msgspec.structs.replace(course.subscription, billed=billed)
    match decision:
        case Open():
            return msgspec.structs.replace(subscription, status=Status.ACTIVE)
        case Renew(period=period):
            return msgspec.structs.replace(subscription, status=Status.ACTIVE, period=period)
        case End(at=at):
            ended = msgspec.structs.replace(subscription, status=Status.ENDED)
            return _waiting(ended, course.line, at)


def _waiting(subscription: Subscription, line: Timeline, since: datetime) -> Subscription:
    """One that does not run `since` then: scheduled if it will, ended if not."""
    begins = service_from(line, since)
    period = None if begins is None else period_at(line, begins)
    if begins is None or period is None:
        last = subscription.period
        if subscription.status is Status.SCHEDULED:
            last = Span(last.starts, last.starts)
        return msgspec.structs.replace(subscription, status=Status.ENDED, period=last)
    opening = Span(begins, period.ends)
    return msgspec.structs.replace(subscription, status=Status.SCHEDULED, period=opening)
