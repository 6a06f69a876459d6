"""`min` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.min import Min
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows


def plan_min(aggregation: Min, rows: Rows) -> Plan:
    """Take the smallest."""
    del aggregation
    return Plan(
        rows.in_windows(rows.counted()),
        parts=("min(value)",),
        tallied=("min(low)",),
        subtracts=False,
    )
