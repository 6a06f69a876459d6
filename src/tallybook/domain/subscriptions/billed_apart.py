"""Whether two subscriptions are billed up to different times: docs/semantics/families.md.

Usage that goes from one to the other is charged for once only where one's closed periods end where
the other's open one begins.
"""

from __future__ import annotations

from datetime import datetime

from tallybook.domain.subscriptions.subscription import Status, Subscription


def are_billed_apart(one: Subscription, other: Subscription) -> bool:
    """Whether a closed period of either overlaps the open time of the other."""
    return _overlap(one, other) or _overlap(other, one)


def closed_until(subscription: Subscription) -> datetime:
    """Up to when its periods are closed; its start, if none is."""
    match subscription.status:
        case Status.ENDED:
            return subscription.period.ends
        case Status.SCHEDULED:
            billed = subscription.billed
            return subscription.starts_at if billed is None else billed.arrears_until
    return subscription.period.starts


def _overlap(closed: Subscription, opened: Subscription) -> bool:
    """Whether the closed periods of one overlap the open one of the other, or what follows it."""
    if opened.status is Status.ENDED:
        return False
    return max(closed.starts_at, opened.period.starts) < closed_until(closed)
