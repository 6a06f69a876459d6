"""Trials: a time at the start without fees, ended by time or by what was used.

A trial is no machinery of its own: it is a term agreed at the start, and changes dated ahead say
how it ends. They can be undone or moved like any other. Rules: docs/semantics/trials.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tallybook.domain.kernel.calendar import local_instant
from tallybook.domain.kernel.decimals import bounded
from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.domain.kernel.instants import to_utc, zone
from tallybook.domain.metering.meter import Count, Max, Meter, Sum, UniqueCount
from tallybook.domain.subscriptions.binding import moved
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
from tallybook.domain.subscriptions.changes import (
    Bind,
    EndContract,
    EndTrial,
    Meeting,
    Pause,
    ToPlan,
    Undo,
    standing,
)
from tallybook.domain.subscriptions.course import Course
from tallybook.domain.subscriptions.recording import Dated, says_nothing
from tallybook.domain.subscriptions.timeline import FOREVER, Terms, period_at
from tallybook.domain.subscriptions.trial_watch import (
    TrialWatch,
    UsageLimit,
    WithoutPaymentMethod,
)

MOST_TRIAL_DAYS = 3_650
_LONGEST_BY_USAGE_DAYS = 365
"""How long a trial lasts that ends by usage, if that is never reached and nothing else is said."""


class AfterTrial(StrEnum):
    """What a trial ends in."""

    PAID = "paid"
    FREE = "free"
    ENDED = "ended"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A time at the start without fees. One that ends in `FREE` names the plan it goes on to, and
    says what becomes of fees there."""

    ends_at: datetime
    then: AfterTrial = AfterTrial.PAID
    free_plan_version_id: str | None = None
    free_plan_fees: dict[str, Meeting] = {}


class TrialOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trial that is asked for: until a time, for so many days at the clock time of the start, or
    until `usage` is reached; whichever comes first. By usage alone it lasts a year at most.

    `free_plan` is the key of the plan that it ends in, with `then: free`. With
    `requires_payment_method` it is refused to whom has none; `without_payment_method` says what
    becomes of who has none when it ends. A customer has one trial of a plan, unless `again`.
    """

    ends_at: datetime | None = None
    days: int | None = None
    usage: UsageLimit | None = None
    then: AfterTrial = AfterTrial.PAID
    free_plan: str | None = None
    requires_payment_method: bool = False
    without_payment_method: WithoutPaymentMethod = WithoutPaymentMethod.PAID
    again: bool = False

    @property
    def watch(self) -> TrialWatch | None:
        """What must be looked at; None where it simply runs out."""
        outcome = self.without_payment_method
        if self.then is not AfterTrial.PAID:
            outcome = WithoutPaymentMethod.PAID
        if self.usage is None and outcome is WithoutPaymentMethod.PAID:
            return None
        return TrialWatch(limit=self.usage, without_payment_method=outcome)

    def until(self, starts_at: datetime, timezone: str) -> datetime:
        """When it ends, if usage does not end it before."""
        if self.usage is not None and bounded(self.usage.quantity, field="trial/usage") <= 0:
            raise Invalid(
                "trial_length",
                f"A trial of {self.usage.quantity} is none.",
                field="trial/usage/quantity",
                mend="Send more than 0.",
            )
        if self.ends_at is not None and self.days is None:
            return to_utc(self.ends_at, field="trial/ends_at")
        days = self.days
        if days is None and self.usage is not None:
            days = _LONGEST_BY_USAGE_DAYS
        if days is None or self.ends_at is not None:
            raise Invalid(
                "trial_length",
                "A trial has an end or a number of days, or ends by usage.",
                field="trial",
                mend="Send ends_at, days or usage.",
            )
        if not 1 <= days <= MOST_TRIAL_DAYS:
            raise Invalid(
                "trial_length",
                f"A trial of {days} days is out of range.",
                field="trial/days",
                mend=f"Send 1 to {MOST_TRIAL_DAYS}.",
            )
        local = starts_at.astimezone(zone(timezone))
        day = local.date() + timedelta(days=days)
        return local_instant(day, local.time(), zone(timezone))


def after_trial(trial: Trial, cycle: Cycle, *, starts_at: datetime) -> list[Dated]:
    """The changes by which a trial ends, decided at its start.

    After it the periods of an anniversary are counted from the trial's end, so that the first paid
    one is whole.
    """
    if trial.ends_at <= starts_at:
        raise Invalid(
            "trial_ends_before_it_starts",
            "The trial ends before it starts.",
            field="trial/ends_at",
            mend="Send a time after the start.",
        )
    if (trial.then is AfterTrial.FREE) != (trial.free_plan_version_id is not None):
        raise Invalid(
            "free_plan_of_trial",
            "A trial that ends in a free plan names it; another names none.",
            field="trial/free_plan",
            mend="Send it with then: free, and only then.",
        )
    if trial.then is AfterTrial.ENDED:
        return [(trial.ends_at, EndContract())]
    ending: list[Dated] = [(trial.ends_at, EndTrial(cycle=paid_cycle(cycle, trial.ends_at)))]
    if trial.free_plan_version_id is not None:
        to_free = ToPlan(plan_version_id=trial.free_plan_version_id, fees=trial.free_plan_fees)
        ending.append((trial.ends_at, to_free))
    return ending


def paid_cycle(cycle: Cycle, at: datetime) -> Cycle | None:
    """The periods after a trial: of an anniversary they are counted from its end."""
    if cycle.alignment is not Alignment.ANNIVERSARY:
        return None
    return msgspec.structs.replace(cycle, anchor=at)


def trial_end(course: Course) -> datetime | None:
    """When the trial that a subscription begins with is over, if usage does not end it before."""
    trial = period_at(course.line, course.subscription.starts_at)
    return None if trial is None or trial.ends == FOREVER else trial.ends


def trial_ended_early(course: Course, terms: Terms, at: datetime) -> Iterator[Dated]:
    """The trial is over at `at`, and paid for from then on.

    What was to happen at its end is called off; a contract that was to begin there begins now.
    """
    trial = period_at(course.line, at)
    if not terms.is_trial or trial is None:
        raise says_nothing("It is on no trial then.")
    at_end = [change for change in standing(course.changes) if change.effective_at == trial.ends]
    for change in at_end:
        yield at, Undo(change.number)
    yield at, EndTrial(cycle=paid_cycle(terms.cycle, at))
    for change in at_end:
        if isinstance(change.what, Bind):
            yield from moved(course, change.what, at)


def trial_moved(course: Course, at: datetime) -> Iterator[Dated]:
    """The trial that it begins with is over at `at`, sooner by usage or later because it was
    extended: what was to happen at its end happens then."""
    ends_at = trial_end(course)
    assert ends_at is not None, "it has an end"
    terms = course.basis.terms
    at_end = [change for change in standing(course.changes) if change.effective_at == ends_at]
    for change in at_end:
        yield at, Undo(change.number)
    for change in at_end:
        if isinstance(change.what, EndTrial):
            yield at, EndTrial(cycle=paid_cycle(terms.cycle, at))
        elif isinstance(change.what, EndContract | ToPlan):
            yield at, change.what
    for change in at_end:
        if isinstance(change.what, Bind):
            yield from moved(course, change.what, at)


def trial_unpayable(ends_at: datetime, outcome: WithoutPaymentMethod) -> list[Dated]:
    """What becomes at its end of a trial that should be paid for, and cannot be."""
    match outcome:
        case WithoutPaymentMethod.PAID:
            return []
        case WithoutPaymentMethod.PAUSED:
            return [(ends_at, Pause())]
    return [(ends_at, EndContract())]


def check_limit(limit: UsageLimit, meter: Meter | None) -> None:
    """Refuse a trial by the usage of a meter that is not there, or that does not add up."""
    if meter is None:
        raise Invalid(
            "unknown_meter",
            f"There is no meter {limit.meter!r}.",
            field="trial/usage/meter",
            mend="Make the meter first, or correct its key.",
        )
    if not isinstance(meter.aggregation, Count | Sum | UniqueCount | Max):
        raise Invalid(
            "trial_by_no_total",
            f"Meter {meter.key!r} does not add up, so it may be reached and left again.",
            field="trial/usage/meter",
            mend="Name a meter that counts, sums, counts uniques or takes the largest.",
        )


def check_entitled(*, requires_payment_method: bool, has_payment_method: bool) -> None:
    """Refuse a trial that requires a payment method to whom has none on file."""
    if requires_payment_method and not has_payment_method:
        raise Conflicting(
            "payment_method_missing",
            "The trial requires a payment method, and the customer has none on file.",
            field="trial/requires_payment_method",
            mend="Set has_payment_method of the customer, once there is one.",
        )
