"""Number invoices and freeze them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tallybook.domain.invoicing.invoice import Invoice
from tallybook.services.ports import Wiring
from tallybook.services.read_invoice import found
from tallybook.services.restate_usage import restate_usage

CHUNK = 2_000
"""Drafts finalized in one transaction; others who finalize wait as long."""


def finalize_invoice(wiring: Wiring, organization_id: str, invoice_id: str) -> Invoice:
    """Finalize a draft. One finalized before is answered as it is: its number stays."""
    with wiring.books.begin(organization_id) as records:
        invoice = found(records, invoice_id)
        records.invoices.finalize_many([invoice.id], at=wiring.now_of(organization_id))
        return found(records, invoice.id)


def finalize_drafts(
    wiring: Wiring,
    organization_id: str,
    *,
    until: datetime | None = None,
    recalculates: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Finalize every draft whose period ended by `until` (now, if not given), the oldest first.

    Answers how many. A run that dies is completed by the next one; numbers have no gap either way.
    With `recalculates`, drafts first take in what came late; else they stay as they were looked at.
    """
    if recalculates:
        restate_usage(wiring, organization_id)
    finalized = 0
    while True:
        now = wiring.now_of(organization_id)
        with wiring.books.begin(organization_id) as records:
            drafts = records.invoices.drafts(until=until or now, limit=CHUNK)
            if not drafts:
                return finalized
            finalized += records.invoices.finalize_many(drafts, at=now)
        if progress is not None:
            progress(finalized)
