"""A way into the console for whoever runs the server."""

from __future__ import annotations

import msgspec
from litestar import Router, post

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.security import AnyRequest, requires, requires_operator
from tallybook.domain.customers.organization import Scope
from tallybook.services.enter_console import offer_entrance


class ConsoleLink(msgspec.Struct, frozen=True):
    """Where the console is entered. Good for some minutes, once."""

    path: str


@post(
    "/v1/console-links",
    guards=[requires_operator, requires(Scope.READ)],
    sync_to_thread=True,
)
def create_console_link(
    request: AnyRequest, wiring: Wired, organization_id: OrganizationId
) -> ConsoleLink:
    """Make a link that signs a browser in to the organization's console. For the operator."""
    return ConsoleLink(f"/enter/{offer_entrance(wiring, organization_id, request.app.state.boot)}")


router = Router(path="/", route_handlers=[create_console_link], tags=["Server"])
