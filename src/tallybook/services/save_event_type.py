"""Say what events of a type look like, and what an organization demands of all events."""

from __future__ import annotations

from typing import Any

import msgspec

from tallybook.domain.events.event_type import (
    EventSettings,
    EventType,
    Status,
    Strictness,
    checked_settings,
)
from tallybook.domain.kernel.errors import Missing
from tallybook.services.check_properties import checked_event_type
from tallybook.services.ports import Records, Wiring


class EventTypeDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What events of a type look like, and what becomes of those that do not.

    `schema` is a JSON Schema (2020-12) of the properties.
    """

    description: str = ""
    owner: str = ""
    status: Status = Status.DRAFT
    schema: dict[str, Any] = {}
    examples: list[dict[str, Any]] = []
    strictness: Strictness = Strictness.OFF


def save_event_type(
    wiring: Wiring, organization_id: str, key: str, definition: EventTypeDefinition
) -> EventType:
    """Keep a type, or its next version; the latest if it says the same already.

    It is in force for what arrives from now on; what waits in quarantine waits on. `Invalid` for
    what is no schema, an example that breaks it, and a name not spelt by the naming rules.
    """
    wanted = EventType(
        key=key,
        created_at=wiring.now(),
        **{field: getattr(definition, field) for field in definition.__struct_fields__},
    )
    with wiring.books.begin(organization_id) as records:
        checked_event_type(wanted, records.event_types.settings())
        latest = records.event_types.by_key(key)
        if latest is not None:
            if latest.says_the_same_as(wanted):
                return latest
            wanted = msgspec.structs.replace(wanted, version=latest.version + 1)
        records.event_types.add(wanted)
    wiring.event_rules.renew(organization_id)
    return wanted


def find_event_type(wiring: Wiring, organization_id: str, key: str) -> EventType:
    """The latest version of the type of that key; `Missing` where there is none."""
    with wiring.books.begin(organization_id) as records:
        return _found(records, key)


def list_event_types(
    wiring: Wiring, organization_id: str, *, after: str, limit: int
) -> list[EventType]:
    """Event types in key order, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        return records.event_types.page(after=after, limit=limit)


def list_event_type_versions(wiring: Wiring, organization_id: str, key: str) -> list[EventType]:
    """Every version of a type, the first one first; `Missing` where there is none."""
    with wiring.books.begin(organization_id) as records:
        return records.event_types.versions(_found(records, key).key)


def find_event_settings(wiring: Wiring, organization_id: str) -> EventSettings:
    """What is demanded of all events."""
    with wiring.books.begin(organization_id) as records:
        return records.event_types.settings()


def set_event_settings(
    wiring: Wiring, organization_id: str, settings: EventSettings
) -> EventSettings:
    """Demand this of all events that arrive from now on, and of types saved from now on."""
    checked_settings(settings)
    with wiring.books.begin(organization_id) as records:
        records.event_types.set_settings(settings)
    wiring.event_rules.renew(organization_id)
    return settings


def _found(records: Records, key: str) -> EventType:
    found = records.event_types.by_key(key)
    if found is None:
        raise Missing(
            "no_such_event_type",
            f"There is no event type {key[:60]!r}.",
            field="key",
            mend="List them, or save it; `discover` shows those that are sent already.",
        )
    return found
