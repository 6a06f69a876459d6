"""Collective invoices: what a family owes on one day as one document, grouped by child.

Each part is an invoice of one subscription, with its own lines and evidence; together they have one
number. Rules: docs/semantics/families.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from tallybook.domain.customers.customer import Customer
from tallybook.domain.invoicing.invoice import BilledTo, Invoice, InvoiceStatus, Occasion
from tallybook.domain.kernel.calendar import local_day
from tallybook.domain.kernel.identifiers import derived_id
from tallybook.domain.kernel.instants import zone


class Section(msgspec.Struct, frozen=True):
    """What one member of the family is invoiced for."""

    member: BilledTo
    parts: tuple[Invoice, ...]

    @property
    def total_minor(self) -> int:
        """The sum of its parts."""
        return sum(part.total_minor for part in self.parts)


class Collective(msgspec.Struct, frozen=True, kw_only=True):
    """One document with one number. Its total is the sum of its parts, as each is printed."""

    id: str
    number: str | None
    status: InvoiceStatus
    billed_to: BilledTo
    currency: str
    total_minor: int
    created_at: datetime
    finalized_at: datetime | None
    sections: tuple[Section, ...]


def collective_id(invoice: Invoice, payer: Customer, *, organization_id: str) -> str:
    """The id of the document that an invoice is part of: of one payer, currency and local day.

    The day is that of the boundary; of a change that is billed at once, the day that is done.
    """
    at = invoice.period.starts
    if invoice.occasion is Occasion.PERIOD:
        at = invoice.period.ends
    elif invoice.occasion is Occasion.CHANGE:
        at = invoice.created_at
    day = local_day(at, zone(payer.timezone)).isoformat()
    return derived_id("col", organization_id, payer.id, invoice.currency, day)


def part_number(number: str, place: int) -> str:
    """The number of the `place`-th part of a document, from 1."""
    return f"{number}-{place}"


def in_order(parts: Iterable[Invoice]) -> list[Invoice]:
    """Parts in the order of the document: the payer's own first, then by member and period."""
    return sorted(
        parts,
        key=lambda part: (
            part.subscriber is not None,
            part.used_by.key,
            part.period.starts,
            part.id,
        ),
    )


def collected(parts: Sequence[Invoice]) -> Collective:
    """The document that these parts are."""
    assert parts, "a document has parts"
    ordered = in_order(parts)
    first = ordered[0]
    assert first.collective_id is not None, "they are parts of one"
    members: dict[str, list[Invoice]] = {}
    for part in ordered:
        members.setdefault(part.used_by.key, []).append(part)
    return Collective(
        id=first.collective_id,
        number=None if first.number is None else first.number.rpartition("-")[0],
        status=first.status,
        billed_to=first.billed_to,
        currency=first.currency,
        total_minor=sum(part.total_minor for part in ordered),
        created_at=min(part.created_at for part in ordered),
        finalized_at=first.finalized_at,
        sections=tuple(Section(own[0].used_by, tuple(own)) for own in members.values()),
    )
