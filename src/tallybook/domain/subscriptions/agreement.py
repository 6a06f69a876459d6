"""What is agreed when a subscription begins: its terms, and the changes that are decided already.

A trial, phases and ramps are no machinery of their own: they are terms at the start and changes
dated ahead, and can be undone or moved like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

import msgspec

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.calendar import local_instant
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import to_utc, zone
from tallybook.domain.subscriptions.calendar import Alignment, Cycle, boundary
from tallybook.domain.subscriptions.changes import (
    AnyWhat,
    Change,
    EndContract,
    EndTrial,
    SetQuantity,
    ToPlan,
)
from tallybook.domain.subscriptions.timeline import Terms

MOST_TRIAL_DAYS = 3_650


class AfterTrial(StrEnum):
    """What a trial ends in."""

    PAID = "paid"
    FREE = "free"
    ENDED = "ended"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A time at the start without fees. One that ends in `FREE` names the plan it goes on to."""

    ends_at: datetime
    then: AfterTrial = AfterTrial.PAID
    free_plan_version_id: str | None = None


class TrialOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trial that is asked for: until a time, or so many days at the clock time of the start.

    `free_plan` is the key of the plan that it ends in, with `then: free`.
    """

    ends_at: datetime | None = None
    days: int | None = None
    then: AfterTrial = AfterTrial.PAID
    free_plan: str | None = None

    def until(self, starts_at: datetime, timezone: str) -> datetime:
        """When it ends."""
        if (self.ends_at is None) == (self.days is None):
            raise Invalid(
                "trial_length",
                "A trial has an end or a number of days.",
                field="trial",
                mend="Send ends_at or days.",
            )
        if self.ends_at is not None:
            return to_utc(self.ends_at, field="trial/ends_at")
        if not 1 <= (self.days or 0) <= MOST_TRIAL_DAYS:
            raise Invalid(
                "trial_length",
                f"A trial of {self.days} days is out of range.",
                field="trial/days",
                mend=f"Send 1 to {MOST_TRIAL_DAYS}.",
            )
        local = starts_at.astimezone(zone(timezone))
        day = local.date() + timedelta(days=self.days or 0)
        return local_instant(day, local.time(), zone(timezone))


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A plan version and quantities, for so many intervals; the last phase lasts on."""

    plan_version_id: str
    quantities: dict[str, Decimal] = {}
    interval: Interval = Interval.MONTH
    interval_count: int | None = None


def agree(
    starts_at: datetime, cycle: Cycle, phases: Sequence[Phase], *, trial: Trial | None = None
) -> tuple[Terms, tuple[Change, ...]]:
    """The terms at the start and the changes that follow from phases and a trial.

    Phases are counted from the start, each from all before it and not from the one before: three
    months from 30 November, and three more, end on 30 May. After a trial the periods of an
    anniversary are counted from the trial's end, so that the first paid one is whole.
    """
    _check(starts_at, phases, trial)
    first = phases[0]
    terms = Terms(
        plan_version_id=first.plan_version_id,
        cycle=cycle,
        quantities=dict(sorted(first.quantities.items())),
        is_trial=trial is not None,
    )
    dated = [
        *(_after_trial(trial, cycle) if trial else ()),
        *_later_phases(starts_at, cycle, phases),
    ]
    changes = tuple(
        Change(number=number, effective_at=at, recorded_at=starts_at, what=what)
        for number, (at, what) in enumerate(dated, start=1)
    )
    return terms, changes


def _after_trial(trial: Trial, cycle: Cycle) -> Iterator[tuple[datetime, AnyWhat]]:
    if trial.then is AfterTrial.ENDED:
        yield trial.ends_at, EndContract()
        return
    moved = None
    if cycle.alignment is Alignment.ANNIVERSARY:
        moved = msgspec.structs.replace(cycle, anchor=trial.ends_at)
    yield trial.ends_at, EndTrial(cycle=moved)
    if trial.then is AfterTrial.FREE:
        assert trial.free_plan_version_id is not None, "checked"
        yield trial.ends_at, ToPlan(plan_version_id=trial.free_plan_version_id)


def _later_phases(
    starts_at: datetime, cycle: Cycle, phases: Sequence[Phase]
) -> Iterator[tuple[datetime, AnyWhat]]:
    at = starts_at
    gone: dict[Interval, int] = {}
    for phase, following in pairwise(phases):
        assert phase.interval_count is not None, "checked"
        if phase.interval not in gone:
            gone = {phase.interval: 0}
            counted_from = at
        gone[phase.interval] += phase.interval_count
        ruler = msgspec.structs.replace(
            cycle,
            interval=phase.interval,
            count=1,
            alignment=Alignment.ANNIVERSARY,
            anchor=counted_from,
        )
        at = boundary(ruler, gone[phase.interval])
        yield at, ToPlan(plan_version_id=following.plan_version_id)
        for key in sorted({*phase.quantities, *following.quantities}):
            yield at, SetQuantity(key, following.quantities.get(key, Decimal(1)))


def _check(starts_at: datetime, phases: Sequence[Phase], trial: Trial | None) -> None:
    assert phases, "something is agreed"
    for index, phase in enumerate(phases):
        is_last = index == len(phases) - 1
        if is_last != (phase.interval_count is None):
            raise Invalid(
                "phase_length",
                "The last phase lasts on." if is_last else "Only the last phase lasts on.",
                field=f"phases/{index}/interval_count",
                mend="Leave it out." if is_last else "Send how many intervals it lasts.",
            )
        if phase.interval_count is not None and phase.interval_count < 1:
            raise Invalid(
                "phase_length",
                "A phase lasts at least one interval.",
                field=f"phases/{index}/interval_count",
                mend="Send 1 or more.",
            )
    if trial is None:
        return
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
