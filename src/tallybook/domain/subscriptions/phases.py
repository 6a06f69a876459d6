"""Phases: a ramp or schedule, given as what is different from when on; recorded as changes ahead.

Rules: docs/semantics/phases.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.overrides import Overrides
from tallybook.domain.catalog.plan import Interval, PlanVersion
from tallybook.domain.kernel.errors import Conflicting, Invalid, Refusal
from tallybook.domain.subscriptions.binding import decided_by
from tallybook.domain.subscriptions.calendar import Alignment, boundary
from tallybook.domain.subscriptions.changes import (
    AddQuantity,
    Bind,
    Change,
    EndTrial,
    Proration,
    SetQuantity,
    ToPlan,
    Undo,
    standing,
)
from tallybook.domain.subscriptions.changing import decide_change
from tallybook.domain.subscriptions.course import Course
from tallybook.domain.subscriptions.orders import AnyOrder, ChangeOrder, OverrideOrder, PlanOrder
from tallybook.domain.subscriptions.recording import checked_time, record

_MOST_INTERVALS = 1_200
MOST_PHASES = 100


class PhaseOrder(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What is different from a time on: the plan, what the contract says otherwise than it (a
    discount, another rule), quantities of fees. The rest stays.

    It begins at `starts_at`, or `after` so many intervals from the start of the subscription; of
    one that begins with a trial, from the end that was agreed for that.
    """

    starts_at: datetime | None = None
    after: int | None = None
    interval: Interval = Interval.MONTH
    plan: str | None = None
    version: int | None = None
    overrides: Overrides | None = None
    quantities: dict[str, Decimal] = {}
    proration: Proration = Proration.PRORATED

    @property
    def to(self) -> PlanOrder | OverrideOrder | None:
        """The plan version that it goes to, if it does."""
        if self.plan is not None:
            return PlanOrder(self.plan, self.version, self.overrides)
        return None if self.overrides is None else OverrideOrder(self.overrides)

    def begins(self, course: Course) -> datetime:
        """When it begins."""
        if (self.starts_at is None) == (self.after is None):
            raise Invalid(
                "phase_start",
                "A phase begins at a time, or after a number of intervals.",
                field="after",
                mend="Send starts_at or after.",
            )
        if self.starts_at is not None:
            return checked_time(self.starts_at, "starts_at")
        if not 1 <= (self.after or 0) <= _MOST_INTERVALS:
            raise Invalid(
                "phase_start",
                f"A phase after {self.after} intervals is out of range.",
                field="after",
                mend=f"Send 1 to {_MOST_INTERVALS}.",
            )
        ruler = msgspec.structs.replace(
            course.basis.terms.cycle,
            interval=self.interval,
            count=1,
            alignment=Alignment.ANNIVERSARY,
            anchor=charged_from(course),
        )
        return checked_time(boundary(ruler, self.after or 0), "after")


def charged_from(course: Course) -> datetime:
    """The start of a subscription, or the end that was agreed for the trial it begins with."""
    starts_at = course.subscription.starts_at
    if not course.basis.terms.is_trial:
        return starts_at
    ends = (change.effective_at for change in course.changes if isinstance(change.what, EndTrial))
    return next(ends, starts_at)


def schedule(
    course: Course,
    phases: Sequence[PhaseOrder],
    *,
    now: datetime,
    plans: Mapping[str, PlanVersion],
    to: Sequence[PlanVersion | None],
) -> Course:
    """The course with these phases, each from its own time on.

    `to` are the plan versions that they name, in the same order; `plans` all that are named by it.
    """
    since: datetime | None = None
    for place, (phase, version) in enumerate(zip(phases, to, strict=True)):
        try:
            at = phase.begins(course)
            _check_order(phase, at, since)
            orders = list(_orders(course, phase, version, at))
            if not orders:
                raise _says_nothing(phase)
            for what in orders:
                order = ChangeOrder(what=what, proration=phase.proration)
                course = decide_change(course, order, at=at, now=now, plans=plans, to=version)
        except Refusal as refusal:
            raise _in_phase(refusal, place) from None
        since = at
    return course


def without_phases_ahead(course: Course, *, now: datetime) -> Course:
    """The course with the plan and the quantities that it has at `now` for good.

    What the end of a trial, or of a contract's term, was decided to bring stays.
    """
    kept = {
        decided.number
        for change in standing(course.changes)
        if isinstance(change.what, Bind)
        for decided in decided_by(course, change.what)
    }
    trial_ends = [
        change.effective_at
        for change in standing(course.changes)
        if isinstance(change.what, EndTrial)
    ]
    undone = [
        Undo(change.number)
        for change in ahead(course, now)
        if change.number not in kept and change.effective_at not in trial_ends
    ]
    return record(course, undone, at=now, now=now) if undone else course


def ahead(course: Course, now: datetime) -> list[Change]:
    """The changes of plan and quantities that are decided and have not come."""
    return [
        change
        for change in standing(course.changes)
        if change.effective_at > now and isinstance(change.what, ToPlan | SetQuantity | AddQuantity)
    ]


def check_ahead(course: Course, phases: Sequence[PhaseOrder], *, now: datetime) -> None:
    """Refuse to schedule anew what has begun already."""
    for place, phase in enumerate(phases):
        if phase.begins(course) <= now:
            raise Conflicting(
                "phase_has_begun",
                f"A phase from {phase.begins(course).isoformat()} on would have begun already.",
                field=f"phases/{place}",
                mend="Send those that are ahead; what has begun is altered by a change.",
            )


def _orders(
    course: Course, phase: PhaseOrder, version: PlanVersion | None, at: datetime
) -> Iterator[AnyOrder]:
    terms = course.terms_at(at)
    is_there = terms is not None and version is not None and terms.plan_version_id == version.id
    if phase.to is not None and not is_there:
        yield phase.to
    for key, quantity in sorted(phase.quantities.items()):
        # None of an add-on is said again: on the plan gone to it may be a fee that is owed.
        is_said_anew = phase.to is not None and not quantity
        if is_said_anew or terms is None or terms.quantity_of(key) != quantity:
            yield SetQuantity(key, quantity)


def _in_phase(refusal: Refusal, place: int) -> Refusal:
    """The refusal, its field seen from the list of phases and not from an order."""
    field = "/".join(filter(None, ("phases", str(place), refusal.field.removeprefix("what/"))))
    return type(refusal)(refusal.code, refusal.message, field=field, mend=refusal.mend)


def _says_nothing(phase: PhaseOrder) -> Invalid:
    return Invalid(
        "phase_says_nothing",
        "All of it is so already then.",
        field="quantities" if phase.to is None else "plan" if phase.plan else "overrides",
        mend="Leave the phase out, or say what is different from then on.",
    )


def _check_order(phase: PhaseOrder, at: datetime, since: datetime | None) -> None:
    if phase.to is None and not phase.quantities:
        raise Invalid(
            "phase_says_nothing",
            "A phase says what is different from then on.",
            mend="Send plan, overrides or quantities.",
        )
    if since is not None and at <= since:
        raise Invalid(
            "phases_out_of_order",
            f"It would begin at {at.isoformat()}, not after the phase before it.",
            mend="Send phases in order of time.",
        )
