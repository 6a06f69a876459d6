"""`time_weighted` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.stores.columnar.cuts import days_of
from tallybook.stores.columnar.levels import changed_levels, set_levels
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows

_WIDE = "toDecimal256(value, 12)"
_INTEGRAL = "sum(toDecimal256(level, 12) * toInt64(held_till - held_from))"


def plan_time_weighted(aggregation: TimeWeighted, rows: Rows) -> Plan:
    """Add up level times microseconds, in 256 bits."""
    if not aggregation.changes:
        series = ("series",) if aggregation.series else ()
        levels = set_levels(rows, "value", series)
        return Plan(levels, parts=(_INTEGRAL,), positions="[position]")
    return Plan(
        changed_levels(rows, _WIDE),
        parts=(_days(aggregation, rows) if aggregation.whole_days else _INTEGRAL,),
        event_count="max(events_so_far)",
        checksum="argMax(checksum_so_far, events_so_far)",
        looks_back=True,
    )


def _days(aggregation: TimeWeighted, rows: Rows) -> str:
    """Add up level times days. A stretch has the days at whose end it is there, or the window's."""
    days = days_of(rows.scope.span, aggregation.timezone, rows.parameters)
    touched = f"length({days.touched('held_from', 'held_till')})"
    ends_within_day = (
        f"held_till < window_closes AND {days.key('held_till')} = {days.key('held_till - 1')}"
    )
    owned = f"toInt64({touched}) - if({ends_within_day}, 1, 0)"
    return f"sum(level * if(held_from < held_till, {owned}, 0))"
