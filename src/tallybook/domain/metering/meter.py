"""How events become a number, and the number with its evidence."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import Rounding
from tallybook.domain.metering.aggregations.count import Count
from tallybook.domain.metering.aggregations.latest import Latest
from tallybook.domain.metering.aggregations.max import Max
from tallybook.domain.metering.aggregations.registered import AnyAggregation
from tallybook.domain.metering.aggregations.sum import Sum
from tallybook.domain.metering.aggregations.unique_count import UniqueCount

__all__ = [
    "AnyAggregation",
    "Conversion",
    "Count",
    "Evidence",
    "FinalRounding",
    "Latest",
    "Max",
    "Meter",
    "Sum",
    "Together",
    "UniqueCount",
    "Usage",
    "UsageQuery",
]


class Conversion(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """From what was aggregated to the meter's unit, in one exact step: bytes to GiB, Wh to kWh."""

    multiply_by: Decimal = Decimal(1)
    divide_by: Decimal = Decimal(1)


class FinalRounding(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """To how many decimal places the quantity is rounded; a negative scale means tens, hundreds."""

    scale: int
    mode: Rounding = Rounding.HALF_UP


class Meter(msgspec.Struct, frozen=True, kw_only=True):
    """Type, filter, value, aggregation, dimensions: how events become a quantity.

    `filter` is an expression that is true for the events counted; "" counts all of `event_type`.
    `dimensions` name the properties that usage can be split by. What was aggregated is converted,
    then rounded, and is then in `unit`s.
    """

    id: str
    key: str
    version: int = 1
    name: str
    event_type: str
    aggregation: AnyAggregation
    filter: str = ""
    dimensions: tuple[str, ...] = ()
    unit: str = ""
    conversion: Conversion | None = None
    rounding: FinalRounding | None = None
    created_at: datetime


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """What was counted: how many events, up to which position, and their checksum.

    `checksum` is the sum modulo 2**64 of the events' content hashes: the same in any order, another
    one if any event were missing, added, doubled or changed.
    """

    event_count: int
    as_of: int
    checksum: int


class UsageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which usage of one meter is asked for.

    `customers` None means all, or those after the first key of `between` and up to its second.
    `window` is a size (`minute`, `hour`, `day`, `week`, `month`) cut
    in `timezone`, or None for one figure. `match` keeps only events with these dimension values.
    """

    span: Span
    as_of: int
    customers: tuple[str, ...] | None = None
    between: tuple[str, str] | None = None
    window: str | None = None
    timezone: str = "UTC"
    group_by: tuple[str, ...] = ()
    match: dict[str, str] = {}


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """Which usage is counted as one's: all its events together, as if of one customer or value.

    All `customers` are then "", or all dimension `values`, or both. `left_out` is whose events are
    no part of it: of customers, the customer; of values, these, after the customer if customers
    stay apart.
    """

    customers: bool = False
    values: bool = False
    left_out: tuple[tuple[str, ...], ...] = ()


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A meter's result for a customer, a span, and a value of each dimension grouped by.

    Events without a dimension's property, or with an empty one, have the value "".
    """

    customer: str
    span: Span
    dimensions: dict[str, str] = {}
    quantity: Decimal
    evidence: Evidence
