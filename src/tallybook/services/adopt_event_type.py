"""Find the types that are sent already, and take them into the tracking plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from tallybook.domain.events.event_type import EventType, Status, Strictness
from tallybook.domain.events.inferring import inferred_example, inferred_schema
from tallybook.domain.events.quality import PropertySeen, TypeSeen
from tallybook.domain.kernel.errors import Conflicting, Missing
from tallybook.domain.kernel.instants import Span
from tallybook.services.ports import Wiring
from tallybook.services.save_event_type import EventTypeDefinition, save_event_type

MAX_TYPES = 500


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """A type that is sent, its properties, and the schema that all of its events keep."""

    seen: TypeSeen
    properties: list[PropertySeen]
    schema: dict[str, Any]
    example: dict[str, Any]
    is_known: bool
    """Whether the tracking plan has it."""


def recent(wiring: Wiring, days: int) -> Span:
    """The time up to now, of so many days."""
    now = wiring.now()
    return Span(now - timedelta(days=days), now + timedelta(seconds=1))


def discover_event_types(
    wiring: Wiring, organization_id: str, *, days: int, only: str = ""
) -> list[Discovery]:
    """The types that arrived in the last `days`, those with the most events first."""
    span = recent(wiring, days)
    types = wiring.traffic.types(organization_id, span, limit=MAX_TYPES)
    types = [seen for seen in types if only in ("", seen.type)]
    found = wiring.traffic.properties(organization_id, [seen.type for seen in types], span)
    by_type: dict[str, list[PropertySeen]] = {}
    for each in found:
        by_type.setdefault(each.type, []).append(each)
    with wiring.books.begin(organization_id) as records:
        known = {each.key for each in records.event_types.page()}
    examples = wiring.traffic.examples(organization_id, types)
    return [
        _discovery(seen, by_type.get(seen.type, []), examples.get(seen.type, {}), known)
        for seen in types
    ]


def adopt_event_type(
    wiring: Wiring, organization_id: str, key: str, *, days: int, owner: str = ""
) -> EventType:
    """Save the type of that key as a draft, as it is seen in the last `days`.

    `Missing` if none of it arrived; `Conflicting` if the tracking plan has it already.
    """
    found = discover_event_types(wiring, organization_id, days=days, only=key)
    if not found:
        raise Missing(
            "no_such_events",
            f"No event of type {key[:60]!r} arrived in the last {days} days.",
            field="key",
            mend="Look further back with `days`, or save the type yourself.",
        )
    [discovery] = found
    if discovery.is_known:
        raise Conflicting(
            "event_type_exists",
            f"There is an event type {key[:60]!r} already.",
            field="key",
            mend="Change it, with what `discover` says of its events at hand.",
        )
    definition = EventTypeDefinition(
        owner=owner,
        status=Status.DRAFT,
        schema=discovery.schema,
        examples=[discovery.example] if discovery.example else [],
        strictness=Strictness.OFF,
    )
    return save_event_type(wiring, organization_id, key, definition)


def _discovery(
    seen: TypeSeen, properties: list[PropertySeen], example: Mapping[str, str], known: set[str]
) -> Discovery:
    schema = inferred_schema(seen, properties)
    return Discovery(
        seen=seen,
        properties=properties,
        schema=schema,
        example=inferred_example(example, schema),
        is_known=seen.type in known,
    )
