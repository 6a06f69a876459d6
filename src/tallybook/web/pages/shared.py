"""One invoice behind a signed link: what its customer sees, without a key or a session."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import PathParameter

from tallybook.services.ports import Wiring
from tallybook.services.share_invoice import open_share
from tallybook.web.invoice_page import Reading
from tallybook.web.pages.invoices import After, LineNumber, Wired
from tallybook.web.rendering import AnyRequest
from tallybook.web.visiting import requires_own_form

Token = Annotated[str, PathParameter(max_length=1000)]


@get("/share/{token:str}", sync_to_thread=True)
def read_shared_invoice(wiring: Wired, token: Token) -> Response[str]:
    """The invoice that the link opens."""
    return _reading(wiring, token).page()


@get("/share/{token:str}/lines/{number:int}/events", sync_to_thread=True)
def read_shared_events(
    request: AnyRequest, wiring: Wired, *, token: Token, number: LineNumber, after: After = ""
) -> Response[str]:
    """The events behind a line of it."""
    return _reading(wiring, token).events(request, number, after)


@post("/share/{token:str}/verify", guards=[requires_own_form], status_code=200, sync_to_thread=True)
def post_shared_verification(request: AnyRequest, wiring: Wired, token: Token) -> Response[str]:
    """Count it again, for its customer."""
    return _reading(wiring, token).verification(request)


def _reading(wiring: Wiring, token: str) -> Reading:
    shared = open_share(wiring, token)
    return Reading(
        wiring,
        shared.organization_id,
        shared.invoice_id,
        f"/share/{token}",
        ends_at=shared.ends_at,
    )


router = Router(
    path="/", route_handlers=[read_shared_invoice, read_shared_events, post_shared_verification]
)
