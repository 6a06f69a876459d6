"""`duration` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.duration import Duration
from tallybook.stores.columnar.levels import set_levels
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows


def plan_duration(aggregation: Duration, rows: Rows) -> Plan:
    """Add up the microseconds that sessions are open."""
    del aggregation
    return Plan(
        set_levels(rows, "toUInt8(operation = 'start')", ("session",)),
        parts=("sum(toInt128(level) * (held_till - held_from))",),
        positions="[position]",
    )
