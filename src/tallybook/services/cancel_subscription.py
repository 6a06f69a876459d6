"""Decide the end of a subscription, or take that decision back."""

from __future__ import annotations

import msgspec

from tallybook.domain.invoicing.invoice import Invoice
from tallybook.domain.subscriptions.changes import Proration
from tallybook.domain.subscriptions.ending import cancel, keep
from tallybook.domain.subscriptions.orders import ChangeAt
from tallybook.services.bill_change import bill_at_once
from tallybook.services.change_subscription import keep_course, load_course
from tallybook.services.find_customers import now_for
from tallybook.services.find_subscriptions import FullSubscription, in_full, subscription_of
from tallybook.services.ports import Wiring


class Cancelled(msgspec.Struct, frozen=True):
    """A subscription whose end is decided, and the invoices that were drawn up for that at once."""

    full: FullSubscription
    invoices: list[Invoice]


def cancel_subscription(
    wiring: Wiring,
    organization_id: str,
    key: str,
    *,
    at: ChangeAt | None = None,
    refund: Proration = Proration.PRORATED,
    waives_contract: bool = False,
    bills_at_once: bool = False,
) -> Cancelled:
    """End it: now, when its period or its contract's term ends.

    The next run bills the last period; with `bills_at_once` all that is owed now is billed now.
    Without `at`, as soon as a contract lets it, else with the period. `refund` says what is given
    back of the fees of a period that is cut short: its unused share, all, or nothing.
    """
    with wiring.books.begin(organization_id) as records:
        course = load_course(records, key, locked=True)
        now = now_for(wiring, records, course.subscription.customer_id)
        ending = cancel(course, at, refund=refund, now=now, waives_contract=waives_contract)
        full = keep_course(records, course, ending, now)
        if not bills_at_once:
            return Cancelled(full, [])
        invoices = bill_at_once(wiring, records, ending.subscription, now=now)
        return Cancelled(in_full(records, subscription_of(records, key), now=now), invoices)


def undo_cancel_subscription(wiring: Wiring, organization_id: str, key: str) -> FullSubscription:
    """Take the decided end back. `Conflicting` once it has come."""
    with wiring.books.begin(organization_id) as records:
        course = load_course(records, key, locked=True)
        now = now_for(wiring, records, course.subscription.customer_id)
        return keep_course(records, course, keep(course, now=now), now)
