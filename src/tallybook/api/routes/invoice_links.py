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
    """A link to an invoice. `url` is its address, told when it is made and never again.

    `made_by` is an API key's id, `operator`, or `console`. It `is_open` until it ends or is taken
    back.
    """

    id: str
    invoice_id: str
    url: str | None
    is_open: bool
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
    url = f"{request.base_url}share/{token_of(wiring, organization_id, link)}"
    return _shown(wiring, link, url=url)


@get("/v1/invoices/{invoice_id:str}/links", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_invoice_links(
    wiring: Wired, organization_id: OrganizationId, invoice_id: InvoiceId
) -> Page[InvoiceLinkAnswer]:
    """Every link that was made to an invoice, the last made first. Addresses are not told again."""
    links = list_links(wiring, organization_id, invoice_id)
    return Page([_shown(wiring, link) for link in links])


@delete(
    "/v1/invoices/{invoice_id:str}/links/{link_id:str}",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def delete_invoice_link(
    wiring: Wired, organization_id: OrganizationId, invoice_id: InvoiceId, link_id: LinkId
) -> InvoiceLinkAnswer:
    """Take a link back: it opens nothing from now on. Repeating it answers the same."""
    return _shown(wiring, revoke_link(wiring, organization_id, invoice_id, link_id))


def _shown(wiring: Wiring, link: InvoiceLink, *, url: str | None = None) -> InvoiceLinkAnswer:
    is_open = link.is_open(wiring.now())
    return InvoiceLinkAnswer(**msgspec.structs.asdict(link), url=url, is_open=is_open)


router = Router(
    path="/",
    route_handlers=[post_invoice_link, read_invoice_links, delete_invoice_link],
    tags=["Invoices"],
)
