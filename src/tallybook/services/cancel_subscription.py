"""Decide the end of a subscription, or take that decision back."""

from __future__ import annotations

from tallybook.domain.subscriptions.changes import Proration
from tallybook.domain.subscriptions.ending import cancel, keep
from tallybook.domain.subscriptions.orders import ChangeAt
from tallybook.services.change_subscription import keep_course, load_course
from tallybook.services.find_customers import now_for
from tallybook.services.find_subscriptions import FullSubscription
from tallybook.services.ports import Wiring


def cancel_subscription(
    wiring: Wiring,
    organization_id: str,
    key: str,
    *,
    at: ChangeAt | None = None,
    refund: Proration = Proration.PRORATED,
    waives_contract: bool = False,
) -> FullSubscription:
    """End it: now, when its period or its contract's term ends. The next run bills the last period.

    Without `at`, as soon as a contract lets it, else with the period. `refund` says what is given
    back of the fees of a period that is cut short: its unused share, all, or nothing.
    """
    with wiring.books.begin(organization_id) as records:
        course = load_course(records, key, locked=True)
        now = now_for(wiring, records, course.subscription.customer_id)
        ending = cancel(course, at, refund=refund, now=now, waives_contract=waives_contract)
        return keep_course(records, course, ending, now)


def undo_cancel_subscription(wiring: Wiring, organization_id: str, key: str) -> FullSubscription:
    """Take the decided end back. `Conflicting` once it has come."""
    with wiring.books.begin(organization_id) as records:
        course = load_course(records, key, locked=True)
        now = now_for(wiring, records, course.subscription.customer_id)
        return keep_course(records, course, keep(course, now=now), now)
