"""Links by which an invoice can be read without a key: made, listed, taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.params import PathParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import Page
from tallybook.api.routes.corrections import made_by
from tallybook.api.routes.invoices import InvoiceId
from tallybook.api.security import Asking, requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.invoicing.link import InvoiceLink
from tallybook.services.ports import Wiring
from tallybook.services.share_invoice import list_links, revoke_link, share_invoice, token_of

LinkId = Annotated[str, PathParameter(description="The link's id, lnk_….")]
AnyRequest = Request[Any, Any, Any]


class InvoiceLinkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A link to an invoice. `url` is null once it opens nothing, ended or taken back.

    `made_by` is an API key's id, `operator`, or `console`.
    """

    id: str
    invoice_id: str
    url: str | None
    made_at: datetime
    made_by: str
    ends_at: datetime
    revoked_at: datetime | None


@post("/v1/invoices/{invoice_id:str}/links", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_invoice_link(
    request: AnyRequest,
    wiring: Wired,
    organization_id: OrganizationId,
    caller: Asking,
    invoice_id: InvoiceId,
) -> InvoiceLinkAnswer:
    """Make a link: whoever has it can read the invoice, its working and its events, for 90 days."""
    link = share_invoice(wiring, organization_id, invoice_id, by=made_by(caller))
    return _shown(request, wiring, organization_id, link)


@get("/v1/invoices/{invoice_id:str}/links", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def read_invoice_links(
    request: AnyRequest, wiring: Wired, organization_id: OrganizationId, invoice_id: InvoiceId
) -> Page[InvoiceLinkAnswer]:
    """Every link that was made to an invoice, the last made first.

    It takes the scope `write`, because whoever reads an address can hand it on.
    """
    links = list_links(wiring, organization_id, invoice_id)
    return Page([_shown(request, wiring, organization_id, link) for link in links])


@delete(
    "/v1/invoices/{invoice_id:str}/links/{link_id:str}",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def delete_invoice_link(
    request: AnyRequest,
    wiring: Wired,
    organization_id: OrganizationId,
    invoice_id: InvoiceId,
    link_id: LinkId,
) -> InvoiceLinkAnswer:
    """Take a link back: it opens nothing from now on. Repeating it answers the same."""
    link = revoke_link(wiring, organization_id, invoice_id, link_id)
    return _shown(request, wiring, organization_id, link)


def _shown(
    request: AnyRequest, wiring: Wiring, organization_id: str, link: InvoiceLink
) -> InvoiceLinkAnswer:
    token = token_of(wiring, organization_id, link)
    is_open = link.is_open(wiring.now())
    return InvoiceLinkAnswer(
        **msgspec.structs.asdict(link), url=f"{request.base_url}share/{token}" if is_open else None
    )


router = Router(
    path="/",
    route_handlers=[post_invoice_link, read_invoice_links, delete_invoice_link],
    tags=["Invoices"],
)
