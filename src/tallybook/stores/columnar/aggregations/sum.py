"""`sum` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.sum import Sum
from tallybook.stores.columnar.levels import changed_levels
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows

_WIDE = "toDecimal256(value, 12)"


def plan_sum(aggregation: Sum, rows: Rows) -> Plan:
    """Add up in 256 bits: no number of events can overflow them."""
    if not aggregation.carries:
        return Plan(
            rows.in_windows(rows.counted()), parts=(f"sum({_WIDE})",), tallied=("sum(total)",)
        )
    return Plan(
        changed_levels(rows, _WIDE),
        parts=("sumIf(level, held_till = window_closes)",),
        event_count="max(events_so_far)",
        checksum="argMax(checksum_so_far, events_so_far)",
        looks_back=True,
    )
