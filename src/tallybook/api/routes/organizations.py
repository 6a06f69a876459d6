"""The caller's own organization."""

from __future__ import annotations

from litestar import Router, get

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.create_organization import read_organization


@get("/v1/organization", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_own_organization(wiring: Wired, organization_id: OrganizationId) -> Organization:
    """The organization that the key acts for."""
    return read_organization(wiring, organization_id)


router = Router(path="/", route_handlers=[read_own_organization], tags=["Organization"])
