"""Collective invoices: one document for a family, grouped by child."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.params import PathParameter, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.routes.invoices import InvoiceAnswer, shown_invoice
from tallybook.api.security import requires
from tallybook.domain.catalog.unit import UnitWords
from tallybook.domain.customers.organization import Scope
from tallybook.domain.invoicing.collective import Collective
from tallybook.domain.invoicing.invoice import BilledTo, InvoiceStatus
from tallybook.domain.kernel.money import Money, to_major_units
from tallybook.services.name_units import unit_words
from tallybook.services.read_collective import (
    finalize_collective,
    list_collectives,
    read_collective,
)

Document = Annotated[str, PathParameter(description="The collective invoice's id, or its number.")]


class SectionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one member of the family is invoiced for: the parts, each with its own lines."""

    customer: BilledTo
    total: str
    invoices: list[InvoiceAnswer]


class CollectiveAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One document: a number, a total, and a section for each member of the family.

    `customer` is who is billed. The total is the sum of the sections.
    """

    id: str
    number: str | None
    status: InvoiceStatus
    customer: BilledTo
    currency: str
    total: str
    total_minor: int
    created_at: datetime
    finalized_at: datetime | None
    sections: list[SectionAnswer]


@get("/v1/collective-invoices", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_collectives(
    wiring: Wired,
    organization_id: OrganizationId,
    customer: Annotated[
        str | None, QueryParameter(description="Only those billed to the customer of this key.")
    ] = None,
    limit: Limit = 100,
    after: After = "",
) -> Page[CollectiveAnswer]:
    """Collective invoices: what is invoiced at a parent on one day, in order of id."""
    found = list_collectives(
        wiring, organization_id, customer=customer, after=after, limit=limit + 1
    )
    words = unit_words(wiring, organization_id)
    return page_of([_shown(each, words) for each in found], limit, lambda each: each.id)


@get("/v1/collective-invoices/{document:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_one_collective(
    wiring: Wired, organization_id: OrganizationId, document: Document
) -> CollectiveAnswer:
    """One collective invoice, with all its lines."""
    found = read_collective(wiring, organization_id, document)
    return _shown(found, unit_words(wiring, organization_id))


@post(
    "/v1/collective-invoices/{document:str}/finalize",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_collective_finalization(
    wiring: Wired, organization_id: OrganizationId, document: Document
) -> CollectiveAnswer:
    """Number it and freeze it with all its parts. Repeating it answers the same."""
    finalized = finalize_collective(wiring, organization_id, document)
    return _shown(finalized, unit_words(wiring, organization_id))


def _shown(collective: Collective, words: UnitWords) -> CollectiveAnswer:
    return CollectiveAnswer(
        id=collective.id,
        number=collective.number,
        status=collective.status,
        customer=collective.billed_to,
        currency=collective.currency,
        total=_major(collective.total_minor, collective.currency),
        total_minor=collective.total_minor,
        created_at=collective.created_at,
        finalized_at=collective.finalized_at,
        sections=[
            SectionAnswer(
                customer=section.member,
                total=_major(section.total_minor, collective.currency),
                invoices=[shown_invoice(part, words) for part in section.parts],
            )
            for section in collective.sections
        ],
    )


def _major(minor: int, currency: str) -> str:
    return format(to_major_units(Money(minor, currency)), "f")


router = Router(
    path="/",
    route_handlers=[read_collectives, read_one_collective, post_collective_finalization],
    tags=["Invoices"],
)
