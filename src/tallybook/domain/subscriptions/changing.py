"""Deciding changes: what is asked of a subscription becomes facts about it, or is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.decimals import bounded
from tallybook.domain.kernel.errors import Conflicting, Invalid, Missing
from tallybook.domain.kernel.instants import to_utc
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
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
    is_undone,
    standing,
)
from tallybook.domain.subscriptions.course import Course, course_of, settled, status_on
from tallybook.domain.subscriptions.subscription import Status
from tallybook.domain.subscriptions.timeline import Terms, end_of, period_at, service_from

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_MOST_CHANGES = 10_000
"""Changes that one subscription may have: each bill folds them all."""


class ChangeAt(StrEnum):
    """When a change takes hold: at once, or when the period that now is in ends."""

    NOW = "now"
    PERIOD_END = "period_end"


class PlanOrder(
    msgspec.Struct, frozen=True, tag_field="kind", tag="plan", forbid_unknown_fields=True
):
    """To another plan; the latest version, unless one is named."""

    plan: str
    version: int | None = None


class EndTrialOrder(
    msgspec.Struct, frozen=True, tag_field="kind", tag="end_trial", forbid_unknown_fields=True
):
    """The trial is over; what was to happen at its end is called off."""


class ReactivateOrder(
    msgspec.Struct, frozen=True, tag_field="kind", tag="reactivate", forbid_unknown_fields=True
):
    """It begins again, on the calendar that it had."""


AnyOrder = (
    PlanOrder
    | SetQuantity
    | AddQuantity
    | Pause
    | Resume
    | EndTrialOrder
    | EndContract
    | ReactivateOrder
)
"""What can be asked of a subscription, told apart by `kind`."""


class ChangeOrder(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A change that is asked for: from now on, from the period's end on, or from `effective_at`.

    `effective_at` may lie before now, or ahead. `proration` says what it does to the fees of the
    period that it falls in.
    """

    what: AnyOrder
    at: ChangeAt = ChangeAt.NOW
    effective_at: datetime | None = None
    proration: Proration = Proration.PRORATED


def effective_at(course: Course, order: ChangeOrder, *, now: datetime) -> datetime:
    """The time that a change is to hold from."""
    if order.effective_at is not None:
        at = to_utc(order.effective_at, field="effective_at")
        if not _EARLIEST <= at < _LATEST:
            raise Invalid(
                "time_out_of_range",
                f"{at.isoformat()} is out of range.",
                field="effective_at",
                mend=f"Send a time from {_EARLIEST.year} to {_LATEST.year - 1}.",
            )
        return at
    if order.at is ChangeAt.NOW:
        return max(now, course.subscription.starts_at)
    period = period_at(course.line, now)
    if period is None:
        raise Conflicting(
            "no_period",
            f"Subscription {course.subscription.key!r} is in no period now.",
            field="at",
            mend="Send effective_at.",
        )
    return period.ends


def decide_change(
    course: Course,
    order: ChangeOrder,
    *,
    at: datetime,
    now: datetime,
    plans: Mapping[str, PlanVersion],
    to: PlanVersion | None = None,
) -> Course:
    """The course with what was asked for from `at` on; refused where it cannot be or says nothing.

    `plans` are those that it is or was to; `to` is the one asked for.
    """
    if at < course.subscription.starts_at:
        raise Invalid(
            "before_the_start",
            f"The subscription starts at {course.subscription.starts_at.isoformat()}.",
            field="effective_at",
            mend="Send that time or a later one.",
        )
    terms = course.terms_at(at)
    if isinstance(order.what, ReactivateOrder):
        _check_over(course, at)
        whats: Sequence[AnyWhat] = [Reactivate()]
    else:
        if terms is None:
            raise _not_running(course, at)
        whats = list(_whats(course, order.what, terms, at, plans=plans, to=to))
    changed = record(course, whats, at=at, now=now, proration=order.proration)
    _check_intervals(changed, plans if to is None else {**plans, to.id: to})
    _check_quantities(changed)
    _check_billable(course, changed)
    return changed


