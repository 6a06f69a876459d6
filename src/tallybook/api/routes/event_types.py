"""Event types: said, listed, discovered, adopted; and what is demanded of all events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.events.event_type import EventSettings, EventType
from tallybook.domain.events.quality import PropertySeen
from tallybook.services.adopt_event_type import (
    Discovery,
    adopt_event_type,
    discover_event_types,
)
from tallybook.services.save_event_type import (
    EventTypeDefinition,
    find_event_settings,
    find_event_type,
    list_event_type_versions,
    list_event_types,
    save_event_type,
    set_event_settings,
)

Key = Annotated[str, PathParameter(description="The type, as events have it.")]
Days = Annotated[
    int, QueryParameter(ge=1, le=3660, description="Look at what arrived in so many days.")
]


class DiscoveryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A type as it is sent: how much of it, its properties, and a schema that all of it keeps."""

    type: str
    is_known: bool
    events: int
    sources: int
    first_seen: datetime
    last_seen: datetime
    properties: list[PropertySeen]
    schema: dict[str, Any]
    example: dict[str, Any]


class AdoptionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far to look back for events of the type, and who is to own it."""

    days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 30
    owner: str = ""


@get("/v1/event-types", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_event_types(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[EventType]:
    """Event types in key order."""
    found = list_event_types(wiring, organization_id, after=after, limit=limit + 1)
    return page_of(found, limit, lambda each: each.key)


@get("/v1/event-types/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_event_type(wiring: Wired, organization_id: OrganizationId, key: Key) -> EventType:
    """One event type, as it is now."""
    return find_event_type(wiring, organization_id, key)


@put("/v1/event-types/{key:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def put_event_type(
    wiring: Wired, organization_id: OrganizationId, key: Key, data: JSONBody[EventTypeDefinition]
) -> EventType:
    """Say what events of a type look like. What says the same changes nothing.

    With strictness `quarantine`, events that break the schema wait with the reason; with `warn`
    they are taken and counted. It is in force for events that arrive from now on.
    """
    return save_event_type(wiring, organization_id, key, data)


@get("/v1/event-types/{key:str}/versions", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_event_type_versions(
    wiring: Wired, organization_id: OrganizationId, key: Key
) -> Page[EventType]:
    """Every version of an event type, the first one first."""
    return Page(list_event_type_versions(wiring, organization_id, key))


@post("/v1/event-types/{key:str}/adopt", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_adoption(
    wiring: Wired, organization_id: OrganizationId, key: Key, data: JSONBody[AdoptionRequest]
) -> EventType:
    """Take a type that is sent already into the tracking plan, as a draft.

    Its schema is inferred from the events: they all keep it.
    """
    return adopt_event_type(wiring, organization_id, key, days=data.days, owner=data.owner)


@get("/v1/discovered-event-types", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_discoveries(
    wiring: Wired, organization_id: OrganizationId, days: Days = 30
) -> Page[DiscoveryAnswer]:
    """The types that are sent, those with the most events first, at most 500."""
    found = discover_event_types(wiring, organization_id, days=days)
    return Page([_discovered(each) for each in found])


@get("/v1/event-settings", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_event_settings(wiring: Wired, organization_id: OrganizationId) -> EventSettings:
    """What is demanded of all events, and of the names of types and properties."""
    return find_event_settings(wiring, organization_id)


@put("/v1/event-settings", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def put_event_settings(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[EventSettings]
) -> EventSettings:
    """Demand this of all events that arrive from now on. What is left out is not demanded."""
    return set_event_settings(wiring, organization_id, data)


def _discovered(found: Discovery) -> DiscoveryAnswer:
    seen = found.seen
    return DiscoveryAnswer(
        type=seen.type,
        is_known=found.is_known,
        events=seen.events,
        sources=seen.sources,
        first_seen=seen.first_seen,
        last_seen=seen.last_seen,
        properties=found.properties,
        schema=found.schema,
        example=found.example,
    )


router = Router(
    path="/",
    route_handlers=[
        read_event_types,
        read_event_type,
        put_event_type,
        read_event_type_versions,
        post_adoption,
        read_discoveries,
        read_event_settings,
        put_event_settings,
    ],
    tags=["Event types"],
)
