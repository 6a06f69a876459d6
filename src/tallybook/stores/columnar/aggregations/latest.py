"""`latest` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.latest import Latest
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows


def plan_latest(aggregation: Latest, rows: Rows) -> Plan:
    """Take the value of the last by time, of equals by place in the log."""
    del aggregation
    return Plan(rows.in_windows(rows.counted()), parts=("argMax(value, (at, position))",))