def record(
    course: Course,
    whats: Sequence[AnyWhat],
    *,
    at: datetime,
    now: datetime,
    proration: Proration = Proration.PRORATED,
) -> Course:
    """The course with these facts added, and the subscription settled by them."""
    subscription = course.subscription
    added = [
        Change(number=number, effective_at=at, recorded_at=now, what=what, proration=proration)
        for number, what in enumerate(whats, start=subscription.change_count + 1)
    ]
    number = subscription.change_count + len(added)
    if number > _MOST_CHANGES:
        raise Conflicting(
            "too_many_changes",
            f"Subscription {subscription.key!r} was changed {_MOST_CHANGES:,} times.",
            mend="End it, and start another one.",
        )
    counted = msgspec.structs.replace(subscription, change_count=number)
    known = course_of(counted, (*course.changes, *added))
    return msgspec.structs.replace(known, subscription=settled(known))


def undo(course: Course, number: int, *, now: datetime, plans: Mapping[str, PlanVersion]) -> Course:
    """The course as if the change of that number had never been made."""
    if not 1 <= number <= course.subscription.change_count:
        raise Missing(
            "no_such_change",
            f"Subscription {course.subscription.key!r} has no change {number}.",
            field="number",
            mend="Send the number of one that GET …/changes lists.",
        )
    if is_undone(course.changes, number):
        raise Conflicting(
            "already_undone",
            f"Change {number} is undone already.",
            field="number",
            mend="Undo the undoing to bring it back.",
        )
    undone = course.changes[number - 1]
    changed = record(course, [Undo(number)], at=undone.effective_at, now=now)
    _check_intervals(changed, plans)
    _check_quantities(changed)
    _check_billable(course, changed)
    return changed


def cancel(course: Course, at: ChangeAt, *, refund: Proration, now: datetime) -> Course:
    """The course with its end decided; as it is where it ends as soon, or has ended.

    One that has not begun is over at once, and owes nothing.
    """
    status = status_on(course, now)
    ahead = service_from(course.line, now)
    if status is Status.ENDED or ahead is None:
        return course
    period = period_at(course.line, now)
    ends_at = ahead
    if period is not None:
        ends_at = now if at is ChangeAt.NOW else period.ends
    decided = end_of(course.line)
    if decided is not None and decided <= ends_at:
        return course
    return record(course, [EndContract()], at=ends_at, now=now, proration=refund)


def keep(course: Course, *, now: datetime) -> Course:
    """The course without the end that was decided for it; too late once that has come."""
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
    kept = record(course, [Undo(change.number) for change in ends], at=now, now=now)
    for change in ends:
        terms = kept.terms_at(change.effective_at)
        if terms is not None and terms.is_trial:
            # It was the trial that should have ended with all; now it ends in paid.
            at = change.effective_at
            kept = record(kept, [EndTrial(cycle=_paid_cycle(terms, at))], at=at, now=now)
    return kept


def _whats(
    course: Course,
    what: AnyOrder,
    terms: Terms,
    at: datetime,
    *,
    plans: Mapping[str, PlanVersion],
    to: PlanVersion | None,
) -> Iterator[AnyWhat]:
    match what:
        case PlanOrder():
            assert to is not None, "looked up"
            yield _to_plan(course, terms, at, plans[terms.plan_version_id], to)
        case SetQuantity() | AddQuantity():
            _check_fee(what, plans[terms.plan_version_id])
            yield what
        case Pause() | Resume():
            if terms.is_paused is isinstance(what, Pause):
                raise _says_nothing(
                    "It is paused then." if terms.is_paused else "It is not paused."
                )
            yield what
        case EndTrialOrder():
            yield from _end_trial(course, terms, at)
        case EndContract():
            yield what


def _to_plan(
    course: Course, terms: Terms, at: datetime, since: PlanVersion, to: PlanVersion
) -> ToPlan:
    if to.id == since.id:
        raise _says_nothing(f"It is to version {to.version} of {to.plan_key!r} then.")
    if to.currency != since.currency:
        raise Invalid(
            "currency_mismatch",
            f"Plan {to.plan_key!r} is priced in {to.currency}, and {since.plan_key!r} in "
            f"{since.currency}.",
            field="what/plan",
            mend=f"Name a plan in {since.currency}, or start another subscription.",
        )
    cycle = None
    if (to.interval, to.interval_count) != (terms.cycle.interval, terms.cycle.count):
        cycle = _from(
            msgspec.structs.replace(terms.cycle, interval=to.interval, count=to.interval_count),
            at,
        )
        _check_open(course, at)
    return ToPlan(plan_version_id=to.id, cycle=cycle)


