"""What must be looked at while a trial runs, and when it ends."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class WithoutPaymentMethod(StrEnum):
    """What a trial that should end in paid ends in, where no payment method is on file by then."""

    PAID = "paid"
    PAUSED = "paused"
    ENDED = "ended"


class UsageLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much of a meter: a trial is over with the event that reaches it."""

    meter: str
    quantity: Decimal


class TrialWatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must be looked at while a trial runs, or when it ends: usage, a payment method."""

    limit: UsageLimit | None = None
    without_payment_method: WithoutPaymentMethod = WithoutPaymentMethod.PAID
