"""Invoices in the console: the list, one of them, the events behind a line, counting again."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tallybook.domain.invoicing.invoice import InvoiceStatus
from tallybook.domain.kernel.errors import Missing
from tallybook.services.create_organization import read_organization
from tallybook.services.enter_console import Visitor
from tallybook.services.ports import Wiring
from tallybook.services.read_invoice import list_invoices
from tallybook.services.share_invoice import (
    list_links,
    revoke_link,
    share_invoice,
    token_of,
)
from tallybook.web.invoice_page import Reading
from tallybook.web.invoice_view import header_view
from tallybook.web.reader import Reader
from tallybook.web.rendering import AnyRequest, render, wants_part
from tallybook.web.visiting import Visiting, requires_own_form, requires_visitor

PAGE = 50

Wired = NamedDependency[Wiring]
InvoiceId = Annotated[str, PathParameter(max_length=100)]
LineNumber = Annotated[int, PathParameter(ge=1)]
After = Annotated[str, QueryParameter(max_length=400)]


@get("/invoices", sync_to_thread=True)
def read_invoices(
    wiring: Wired,
    visitor: Visiting,
    *,
    status: Annotated[str, QueryParameter(max_length=20)] = "",
    customer: Annotated[str, QueryParameter(max_length=128)] = "",
    after: After = "",
) -> Response[str]:
    """The newest first, a page at a time; of one customer or status where asked."""
    known = {each.value: each for each in InvoiceStatus}
    customer = customer.strip()
    try:
        found = list_invoices(
            wiring,
            visitor.organization_id,
            after=after,
            limit=PAGE + 1,
            customer=customer or None,
            status=known.get(status),
        )
    except Missing:  # an unknown customer has no invoices
        found = []
    shown = found[:PAGE]
    return render(
        "invoices.html",
        visitor=visitor,
        organization=read_organization(wiring, visitor.organization_id),
        invoices=[
            header_view(invoice, Reader("en", invoice.billed_to.timezone)) for invoice in shown
        ],
        statuses=list(known),
        status=status if status in known else "",
        customer=customer,
        following=shown[-1].id if len(found) > PAGE else "",
        is_first=not after,
    )


@get("/invoices/{invoice_id:str}", sync_to_thread=True)
def read_one_invoice(wiring: Wired, visitor: Visiting, invoice_id: InvoiceId) -> Response[str]:
    """One invoice as its customer reads it, with what only the console offers around it."""
    return _reading(wiring, visitor, invoice_id).page()


@get("/invoices/{invoice_id:str}/lines/{number:int}/events", sync_to_thread=True)
def read_events(
    request: AnyRequest,
    wiring: Wired,
    visitor: Visiting,
    *,
    invoice_id: InvoiceId,
    number: LineNumber,
    after: After = "",
) -> Response[str]:
    """The very events that a line counted, some at a time."""
    return _reading(wiring, visitor, invoice_id).events(request, number, after)


@post(
    "/invoices/{invoice_id:str}/verify",
    guards=[requires_own_form],
    status_code=200,
    sync_to_thread=True,
)
def post_verification(
    request: AnyRequest, wiring: Wired, visitor: Visiting, invoice_id: InvoiceId
) -> Response[str]:
    """Count every line again and tell whether it is the same."""
    return _reading(wiring, visitor, invoice_id).verification(request)


@post(
    "/invoices/{invoice_id:str}/share",
    guards=[requires_own_form],
    status_code=200,
    sync_to_thread=True,
)
def post_share(
    request: AnyRequest, wiring: Wired, visitor: Visiting, invoice_id: InvoiceId
) -> Response[str]:
    """Make a link by which the customer can read this invoice."""
    link = share_invoice(wiring, visitor.organization_id, invoice_id, by="console")
    url = f"{request.base_url}share/{token_of(wiring, visitor.organization_id, link)}"
    return _links(request, wiring, visitor, invoice_id, url=url)


@get("/invoices/{invoice_id:str}/links", sync_to_thread=True)
def read_links(
    request: AnyRequest, wiring: Wired, visitor: Visiting, invoice_id: InvoiceId
) -> Response[str]:
    """The links that open this invoice now."""
    return _links(request, wiring, visitor, invoice_id)


@post(
    "/invoices/{invoice_id:str}/links/{link_id:str}/revoke",
    guards=[requires_own_form],
    status_code=200,
    sync_to_thread=True,
)
def post_revocation(
    request: AnyRequest,
    wiring: Wired,
    *,
    visitor: Visiting,
    invoice_id: InvoiceId,
    link_id: Annotated[str, PathParameter(max_length=100)],
) -> Response[str]:
    """Take a link back."""
    revoke_link(wiring, visitor.organization_id, invoice_id, link_id)
    return _links(request, wiring, visitor, invoice_id)


def _links(
    request: AnyRequest, wiring: Wiring, visitor: Visitor, invoice_id: str, *, url: str = ""
) -> Response[str]:
    """The address of one that was just made, and all that are open, to be taken back."""
    links = list_links(wiring, visitor.organization_id, invoice_id)
    now = wiring.now()
    return render(
        "parts/share.html" if wants_part(request) else "share.html",
        visitor=visitor,
        organization=read_organization(wiring, visitor.organization_id),
        path=f"/invoices/{invoice_id}",
        links=[
            {"id": link.id, "made": Reader().day(link.made_at), "ends": Reader().day(link.ends_at)}
            for link in links
            if link.is_open(now)
        ],
        url=url,
    )


def _reading(wiring: Wiring, visitor: Visitor, invoice_id: str) -> Reading:
    path = f"/invoices/{invoice_id}"
    return Reading(wiring, visitor.organization_id, invoice_id, path, visitor)


router = Router(
    path="/",
    guards=[requires_visitor],
    route_handlers=[
        read_invoices,
        read_one_invoice,
        read_events,
        post_verification,
        post_share,
        read_links,
        post_revocation,
    ],
)
