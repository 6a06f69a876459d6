"""Read invoices, one or a list of them, and the events behind a line."""

from __future__ import annotations

from tallybook.domain.events.event import StoredEvent
from tallybook.domain.invoicing.invoice import Invoice, InvoiceHeader, InvoiceStatus
from tallybook.domain.kernel.errors import Missing
from tallybook.domain.kernel.plurals import so_many
from tallybook.domain.metering.meter import UsageQuery
from tallybook.services.ports import Records, Wiring


def read_invoice(wiring: Wiring, organization_id: str, invoice_id: str) -> Invoice:
    """An invoice with its lines, by id or number."""
    with wiring.books.begin(organization_id) as records:
        return found(records, invoice_id)


def list_invoices(
    wiring: Wiring,
    organization_id: str,
    *,
    after: str = "",
    limit: int = 100,
    customer: str | None = None,
    subscription: str | None = None,
    status: InvoiceStatus | None = None,
) -> list[InvoiceHeader]:
    """Invoices without their lines, newest first; of a customer or subscription by its key."""
    with wiring.books.begin(organization_id) as records:
        return records.invoices.page(
            after=after,
            limit=limit,
            customer_id=None if customer is None else _customer_id(records, customer),
            subscription_id=None
            if subscription is None
            else _subscription_id(records, subscription),
            status=status,
        )


def list_line_events(
    wiring: Wiring,
    organization_id: str,
    invoice_id: str,
    number: int,
    *,
    after: str = "",
    limit: int = 100,
) -> tuple[list[StoredEvent], str]:
    """The very events that a line counted, and where to go on, or ""; of a fee there are none."""
    with wiring.books.begin(organization_id) as records:
        invoice = found(records, invoice_id)
        line = records.invoices.line(invoice.id, number)
        if line is None:
            raise Missing(
                "no_such_line",
                f"The invoice has {so_many(len(invoice.lines), 'line|lines')}, "
                f"and none numbered {number}.",
                field="number",
                mend=f"Send a number from 1 to {len(invoice.lines)}.",
            )
        if line.proof is None:
            return [], ""
        meter = records.meters.by_id(line.proof.meter_id)
    assert meter is not None, "a meter that was billed is never deleted"
    query = UsageQuery(
        span=line.proof.span,
        as_of=line.proof.evidence.as_of,
        customers=line.proof.customers,
        match=line.proof.match,
    )
    events, next_ = wiring.usage.events_behind(
        organization_id, meter, query, after=after, limit=limit
    )
    return wiring.corrections.annotated(organization_id, events), next_


def found(records: Records, invoice_id: str) -> Invoice:
    """The invoice of that id or number; `Missing` where there is none."""
    invoice = records.invoices.by_id(invoice_id)
    if invoice is None:
        raise Missing(
            "no_such_invoice",
            f"There is no invoice {invoice_id[:60]!r}.",
            field="invoice_id",
            mend="Send the id or the number of one that GET /v1/invoices lists.",
        )
    return invoice


def _customer_id(records: Records, key: str) -> str:
    customer = records.customers.by_key(key)
    if customer is None:
        raise Missing(
            "no_such_customer",
            f"There is no customer {key[:60]!r}.",
            field="customer",
            mend="Send the key of one that exists.",
        )
    return customer.id


def _subscription_id(records: Records, key: str) -> str:
    subscription = records.subscriptions.by_key(key)
    if subscription is None:
        raise Missing(
            "no_such_subscription",
            f"There is no subscription {key[:60]!r}.",
            field="subscription",
            mend="Send the key of one that exists.",
        )
    return subscription.id
