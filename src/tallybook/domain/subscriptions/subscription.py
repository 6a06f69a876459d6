"""A customer's contract to a plan version in time."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tallybook.domain.kernel.instants import Span


class Alignment(StrEnum):
    """Where boundaries fall: on the calendar's own, or counted from the day it began."""

    CALENDAR = "calendar"
    ANNIVERSARY = "anniversary"


class Status(StrEnum):
    """Where a subscription is in its life."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's contract to a plan version.

    `period` is the billing period not yet closed. Boundaries fall at local midnight in `timezone`,
    which is the customer's when the subscription began.
    """

    id: str
    key: str
    customer_id: str
    plan_version_id: str
    alignment: Alignment
    timezone: str
    status: Status
    starts_at: datetime
    ends_at: datetime | None = None
    period: Span
    created_at: datetime
