"""The beginning and the end of a subscription."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.kernel.instants import Span, to_utc
from tallybook.domain.subscriptions.agreement import Phase, Trial, TrialOrder, agree
from tallybook.domain.subscriptions.calendar import Alignment, BoundaryTime
from tallybook.domain.subscriptions.changes import EndContract
from tallybook.domain.subscriptions.changing import record
from tallybook.domain.subscriptions.course import Course, course_of
from tallybook.domain.subscriptions.cycle import first_period
from tallybook.domain.subscriptions.proration import Counting
from tallybook.domain.subscriptions.subscription import Status, Subscription

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Where the world's clocks are known or can be supposed."""


class Start(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What is asked of a new subscription. Left out: `version` is the latest, `starts_at` is now,
    `anchor` is the start, each fee is owed once, and there is no end and no trial.

    `quantities` are those of fees, by price key; `counting` is how parts of a period are counted.
    """

    key: str
    customer: str
    plan: str
    version: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    alignment: Alignment = Alignment.ANNIVERSARY
    boundary_time: BoundaryTime = BoundaryTime.LOCAL_MIDNIGHT
    anchor: datetime | None = None
    quantities: dict[str, Decimal] = {}
    counting: Counting = Counting.BY_DAY
    trial: TrialOrder | None = None

    def checked(self) -> Start:
        """The same in UTC; refused where it cannot be what was meant."""
        checked_key(self.key)
        asked = msgspec.structs.replace(
            self,
            starts_at=_bounded(self.starts_at, "starts_at"),
            ends_at=_bounded(self.ends_at, "ends_at"),
            anchor=_bounded(self.anchor, "anchor"),
        )
        if asked.alignment is Alignment.CALENDAR:
            asked._check_calendar()
        return asked

    def _check_calendar(self) -> None:
        if self.anchor is not None:
            raise Invalid(
                "anchor_on_calendar",
                "Periods on the calendar are counted from no anchor.",
                field="anchor",
                mend="Leave the anchor out, or ask for alignment anniversary.",
            )
        if self.boundary_time is not BoundaryTime.LOCAL_MIDNIGHT:
            raise Invalid(
                "clock_time_on_calendar",
                "Periods on the calendar end at local midnight.",
                field="boundary_time",
                mend="Leave it out, or ask for alignment anniversary.",
            )


def begin(
    asked: Start, customer: Customer, version: PlanVersion, *, subscription_id: str, now: datetime
) -> Subscription:
    """The subscription that `asked` describes, scheduled with its first period.

    It may begin in the past or in the future; opening it, however late, is what makes it active.
    The customer's time zone is copied, so that its calendar never moves.
    """
    if version.currency != customer.currency:
        raise Invalid(
            "currency_mismatch",
            f"Plan {version.plan_key!r} is priced in {version.currency}, and customer "
            f"{customer.key!r} is billed in {customer.currency}.",
            field="plan",
            mend=f"Name a plan in {customer.currency}.",
        )
    starts_at = asked.starts_at or now
    if asked.ends_at is not None and asked.ends_at <= starts_at:
        raise Invalid(
            "ends_before_it_starts",
            f"The end {asked.ends_at.isoformat()} is not after the start {starts_at.isoformat()}.",
            field="ends_at",
            mend="Send a later end, or none.",
        )
    scheduled = Subscription(
        id=subscription_id,
        key=asked.key,
        customer_id=customer.id,
        plan_version_id=version.id,
        interval=version.interval,
        interval_count=version.interval_count,
        alignment=asked.alignment,
        boundary_time=asked.boundary_time,
        anchor=asked.anchor or starts_at,
        quantities=dict(sorted(asked.quantities.items())),
        counting=asked.counting,
        timezone=customer.timezone,
        status=Status.SCHEDULED,
        starts_at=starts_at,
        ends_at=asked.ends_at,
        period=Span(starts_at, starts_at),
        created_at=now,
    )
    return msgspec.structs.replace(scheduled, period=first_period(scheduled))


def agreed(
    subscription: Subscription,
    asked: Start,
    version: PlanVersion,
    *,
    free_version: PlanVersion | None,
    now: datetime,
) -> Course:
    """The subscription with what its start decides already: how a trial ends, and an end.

    `free_version` is that of the plan which the trial ends in.
    """
    trial = None
    if asked.trial is not None:
        until = asked.trial.until(subscription.starts_at, subscription.timezone)
        trial = Trial(
            ends_at=_bounded(until, "trial/ends_at") or until,
            then=asked.trial.then,
            free_plan_version_id=None if free_version is None else free_version.id,
        )
    phase = Phase(plan_version_id=subscription.plan_version_id)
    _, changes = agree(subscription.starts_at, subscription.cycle, [phase], trial=trial)
    whats = [(change.effective_at, change.what) for change in changes]
    if subscription.ends_at is not None:
        whats.append((subscription.ends_at, EndContract()))
    if free_version is not None:
        _check_free(free_version, version)
    course = course_of(msgspec.structs.replace(subscription, is_trial=trial is not None), ())
    for at, what in whats:
        course = record(course, [what], at=at, now=now)
    return course


def _check_free(free: PlanVersion, version: PlanVersion) -> None:
    same = ("currency", "interval", "interval_count")
    differs = [name for name in same if getattr(free, name) != getattr(version, name)]
    if differs:
        raise Invalid(
            "free_plan_differs",
            f"Plan {free.plan_key!r} has another {', '.join(differs)} than {version.plan_key!r}.",
            field="trial/free_plan",
            mend="Name a plan with the same currency and interval.",
        )


def refuse_another(
    kept: Subscription, asked: Start, customer: Customer | None, version: PlanVersion
) -> None:
    """Refuse to start a subscription that exists and was asked for otherwise.

    `version` is that of the one kept. What `asked` leaves out does not differ: whoever retries
    meets what was started, also after a new version of the plan or a decided end.
    """
    compared = {
        "customer": (customer is not None and customer.id == kept.customer_id, asked.customer),
        "plan": (version.plan_key == asked.plan, asked.plan),
        "version": (asked.version in {None, version.version}, asked.version),
        "starts_at": (asked.starts_at in {None, kept.starts_at}, asked.starts_at),
        "ends_at": (asked.ends_at in {None, kept.ends_at}, asked.ends_at),
        "alignment": (asked.alignment is kept.alignment, asked.alignment),
        "boundary_time": (asked.boundary_time is kept.boundary_time, asked.boundary_time),
        "anchor": (asked.anchor in {None, kept.anchor}, asked.anchor),
        "quantities": (asked.quantities in ({}, kept.quantities), asked.quantities),
        "counting": (asked.counting is kept.counting, asked.counting),
        "trial": (asked.trial is None or kept.is_trial, asked.trial),
    }
    differs = [field for field, (is_same, _) in compared.items() if not is_same]
    if differs:
        raise Conflicting(
            "subscription_differs",
            f"There is a subscription {kept.key!r} already, with another {', '.join(differs)}.",
            field=differs[0],
            mend="Choose another key, or change that subscription.",
        )


def _bounded(instant: datetime | None, field: str) -> datetime | None:
    if instant is None:
        return None
    utc = to_utc(instant, field=field)
    if not _EARLIEST <= utc < _LATEST:
        raise Invalid(
            "time_out_of_range",
            f"{utc.isoformat()} is out of range.",
            field=field,
            mend=f"Send a time from {_EARLIEST.year} to {_LATEST.year - 1}.",
        )
    return utc
