"""What services need of the books to share invoices."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from tallybook.domain.invoicing.link import InvoiceLink


class InvoiceLinkRecords(Protocol):
    """Links to invoices of the transaction's organization. None is ever deleted."""

    def add(self, link: InvoiceLink) -> None: ...
    def by_id(self, link_id: str) -> InvoiceLink | None: ...
    def of_invoice(self, invoice_id: str) -> list[InvoiceLink]:
        """Every link that was made to it, the last made first."""

    def revoke(self, link_id: str, *, at: datetime) -> None:
        """Take it back; one that is taken back already stays so since then."""
