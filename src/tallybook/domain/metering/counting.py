"""Whether a meter counts an event, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tallybook.domain.events.event import UsageEvent
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.metering.aggregations.aggregation import Column
from tallybook.domain.metering.expressions.check import checked
from tallybook.domain.metering.expressions.evaluate import Unknown, Value, evaluate
from tallybook.domain.metering.expressions.nodes import Kind
from tallybook.domain.metering.meter import Meter


@dataclass(frozen=True, slots=True)
class Counted:
    """An event counts, with what the aggregation reads of it."""

    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class NotCounted:
    """An event does not count: a stable `code`, the field of the meter, and a sentence."""

    code: str
    field: str
    sentence: str


def judge(meter: Meter, event: UsageEvent) -> Counted | NotCounted:
    """Count an event if its type is the meter's, the filter is true, and every value can be read.

    A filter that cannot be computed is not true.
    """
    if event.type != meter.event_type:
        return NotCounted("other_type", "event_type", f"its type is {event.type!r}")
    if meter.filter:
        verdict = evaluate(checked(meter.filter, Kind.TRUTH), event)
        if isinstance(verdict, Unknown):
            return NotCounted(verdict.code, "filter", verdict.sentence)
        if not verdict:
            return NotCounted("filtered_out", "filter", "the filter is not true for it")
    values: dict[str, Value] = {}
    for name, column in meter.aggregation.columns.items():
        field = f"aggregation/{name}"
        value = evaluate(checked(column.expression, column.kind), event)
        if isinstance(value, Unknown):
            return NotCounted(value.code, field, value.sentence)
        unfit = misfit(name, column, value)
        if unfit is not None:
            return unfit
        values[name] = value
    return Counted(values)


def misfit(name: str, column: Column, value: Value) -> NotCounted | None:
    """Why a value is none that its column may have, if so."""
    field = f"aggregation/{name}"
    if column.options and value not in column.options:
        wanted = " or ".join(column.options)
        return NotCounted("other_text", field, f"{name} is {value!r}, not {wanted}")
    if not isinstance(value, Decimal):
        return None
    said = f"{name} is {plain(value)}, and"
    if column.least is not None and value < column.least:
        return NotCounted("out_of_range", field, f"{said} cannot be below {plain(column.least)}")
    if column.below is not None and value >= column.below:
        return NotCounted("out_of_range", field, f"{said} must be below {plain(column.below)}")
    return None
