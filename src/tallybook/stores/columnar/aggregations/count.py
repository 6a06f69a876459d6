"""`count` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.count import Count
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows


def plan_count(aggregation: Count, rows: Rows) -> Plan:
    """Count the rows."""
    del aggregation
    return Plan(rows.in_windows(rows.counted()), parts=("count()",), tallied=("sum(events)",))
