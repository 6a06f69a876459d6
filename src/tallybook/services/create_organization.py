"""Make an organization: the tenant that all else belongs to."""

from __future__ import annotations

from tallybook.domain.customers.organization import Mode, Organization, named
from tallybook.domain.kernel.errors import Missing
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.services.ports import Wiring


def create_organization(
    wiring: Wiring, *, key: str, name: str, mode: Mode = Mode.LIVE
) -> Organization:
    """Keep a new organization. `Conflicting` if its key is taken."""
    organization = Organization(
        id=wiring.new_id("org"),
        key=checked_key(key),
        name=named(name),
        created_at=wiring.now(),
        mode=mode,
    )
    wiring.directory.add_organization(organization)
    return organization


def read_organization(wiring: Wiring, organization_id: str) -> Organization:
    """The organization of that id, which a caller was just found to act for."""
    for organization in wiring.directory.organizations():
        if organization.id == organization_id:
            return organization
    raise Missing("no_such_organization", f"There is no organization {organization_id}.")
