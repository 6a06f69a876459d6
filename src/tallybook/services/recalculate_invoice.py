"""Count and rate a draft again up to now, so that it has what came late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec

from tallybook.domain.invoicing.invoice import (
    Invoice,
    InvoiceHeader,
    InvoiceStatus,
    LineKind,
    Occasion,
)
from tallybook.domain.invoicing.reckoned import plan_versions_of
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.kernel.instants import Span
from tallybook.services.load_footings import Redrawing
from tallybook.services.ports import Records, Wiring
from tallybook.services.read_invoice import found
from tallybook.services.take_turns import take_turns
from tallybook.services.verify_invoice import load_facts, recompute

_MOST_LATER = 1_000


def recalculate_invoice(wiring: Wiring, organization_id: str, invoice_id: str) -> Invoice:
    """Put a draft's lines in the place of what they were, by all events known now.

    What else it goes by stays: the plan version, the versions of meters, the changes and whose
    usage was pooled that it was drawn up with. The drafts that go by it follow, because conditions
    count what was billed before: of later periods of its subscription, and of the customer's others
    that have a limit on all. Refused once it, or one that goes by it, is finalized: what comes late
    is restated then.
    """
    as_of = wiring.event_log.position()
    with wiring.books.begin(organization_id) as records:
        invoice = _held(records, invoice_id)
        if invoice.status is not InvoiceStatus.DRAFT:
            raise _final(invoice)
        later = _later(records, invoice)
        for each in later:
            if each.status not in {InvoiceStatus.DRAFT, InvoiceStatus.VOID}:
                raise _later_is_final(each)
        drafts = [each.id for each in (invoice, *later) if each.status is InvoiceStatus.DRAFT]
        for place, draft in enumerate(drafts):
            redrawing = Redrawing(frozenset(drafts), pending=frozenset(drafts[place:]))
            _redraw(wiring, records, draft, as_of, redrawing)
        return found(records, invoice.id)


def _held(records: Records, invoice_id: str) -> Invoice:
    """The invoice; nobody else bills its customer meanwhile, where a limit counts all it has."""
    invoice = found(records, invoice_id)
    take_turns(records, [invoice.used_by.customer_id])
    return found(records, invoice_id)


def _redraw(
    wiring: Wiring, records: Records, invoice_id: str, as_of: int, redrawing: Redrawing
) -> None:
    facts = load_facts(records, invoice_id, redrawing=redrawing)
    draft = msgspec.structs.replace(facts.invoice, as_of=as_of)
    recomputed = recompute(wiring, replace(facts, invoice=draft))
    for line in draft.lines:
        if line.kind is LineKind.PRICE and line.number not in recomputed:
            raise Conflicting(
                "cannot_be_rated_again",
                f"The price {line.price_key!r} of line {line.number} or its meter is not there.",
                field="invoice_id",
                mend="Verify the invoice: it says what differs.",
            )
    lines = tuple(recomputed[number] for number in sorted(recomputed))
    total_minor = sum(line.amount_minor for line in lines)
    redrawn = msgspec.structs.replace(draft, lines=lines, total_minor=total_minor)
    if not records.invoices.redraw(redrawn):
        raise _final(draft)


def _later(records: Records, invoice: Invoice) -> list[InvoiceHeader]:
    """The invoices that go by this one, in the order in which they were drawn up."""
    own = _invoices_of(records, invoice.subscription_id)
    later = [each for each in own if each.period.starts > invoice.period.starts]
    later += _counting(records, invoice)

    def turn(each: InvoiceHeader) -> tuple[int, datetime, datetime, bool, Span]:
        is_other = each.subscription_id != invoice.subscription_id
        return each.turn or 0, each.created_at, each.boundary, is_other, each.period

    return sorted(later, key=turn)


def _counting(records: Records, invoice: Invoice) -> list[InvoiceHeader]:
    """The bills drawn up after it of the customer's other subscriptions that count all it has."""
    subscription = records.subscriptions.by_ids([invoice.subscription_id])[invoice.subscription_id]
    others = [
        each
        for each in records.subscriptions.of_customer(subscription.customer_id)
        if each.id != subscription.id
    ]
    if not others:
        return []
    changes = records.subscriptions.changes_of([each.id for each in others if each.change_count])
    versions = {each.id: plan_versions_of(each, changes.get(each.id, ())) for each in others}
    plans = records.plans.by_ids({name for names in versions.values() for name in names})
    return [
        each
        for other, names in versions.items()
        if any(plans[name].counts_customer for name in names)
        for each in _invoices_of(records, other)
        if each.occasion is Occasion.PERIOD and _is_drawn_up_after(each, invoice)
    ]


def _is_drawn_up_after(each: InvoiceHeader, invoice: InvoiceHeader) -> bool:
    if each.turn is not None:
        return invoice.turn is None or each.turn > invoice.turn
    if invoice.turn is not None:
        return False  # drawn up before anybody knew of a limit
    return (each.created_at, each.boundary) >= (invoice.created_at, invoice.boundary)


def _invoices_of(records: Records, subscription_id: str) -> list[InvoiceHeader]:
    return records.invoices.page(after="", limit=_MOST_LATER, subscription_id=subscription_id)


def _final(invoice: InvoiceHeader) -> Conflicting:
    return Conflicting(
        "already_finalized",
        f"The invoice {invoice.number or invoice.id} is {invoice.status.value}, no draft.",
        field="invoice_id",
        mend="Nothing: events that came late are restated. GET /v1/restatements lists them.",
    )


def _later_is_final(later: InvoiceHeader) -> Conflicting:
    return Conflicting(
        "later_is_final",
        f"{later.number} is finalized and goes by it: it is of a later period of the same "
        "subscription, or has a limit on all that the customer is billed for.",
        field="invoice_id",
        mend="Finalize it as it is: events that came late are then restated.",
    )
