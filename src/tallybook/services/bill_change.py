"""Bill a change at once: an invoice for the difference, without waiting for the period to end."""

from __future__ import annotations

from datetime import datetime

from tallybook.domain.invoicing.invoice import Invoice, InvoiceHeader
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.services.close_period import close_subscription
from tallybook.services.draw_up_invoices import boundary_at_once, draw_up, load_contracts
from tallybook.services.load_footings import load_footings
from tallybook.services.measure_charges import UsageSheet
from tallybook.services.ports import Records, Wiring
from tallybook.services.take_turns import take_turns
from tallybook.services.watch_trials import settle_trial

_MOST_AT_ONCE = 100
"""Invoices that one change may bring: of a subscription far behind, every period up to now."""


def bill_at_once(
    wiring: Wiring, records: Records, subscription: Subscription, *, now: datetime
) -> list[Invoice]:
    """The drafts for all that is owed now by a subscription that the transaction holds locked.

    What is due is closed as a run would, its trial looked at first: an end, a period that a change
    cut short. Then what changes make of the fees of the open period is charged and given back; no
    later bill does it again. Usage of an open period is billed when it ends.
    """
    before = {each.id for each in _latest(records, subscription)}
    subscription = settle_trial(wiring, records, subscription, until=now)
    close_subscription(wiring, records, subscription, now=now)
    turns = take_turns(records, [subscription.customer_id])
    moved = records.subscriptions.by_ids([subscription.id])[subscription.id]
    contracts = load_contracts(records, [moved])
    boundary = boundary_at_once(moved, contracts)
    if boundary is not None:
        footings = load_footings(records, contracts, [moved], at=now, locked=True)
        invoice = draw_up(
            boundary,
            UsageSheet(),
            organization_id=records.organization_id,
            as_of=wiring.event_log.position(),
            created_at=now,
            footing=footings.of(boundary),
        )
        if invoice is not None:
            records.invoices.add_many([turns.numbered(invoice, subscription.customer_id)])
            records.subscriptions.replace_many([boundary.following])
    drawn_up = (records.invoices.by_id(each.id) for each in _latest(records, subscription))
    return [each for each in drawn_up if each is not None and each.id not in before]


def _latest(records: Records, subscription: Subscription) -> list[InvoiceHeader]:
    return records.invoices.page(after="", limit=_MOST_AT_ONCE, subscription_id=subscription.id)
