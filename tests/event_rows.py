"""Events written straight into the event store, for tests of what is measured from them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tallybook.domain.events.event import UsageEvent
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.parameters import microseconds
from tallybook.stores.columnar.schema import TABLES

ORGANIZATION = "org_tests"
_COLUMNS = (
    "organization_id",
    "type",
    "customer",
    "source",
    "id",
    "actor",
    "occurred_at",
    "received_at",
    "position",
    "identity",
    "content",
    "properties",
)
_ARRIVED = datetime(2030, 1, 1, tzinfo=UTC)


def event(
    at: datetime | str,
    properties: Mapping[str, Any] | None = None,
    *,
    customer: str = "c1",
    type_: str = "call",
    **rest: Any,
) -> UsageEvent:
    """A usage event; properties that are no texts are written as JSON would write them."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return UsageEvent(
        type=type_,
        customer=customer,
        id=rest.pop("id", ""),
        occurred_at=moment,
        properties={name: str(value) for name, value in (properties or {}).items()},
        **rest,
    )


class EventRows:
    """The event store of one test."""

    def __init__(self, columnar: Columnar, organization_id: str = ORGANIZATION) -> None:
        self.columnar = columnar
        self.organization_id = organization_id
        self.position = 0
        with columnar.client() as client:
            for table in TABLES:
                client.command(table)

    def keep(self, events: Iterable[UsageEvent], *, organization_id: str = "") -> list[int]:
        """Write events at the next positions, in the order given; their positions."""
        rows, positions = [], []
        for each in events:
            self.position += 1
            positions.append(self.position)
            content = zlib.crc32(repr(each).encode()) * 0x9E3779B97F4A7C15 % 2**64
            rows.append(
                (
                    organization_id or self.organization_id,
                    each.type,
                    each.customer,
                    each.source,
                    each.id or f"e{self.position}",
                    each.actor,
                    each.occurred_at,
                    _ARRIVED,
                    self.position,
                    self.position,
                    content,
                    dict(each.properties),
                )
            )
        if rows:
            with self.columnar.client() as client:
                client.insert("events", rows, column_names=_COLUMNS)
        return positions

    def content(self, positions: Iterable[int]) -> int:
        """The checksum of the events at these positions, added up by hand."""
        wanted = set(positions)
        with self.columnar.client() as client:
            rows = client.query("SELECT position, content FROM events").result_rows
        total: int = sum(content for position, content in rows if position in wanted)
        return total % 2**64


__all__ = ["ORGANIZATION", "EventRows", "event", "microseconds"]
