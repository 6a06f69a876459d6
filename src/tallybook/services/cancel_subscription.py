"""Decide the end of a subscription, or take that decision back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tallybook.domain.subscriptions.life import CancelAt, cancelled, kept_on
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.services.find_subscriptions import FullSubscription, in_full, subscription_of
from tallybook.services.ports import Wiring


def cancel_subscription(
    wiring: Wiring, organization_id: str, key: str, *, at: CancelAt = CancelAt.PERIOD_END
) -> FullSubscription:
    """End it when its period ends, or now. Its last period is billed by the next run."""
    return _decide(wiring, organization_id, key, lambda one, now: cancelled(one, at, now=now))


def undo_cancel_subscription(wiring: Wiring, organization_id: str, key: str) -> FullSubscription:
    """Take the decided end back. `Conflicting` once it has come."""
    return _decide(wiring, organization_id, key, lambda one, now: kept_on(one, now=now))


def _decide(
    wiring: Wiring,
    organization_id: str,
    key: str,
    decide: Callable[[Subscription, datetime], Subscription],
) -> FullSubscription:
    now = wiring.now_of(organization_id)
    with wiring.books.begin(organization_id) as records:
        subscription = decide(subscription_of(records, key, locked=True), now)
        records.subscriptions.replace_many([subscription])
        return in_full(records, subscription, now=now)
