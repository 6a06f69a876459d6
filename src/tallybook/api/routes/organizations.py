"""Organizations: made by the operator, read by their own keys."""

from __future__ import annotations

import msgspec
from litestar import Router, get, post
from litestar.params import JSONBody

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import Page
from tallybook.api.security import requires, requires_operator
from tallybook.domain.customers.organization import Mode, Organization, Scope
from tallybook.services.create_organization import create_organization, read_organization
from tallybook.services.issue_key import issue_key


class NewOrganization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant: its key for machines, its name for people.

    One in mode `test` may live on a clock of its own; its mode never changes.
    """

    key: str
    name: str
    mode: Mode = Mode.LIVE


class FirstKeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A new organization and the text of its first key, shown this once."""

    organization: Organization
    api_key: str


@get("/v1/organization", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_own_organization(wiring: Wired, organization_id: OrganizationId) -> Organization:
    """The organization that the key acts for."""
    return read_organization(wiring, organization_id)


@get("/v1/organizations", guards=[requires_operator], sync_to_thread=True)
def read_organizations(wiring: Wired) -> Page[Organization]:
    """Every organization, the first made first. For the operator on the server's own machine."""
    return Page(wiring.directory.organizations())


@post("/v1/organizations", guards=[requires_operator], sync_to_thread=True)
def create_organization_and_key(wiring: Wired, data: JSONBody[NewOrganization]) -> FirstKeyAnswer:
    """Make an organization and a key with every scope. For the operator."""
    organization = create_organization(wiring, key=data.key, name=data.name, mode=data.mode)
    issued = issue_key(wiring, organization.id, name="first key", scopes=Scope)
    return FirstKeyAnswer(organization=organization, api_key=issued.text)


router = Router(
    path="/",
    route_handlers=[read_own_organization, read_organizations, create_organization_and_key],
    tags=["Organizations"],
)
