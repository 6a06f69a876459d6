"""`unique_count` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.unique_count import Held, UniqueCount
from tallybook.stores.columnar.cuts import days_of
from tallybook.stores.columnar.levels import set_levels
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows


def plan_unique_count(aggregation: UniqueCount, rows: Rows) -> Plan:
    """Count the different texts, exactly."""
    if not aggregation.operation:
        return Plan(rows.in_windows(rows.counted()), parts=("uniqExact(value)",))
    return Plan(
        set_levels(rows, "toUInt8(operation = 'add')", ("value",)),
        parts=(_held(aggregation, rows),),
        positions="[position]",
    )


def _held(aggregation: UniqueCount, rows: Rows) -> str:
    if aggregation.held is Held.AT_END:
        return "countIf(level = 1 AND held_till = window_closes)"
    if aggregation.held is Held.AT_ANY_TIME:
        return "uniqExactIf(value, level = 1)"
    days = days_of(rows.scope.span, aggregation.timezone, rows.parameters)
    touched = f"arrayMap(day -> (value, day.1), {days.touched('held_from', 'held_till')})"
    return f"uniqExactArrayIf({touched}, level = 1)"
