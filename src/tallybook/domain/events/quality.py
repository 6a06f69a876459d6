"""How good the events are that arrive: what is counted of them, and what a report says.

Days are of arrival, in UTC. Volume, lateness and what was seen last are read from the log, and
quarantine from its records: those are exact. What leaves no event behind is counted as it happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

import msgspec


class Happening(StrEnum):
    """What is counted as it happens."""

    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    VIOLATION = "violation"
    """It breaks its type's schema and was taken all the same: the type only warns."""


class Counted(msgspec.Struct, frozen=True):
    """How often something happened to events of a type from a source, on a day."""

    day: date
    type: str
    source: str
    kind: Happening
    count: int


class TypeDay(msgspec.Struct, frozen=True, kw_only=True):
    """The events of a type that arrived on a day.

    Lateness is arrival less time of the event, in seconds; below zero, the event was ahead. The
    percentiles are of a sample of up to 8,192 events, the same for the same events.
    """

    type: str
    day: date
    events: int
    customers: int
    lateness_p50: str
    lateness_p95: str
    lateness_p99: str
    lateness_max: str
    last_seen: datetime


class SourceSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A source of a type: how many events of it arrived, on how many days, and the last when."""

    type: str
    source: str
    events: int
    days: int
    first_seen: datetime
    last_seen: datetime


class PropertySeen(msgspec.Struct, frozen=True, kw_only=True):
    """A property as events of a type have it.

    `kinds` count its values by how they read: integer, number, boolean, object, list, text.
    """

    type: str
    name: str
    events: int
    kinds: Mapping[str, int]


class TypeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A type as it is in the log: how much of it, and the position of its last event."""

    type: str
    events: int
    sources: int
    first_seen: datetime
    last_seen: datetime
    last_position: int
