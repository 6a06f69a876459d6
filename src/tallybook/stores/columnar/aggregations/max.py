"""`max` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.max import Max
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows


def plan_max(aggregation: Max, rows: Rows) -> Plan:
    """Take the largest."""
    del aggregation
    return Plan(
        rows.in_windows(rows.counted()),
        parts=("max(value)",),
        tallied=("max(high)",),
        subtracts=False,
    )