def _end_trial(course: Course, terms: Terms, at: datetime) -> Iterator[AnyWhat]:
    trial = period_at(course.line, at)
    if not terms.is_trial or trial is None:
        raise _says_nothing("It is on no trial then.")
    _check_open(course, at)
    for change in standing(course.changes):
        if change.effective_at == trial.ends:
            yield Undo(change.number)
    yield EndTrial(cycle=_paid_cycle(terms, at))


def _paid_cycle(terms: Terms, at: datetime) -> Cycle | None:
    """The periods after a trial: of an anniversary they are counted from its end."""
    return _from(terms.cycle, at) if terms.cycle.alignment is Alignment.ANNIVERSARY else None


def _from(cycle: Cycle, at: datetime) -> Cycle:
    """Periods counted from then on; on the calendar they are the calendar's own."""
    return msgspec.structs.replace(cycle, anchor=at)


def _check_fee(
    what: SetQuantity | AddQuantity, version: PlanVersion, *, field: str = "what/price_key"
) -> None:
    bounded(what.quantity, field="what/quantity")
    fees = [price.key for price in version.prices if price.meter is None]
    if what.price_key not in fees:
        raise Invalid(
            "no_such_fee",
            f"Plan {version.plan_key!r} has no fee {what.price_key!r}; quantities of usage are "
            "counted.",
            field=field,
            mend=f"Name one of {', '.join(fees) or 'the fees of another plan'}.",
        )


def _check_intervals(course: Course, plans: Mapping[str, PlanVersion]) -> None:
    """A fee is for one period of its plan, so periods must be as long as the plan says."""
    for segment in course.line:
        version, cycle = plans[segment.terms.plan_version_id], segment.terms.cycle
        if (version.interval, version.interval_count) != (cycle.interval, cycle.count):
            raise Conflicting(
                "interval_differs",
                f"From {segment.span.starts.isoformat()} on plan {version.plan_key!r} would be "
                "billed in periods of another length, by a change that is decided already.",
                field="what",
                mend="Undo that change first, and make it again after this one.",
            )


def _check_quantities(course: Course) -> None:
    for segment in course.line:
        for key, quantity in segment.terms.quantities.items():
            if quantity < 0:
                raise Invalid(
                    "quantity_below_zero",
                    f"From {segment.span.starts.isoformat()} on there would be {quantity} of "
                    f"{key!r}.",
                    field="what/quantity",
                    mend="Take away at most what is there.",
                )


def _check_open(course: Course, at: datetime) -> None:
    """A new calendar cannot begin in a period that is closed."""
    subscription = course.subscription
    if subscription.status is Status.ACTIVE and at < subscription.period.starts:
        raise Conflicting(
            "period_closed",
            "Its periods up to "
            f"{subscription.period.starts.isoformat()} are closed, and keep their boundaries.",
            field="effective_at",
            mend="Send that time or a later one.",
        )


def _check_over(course: Course, at: datetime) -> None:
    ended_at = end_of(course.line)
    if course.line and (ended_at is None or at < ended_at):
        raise _says_nothing("It has not ended then.")


def _check_billable(before: Course, changed: Course) -> None:
    """What was billed for the last time gets no further bill, so it cannot be changed any more."""
    if before.subscription.status is changed.subscription.status is Status.ENDED:
        raise Conflicting(
            "subscription_ended",
            f"Subscription {before.subscription.key!r} has ended, and its last bill is drawn up.",
            mend="Reactivate it first; or give back what was too much by a credit note.",
        )


def _not_running(course: Course, at: datetime) -> Conflicting:
    return Conflicting(
        "subscription_ended",
        f"Subscription {course.subscription.key!r} does not run at {at.isoformat()}.",
        field="effective_at",
        mend="Reactivate it, or send a time at which it runs.",
    )


def _says_nothing(message: str) -> Conflicting:
    return Conflicting("nothing_changes", message, field="what", mend="Nothing needs to be done.")


def check_agreed_quantities(quantities: Mapping[str, Decimal], version: PlanVersion) -> None:
    """Refuse quantities, agreed at a start, of what is no fee of the plan, or below zero."""
    for key, quantity in quantities.items():
        _check_fee(SetQuantity(key, quantity), version, field="quantities")
        if quantity < 0:
            raise Invalid(
                "quantity_below_zero",
                f"There cannot be {quantity} of {key!r}.",
                field=f"quantities/{key}",
                mend="Send 0 or more.",
            )
