"""Deciding changes: what is asked of a subscription becomes facts about it, or is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.decimals import bounded
from tallybook.domain.kernel.errors import Conflicting, Invalid, Missing, Refusal
from tallybook.domain.subscriptions.add_ons import fees_met, taken
from tallybook.domain.subscriptions.binding import (
    bound,
    contract_of,
    decided_by,
    first_term_ends,
    term_end,
)
from tallybook.domain.subscriptions.calendar import Alignment, BoundaryTime, Cycle
from tallybook.domain.subscriptions.changes import (
    AddQuantity,
    Bind,
    Change,
    EndContract,
    EndTrial,
    Pause,
    Proration,
    Reactivate,
    Resume,
    SetCycle,
    SetQuantity,
    ToPlan,
    Undo,
    is_undone,
)
from tallybook.domain.subscriptions.course import Course, reaching_back
from tallybook.domain.subscriptions.orders import (
    CalendarOrder,
    ChangeAt,
    ChangeOrder,
    ContractOrder,
    EndTrialOrder,
    OverrideOrder,
    PlanOrder,
    ReactivateOrder,
)
from tallybook.domain.subscriptions.recording import (
    Dated,
    checked_time,
    record,
    record_dated,
    says_nothing,
)
from tallybook.domain.subscriptions.subscription import Status
from tallybook.domain.subscriptions.timeline import Terms, end_of, period_at
from tallybook.domain.subscriptions.trials import trial_end, trial_ended_early, trial_moved


def effective_at(course: Course, order: ChangeOrder, *, now: datetime) -> datetime:
    """The time that a change is to hold from."""
    if order.effective_at is not None:
        if order.at is not ChangeAt.NOW:
            raise Invalid(
                "said_twice",
                f"A change holds from a time, or from {order.at.value}, and not from both.",
                field="effective_at",
                mend="Send one of at and effective_at.",
            )
        return checked_time(order.effective_at, "effective_at")
    if order.at is ChangeAt.NOW:
        return max(now, course.subscription.starts_at)
    if order.at is ChangeAt.TERM_END:
        return term_end(course, now)
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
        dated: Sequence[Dated] = [(at, Reactivate())]
    else:
        if _is_extended(course, order, at, now):
            terms = course.basis.terms
        if terms is None:
            raise _not_running(course, at)
        dated = list(_dated(course, order, terms, at, now=now, plans=plans, to=to))
    changed = record_dated(course, dated, now=now, proration=order.proration)
    _check_intervals(changed, plans if to is None else {**plans, to.id: to})
    _check_quantities(changed)
    _check_billable(course, changed)
    return changed


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
    whats = [Undo(one) for one in (number, *_undone_with(course, undone))]
    changed = record(course, whats, at=undone.effective_at, now=now)
    _check_trial_ends(changed)
    changed = reaching_back(course, changed)
    _check_intervals(changed, plans)
    _check_quantities(changed)
    _check_billable(course, changed)
    return changed


def _undone_with(course: Course, undone: Change) -> Iterator[int]:
    """The numbers of what was recorded for the sake of a change, and goes with it.

    What was to happen at a trial's end, and was called off when it ended early, happens after all;
    what a contract decided for the end of its term does not.
    """
    if isinstance(undone.what, EndTrial):
        for before in reversed(course.changes[: undone.number - 1]):
            is_of_it = before.recorded_at == undone.recorded_at and isinstance(before.what, Undo)
            if not is_of_it or before.effective_at != undone.effective_at:
                break
            yield before.number
    elif isinstance(undone.what, Bind):
        yield from (decided.number for decided in decided_by(course, undone.what))


def _dated(
    course: Course,
    order: ChangeOrder,
    terms: Terms,
    at: datetime,
    *,
    now: datetime,
    plans: Mapping[str, PlanVersion],
    to: PlanVersion | None,
) -> Iterator[Dated]:
    what = order.what
    match what:
        case PlanOrder() | OverrideOrder():
            assert to is not None, "looked up"
            yield at, _to_plan(course, terms, at, plans[terms.plan_version_id], to)
        case SetQuantity() | AddQuantity():
            since = plans[terms.plan_version_id]
            _check_fee(what, since)
            yield at, taken(terms, since, what)
        case Pause() | Resume():
            if terms.is_paused is isinstance(what, Pause):
                raise says_nothing("It is paused then." if terms.is_paused else "It is not paused.")
            yield at, what
        case EndTrialOrder():
            _check_open(course, at)
            if _is_extended(course, order, at, now):
                yield from trial_moved(course, at)
            else:
                yield from trial_ended_early(course, terms, at)
        case CalendarOrder():
            _check_open(course, at)
            yield at, _another_calendar(order, what, terms, at)
        case ContractOrder():
            try:
                contract = contract_of(what, terms, at)
            except Refusal as refusal:
                raise refusal.at("what") from None
            into = None
            if to is not None:
                ends, since = first_term_ends(contract), plans[terms.plan_version_id]
                _check_renews(since, to)
                into = _to_plan(course, terms, ends, since, to)
            yield from bound(course, contract, at, into)
        case EndContract():
            yield at, what


def _check_renews(since: PlanVersion, to: PlanVersion) -> None:
    """A contract that renews into what it is of leads nowhere else."""
    if to.id == since.id:
        raise Invalid(
            "renews_into_itself",
            f"It is of version {to.version} of {to.plan_key!r}, which it would renew into.",
            field="what/renews_into",
            mend="Leave renews_into out: a renewal goes on with the plan that there is.",
        )


def _is_extended(course: Course, order: ChangeOrder, at: datetime, now: datetime) -> bool:
    """Whether a trial that is not over yet would be, before `at`: it is to last longer."""
    ends_at = trial_end(course)
    is_running = course.basis.terms.is_trial and ends_at is not None and now < ends_at < at
    return is_running and isinstance(order.what, EndTrialOrder)


def _another_calendar(
    order: ChangeOrder, what: CalendarOrder, terms: Terms, at: datetime
) -> SetCycle:
    if order.proration is not Proration.PRORATED:
        raise Invalid(
            "proration_of_calendar",
            "The period that another calendar ends is charged for its part.",
            field="proration",
            mend="Leave it out.",
        )
    if what.alignment is Alignment.CALENDAR and what.anchor is not None:
        raise Invalid(
            "anchor_on_calendar",
            "Periods on the calendar are counted from no anchor.",
            field="what/anchor",
            mend="Leave the anchor out, or ask for alignment anniversary.",
        )
    anchor = at if what.anchor is None else checked_time(what.anchor, "what/anchor")
    cycle = msgspec.structs.replace(
        terms.cycle,
        alignment=what.alignment,
        anchor=anchor,
        boundary_time=BoundaryTime.LOCAL_MIDNIGHT,
    )
    if cycle == terms.cycle:
        raise says_nothing("Its periods are counted so already.")
    return SetCycle(cycle)


def _to_plan(
    course: Course, terms: Terms, at: datetime, since: PlanVersion, to: PlanVersion
) -> ToPlan:
    if to.id == since.id:
        raise says_nothing(f"It is to version {to.version} of {to.plan_key!r} then.")
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
    return ToPlan(plan_version_id=to.id, cycle=cycle, fees=fees_met(since, to))


def _from(cycle: Cycle, at: datetime) -> Cycle:
    """Periods counted from then on; on the calendar they are the calendar's own."""
    return msgspec.structs.replace(cycle, anchor=at)


def _check_trial_ends(course: Course) -> None:
    if course.line and course.line[-1].terms.is_trial and end_of(course.line) is None:
        raise Conflicting(
            "trial_without_end",
            f"The trial of subscription {course.subscription.key!r} would never end.",
            field="number",
            mend="Extend it: send end_trial with a later effective_at.",
        )


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
        raise says_nothing("It has not ended then.")


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
