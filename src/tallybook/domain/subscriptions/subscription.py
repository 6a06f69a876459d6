"""A customer's contract to a plan version in time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import Alignment, BoundaryTime, Cycle
from tallybook.domain.subscriptions.proration import Counting
from tallybook.domain.subscriptions.trial_watch import TrialWatch


class Status(StrEnum):
    """Where a subscription is in its life. The books know `scheduled`, `active` and `ended`."""

    SCHEDULED = "scheduled"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Billed(msgspec.Struct, frozen=True, kw_only=True):
    """Up to when fees are billed, and how many changes the last bill knew of."""

    advance_until: datetime
    arrears_until: datetime
    changes: int = 0


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's contract to a plan version.

    `period` is the billing period not yet closed; of an ended one, the last. `timezone` is the
    customer's when the subscription began, and the interval is the plan version's, so that its
    calendar never moves. `ends_at` is the end that was decided, reached or still ahead. `status` is
    that of the books: it moves when a period is closed. What it is at an instant, `status_at` says.

    Plan version, calendar, `quantities` (of fees, by price key) and `is_trial` are what was agreed
    at the start; `change_count` changes were recorded since. `billed` is kept of one that is not
    plain. `trial_watch` is what must be looked at for its trial; None once that is over.
    """

    id: str
    key: str
    customer_id: str
    plan_version_id: str
    interval: Interval = Interval.MONTH
    interval_count: int = 1
    alignment: Alignment
    boundary_time: BoundaryTime = BoundaryTime.LOCAL_MIDNIGHT
    anchor: datetime
    timezone: str
    status: Status
    starts_at: datetime
    ends_at: datetime | None = None
    period: Span
    created_at: datetime
    quantities: dict[str, Decimal] = {}
    is_trial: bool = False
    counting: Counting = Counting.BY_DAY
    change_count: int = 0
    billed: Billed | None = None
    trial_watch: TrialWatch | None = None

    @property
    def is_plain(self) -> bool:
        """Whether its fees are simply those of its plan, once each and by the day."""
        return not (
            self.change_count
            or self.quantities
            or self.is_trial
            or self.counting is not Counting.BY_DAY
        )

    @property
    def cycle(self) -> Cycle:
        """The rule that its period boundaries follow."""
        return Cycle(
            interval=self.interval,
            count=self.interval_count,
            alignment=self.alignment,
            anchor=self.anchor,
            timezone=self.timezone,
            boundary_time=self.boundary_time,
        )

    @property
    def cancels_at_period_end(self) -> bool:
        """Whether the open period is the last."""
        return self.ends_at is not None and self.ends_at <= self.period.ends


def status_at(subscription: Subscription, now: datetime) -> Status:
    """What a subscription is at `now`, also while a period that has ended waits to be closed."""
    if subscription.status is Status.ENDED:
        return Status.ENDED
    if subscription.ends_at is not None and subscription.ends_at <= now:
        return Status.ENDED
    return Status.SCHEDULED if now < subscription.starts_at else Status.ACTIVE
