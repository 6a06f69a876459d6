"""The base of the aggregations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import msgspec

from tallybook.domain.kernel.decimals import widely
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.expressions.nodes import Kind

_MICROSECOND = timedelta(microseconds=1)


class Column(msgspec.Struct, frozen=True):
    """What is read of each event: an expression, its kind and, if not any, what it may be.

    That is one of the texts `options`; or a number that is at `least` so much, and `below` so much.
    """

    expression: str
    kind: Kind = Kind.NUMBER
    options: tuple[str, ...] = ()
    least: Decimal | None = None
    below: Decimal | None = None


class Aggregation(
    msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True, forbid_unknown_fields=True
):
    """How the values of the counted events are combined. Base of the aggregations' union."""

    divides: ClassVar[bool] = False
    """Whether its quantity is a quotient, which may have more places than are kept."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """What is read of each event, by field. One that it cannot be read of is not counted."""
        return {}

    @property
    def looks_back(self) -> bool:
        """Whether events before a span, or at its very end, matter to its quantity."""
        return False

    def check(self) -> None:
        """Refuse a definition that means nothing, with the field and the mend."""

    def quantity(self, parts: Sequence[Decimal], span: Span) -> Decimal:
        """The quantity of `span`, from the exact figures that the event store gives for it."""
        del span
        return parts[0]


class TimeUnit(StrEnum):
    """In what a level held over time is told. `span` gives the mean level of the span."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    SPAN = "span"


_UNITS = {
    TimeUnit.SECOND: timedelta(seconds=1),
    TimeUnit.MINUTE: timedelta(minutes=1),
    TimeUnit.HOUR: timedelta(hours=1),
    TimeUnit.DAY: timedelta(days=1),
}


def per_unit(level_microseconds: Decimal, unit: TimeUnit, span: Span) -> Decimal:
    """A level held over time, told in `unit`: level-hours, or the mean over the whole span."""
    length = span.length if unit is TimeUnit.SPAN else _UNITS[unit]
    with widely():
        return level_microseconds / Decimal(length // _MICROSECOND)
