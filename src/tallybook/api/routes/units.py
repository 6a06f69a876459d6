"""Units: what one and several are called in the languages that customers read."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Router, get, put
from litestar.params import JSONBody, PathParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.security import requires
from tallybook.domain.catalog.unit import Unit
from tallybook.domain.customers.organization import Scope
from tallybook.domain.kernel.plurals import UnitForms
from tallybook.services.name_units import find_unit, list_units, put_unit

UnitName = Annotated[str, PathParameter(description="The unit, as meters and prices name it.")]


class UnitRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a unit is called, by language: `en`, `sv`, `de`."""

    names: dict[str, UnitForms]


@put("/v1/units/{unit:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def write_unit(
    wiring: Wired, organization_id: OrganizationId, unit: UnitName, data: JSONBody[UnitRequest]
) -> Unit:
    """Name a unit: what one and several of it are called. Lines are told by it from now on.

    A unit without names is told as it is written; well-known English words in both forms.
    """
    now = wiring.now_of(organization_id)
    return put_unit(wiring, organization_id, Unit(key=unit, names=data.names, created_at=now))


@get("/v1/units", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_units(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[Unit]:
    """Units that have names, in order."""
    found = list_units(wiring, organization_id, after=after, limit=limit + 1)
    return page_of(found, limit, lambda each: each.key)


@get("/v1/units/{unit:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_unit(wiring: Wired, organization_id: OrganizationId, unit: UnitName) -> Unit:
    """The names of one unit."""
    return find_unit(wiring, organization_id, unit)


router = Router(path="/", route_handlers=[write_unit, read_units, read_unit], tags=["Units"])
