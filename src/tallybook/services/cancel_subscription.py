"""Decide the end of a subscription, or take that decision back."""

from __future__ import annotations

from tallybook.domain.subscriptions.changes import Proration
from tallybook.domain.subscriptions.changing import ChangeAt, cancel, keep
from tallybook.services.change_subscription import keep_course, load_course
from tallybook.services.find_subscriptions import FullSubscription
from tallybook.services.ports import Wiring


def cancel_subscription(
    wiring: Wiring,
    organization_id: str,
    key: str,
    *,
    at: ChangeAt = ChangeAt.PERIOD_END,
    refund: Proration = Proration.PRORATED,
) -> FullSubscription:
    """End it when its period ends, or now. Its last period is billed by the next run.

    `refund` says what the fees of a period that is cut short come to: its share, all, or nothing.
    """
    now = wiring.now_of(organization_id)
    with wiring.books.begin(organization_id) as records:
        course = load_course(records, key, locked=True)
        return keep_course(records, course, cancel(course, at, refund=refund, now=now), now)


def undo_cancel_subscription(wiring: Wiring, organization_id: str, key: str) -> FullSubscription:
    """Take the decided end back. `Conflicting` once it has come."""
    now = wiring.now_of(organization_id)
    with wiring.books.begin(organization_id) as records:
        course = load_course(records, key, locked=True)
        return keep_course(records, course, keep(course, now=now), now)
