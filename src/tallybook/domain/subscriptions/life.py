"""The beginning and the end of a subscription."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.kernel.instants import Span, to_utc
from tallybook.domain.subscriptions.calendar import Alignment, BoundaryTime, next_boundary
from tallybook.domain.subscriptions.cycle import first_period
from tallybook.domain.subscriptions.subscription import Status, Subscription, status_at

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Where the world's clocks are known or can be supposed."""


class Start(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What is asked of a new subscription. Left out: `version` is the latest, `starts_at` is now,
    `anchor` is the start, and there is no end."""

    key: str
    customer: str
    plan: str
    version: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    alignment: Alignment = Alignment.ANNIVERSARY
    boundary_time: BoundaryTime = BoundaryTime.LOCAL_MIDNIGHT
    anchor: datetime | None = None

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


class CancelAt(StrEnum):
    """When a cancellation takes hold."""

    PERIOD_END = "period_end"
    NOW = "now"


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
        timezone=customer.timezone,
        status=Status.SCHEDULED,
        starts_at=starts_at,
        ends_at=asked.ends_at,
        period=Span(starts_at, starts_at),
        created_at=now,
    )
    return msgspec.structs.replace(scheduled, period=first_period(scheduled))


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
    }
    differs = [field for field, (is_same, _) in compared.items() if not is_same]
    if differs:
        raise Conflicting(
            "subscription_differs",
            f"There is a subscription {kept.key!r} already, with another {', '.join(differs)}.",
            field=differs[0],
            mend="Choose another key, or change that subscription.",
        )


def cancelled(subscription: Subscription, at: CancelAt, *, now: datetime) -> Subscription:
    """The subscription with its end decided: now, or when the period that `now` is in ends.

    The end is that of the calendar, also while the books are behind. One that has not begun is
    over at once and owes nothing; one that has ended stays as it is.
    """
    match status_at(subscription, now):
        case Status.ENDED:
            return subscription
        case Status.SCHEDULED:
            nothing = Span(subscription.starts_at, subscription.starts_at)
            return msgspec.structs.replace(
                subscription, status=Status.ENDED, ends_at=nothing.ends, period=nothing
            )
    ends_at = now if at is CancelAt.NOW else next_boundary(subscription.cycle, now)
    if subscription.ends_at is not None:
        ends_at = min(ends_at, subscription.ends_at)
    return _ending(subscription, ends_at)


def kept_on(subscription: Subscription, *, now: datetime) -> Subscription:
    """The subscription without the end that was decided for it; too late once that has come."""
    if status_at(subscription, now) is Status.ENDED:
        raise Conflicting(
            "subscription_ended",
            f"Subscription {subscription.key!r} has ended.",
            mend="Start another one.",
        )
    return _ending(subscription, None)


def _ending(subscription: Subscription, ends_at: datetime | None) -> Subscription:
    """The open period is cut by the end, or grows back where it is taken away."""
    starts = subscription.period.starts
    ends = next_boundary(subscription.cycle, starts, ends_at=ends_at)
    return msgspec.structs.replace(
        subscription, ends_at=ends_at, period=Span(starts, max(starts, ends))
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
