"""Read collective invoices, and finalize them."""

from __future__ import annotations

from tallybook.domain.invoicing.collective import Collective, collected
from tallybook.domain.invoicing.numbering import is_invoice_number
from tallybook.domain.kernel.errors import Missing
from tallybook.services.find_customers import customer_of, now_for
from tallybook.services.ports import Records, Wiring


def read_collective(wiring: Wiring, organization_id: str, document: str) -> Collective:
    """A collective invoice with all its parts, by id or number."""
    with wiring.books.begin(organization_id) as records:
        return _found(records, document)


def list_collectives(
    wiring: Wiring,
    organization_id: str,
    *,
    customer: str | None = None,
    after: str = "",
    limit: int = 100,
) -> list[Collective]:
    """Collective invoices in order of id; of who is invoiced, if a customer is named."""
    with wiring.books.begin(organization_id) as records:
        payer = None if customer is None else customer_of(records, customer, field="customer").id
        ids = records.invoices.collective_ids(after=after, limit=limit, customer_id=payer)
        return [collected(records.invoices.of_collective(each)) for each in ids]


def finalize_collective(wiring: Wiring, organization_id: str, document: str) -> Collective:
    """Number it, with all its parts, and freeze it. One finalized before stays as it is."""
    with wiring.books.begin(organization_id) as records:
        found = _found(records, document)
        parts = [part.id for section in found.sections for part in section.parts]
        now = now_for(wiring, records, found.billed_to.customer_id)
        records.invoices.finalize_many(parts, at=now)
        return _found(records, found.id)


def _found(records: Records, document: str) -> Collective:
    named: str | None = document
    if is_invoice_number(document):
        named = records.invoices.collective_id_of(document)
    parts = records.invoices.of_collective(named) if named is not None else []
    if not parts:
        raise Missing(
            "no_such_collective_invoice",
            f"There is no collective invoice {document[:140]!r}.",
            mend="Name one that GET /v1/collective-invoices lists.",
        )
    return collected(parts)
