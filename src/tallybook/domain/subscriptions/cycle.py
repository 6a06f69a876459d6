"""What happens to a subscription when it begins and when a billing period ends."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import next_boundary, period_containing
from tallybook.domain.subscriptions.subscription import Status, Subscription


class NotDue(msgspec.Struct, frozen=True):
    """The open period runs until then."""

    until: datetime


class Open(msgspec.Struct, frozen=True):
    """The subscription begins with this period: what is owed in advance for it is owed now."""

    period: Span


class AtOnce(Open, frozen=True):
    """Nothing begins or ends: changes of the period that is open are billed at once."""


class End(msgspec.Struct, frozen=True):
    """The subscription is over; the period that ended was its last."""

    at: datetime


class Renew(msgspec.Struct, frozen=True):
    """The next period begins where the last one ended."""

    period: Span


CycleDecision = NotDue | Open | End | Renew


def first_period(subscription: Subscription) -> Span:
    """From the start to the first boundary after it, or to the decided end if that is sooner.

    Under calendar alignment, or an anchor of another day, it is a stub: shorter than the others.
    """
    ends = next_boundary(subscription.cycle, subscription.starts_at, ends_at=subscription.ends_at)
    return Span(subscription.starts_at, max(ends, subscription.starts_at))


def next_period(subscription: Subscription) -> Span:
    """The period after the open one. A decided end cuts it short."""
    starts = subscription.period.ends
    return Span(starts, next_boundary(subscription.cycle, starts, ends_at=subscription.ends_at))


def full_period(subscription: Subscription) -> Span:
    """The uncut period of the calendar that the open one lies in: what a stub is a share of."""
    return period_containing(subscription.cycle, subscription.period.starts)


def decide_cycle(subscription: Subscription, *, now: datetime) -> CycleDecision:
    """Decide the start of a subscription, or the end of a period. An end outranks renewal.

    The decision is stamped with the period's boundary, not with `now`, so a late run reaches the
    same books as a punctual one. A subscription is opened first, however late; its first period is
    closed by a decision of its own.
    """
    if subscription.status is Status.SCHEDULED:
        if now < subscription.starts_at:
            return NotDue(until=subscription.starts_at)
        return Open(period=subscription.period)
    due = subscription.period.ends
    if now < due:
        return NotDue(until=due)
    if subscription.cancels_at_period_end:
        return End(at=due)
    return Renew(period=next_period(subscription))


def closed(subscription: Subscription, decision: Open | End | Renew) -> Subscription:
    """The subscription after it is opened, or after its open period is closed."""
    match decision:
        case Open():
            return msgspec.structs.replace(subscription, status=Status.ACTIVE)
        case End(at=at):
            return msgspec.structs.replace(subscription, status=Status.ENDED, ends_at=at)
        case Renew(period=period):
            return msgspec.structs.replace(subscription, status=Status.ACTIVE, period=period)
