"""How events become a number, and the number with its evidence."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.kernel.instants import Span


class Aggregation(msgspec.Struct, frozen=True, tag_field="type"):
    """How the values of the counted events are combined. Base of the aggregations' union."""


class Count(Aggregation, frozen=True, tag="count"):
    """The number of events."""


class Sum(Aggregation, frozen=True, tag="sum"):
    """The values added up. `value` is an expression over an event's properties."""

    value: str


class Max(Aggregation, frozen=True, tag="max"):
    """The largest value; 0 where there is none."""

    value: str


class Latest(Aggregation, frozen=True, tag="latest"):
    """The value of the last event by `occurred_at`; of two at one instant, the last to arrive."""

    value: str


class UniqueCount(Aggregation, frozen=True, tag="unique_count"):
    """How many different texts `value` takes."""

    value: str


AnyAggregation = Count | Sum | Max | Latest | UniqueCount


class Meter(msgspec.Struct, frozen=True, kw_only=True):
    """Type, filter, value, aggregation, dimensions: how events become a quantity.

    `filter` is an expression that is true for the events counted; "" counts all of `event_type`.
    `dimensions` name the properties that usage can be split by.
    """

    id: str
    key: str
    name: str
    event_type: str
    aggregation: AnyAggregation
    filter: str = ""
    dimensions: tuple[str, ...] = ()
    unit: str = ""
    created_at: datetime


class Evidence(msgspec.Struct, frozen=True):
    """What was counted: how many events, up to which position, and their checksum.

    `checksum` is the sum modulo 2**64 of the events' content hashes: the same in any order, another
    one if any event were missing, added, doubled or changed.
    """

    event_count: int
    as_of: int
    checksum: int


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which usage of one meter is asked for.

    `customers` None means all. `window` is a size (`minute`, `hour`, `day`, `week`, `month`) cut
    in `timezone`, or None for one figure. `match` keeps only events with these dimension values.
    """

    span: Span
    as_of: int
    customers: tuple[str, ...] | None = None
    window: str | None = None
    timezone: str = "UTC"
    group_by: tuple[str, ...] = ()
    match: dict[str, str] = {}


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """A meter's result for a customer, a span, and a value of each dimension grouped by."""

    customer: str
    span: Span
    dimensions: dict[str, str] = {}
    quantity: Decimal
    evidence: Evidence
