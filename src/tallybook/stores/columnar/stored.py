"""Stored events, as rows of the events table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tallybook.domain.events.event import StoredEvent
from tallybook.stores.columnar.parameters import from_microseconds

STORED = (
    "type, customer, id, toUnixTimestamp64Micro(occurred_at), source, actor, properties, "
    "toUnixTimestamp64Micro(received_at), position"
)
"""What is selected to make a `StoredEvent`."""


def stored_event(row: Sequence[Any]) -> StoredEvent:
    """The event of a row of `STORED`."""
    type_, customer, id_, occurred_us, source, actor, properties, received_us, position = row
    return StoredEvent(
        type=type_,
        customer=customer,
        id=id_,
        occurred_at=from_microseconds(occurred_us),
        source=source,
        actor=actor,
        properties=properties,
        received_at=from_microseconds(received_us),
        position=position,
    )
