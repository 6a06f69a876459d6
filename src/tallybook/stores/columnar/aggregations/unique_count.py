"""`unique_count` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.unique_count import UniqueCount
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows


def plan_unique_count(aggregation: UniqueCount, rows: Rows) -> Plan:
    """Count the different texts, exactly."""
    del aggregation
    return Plan(rows.in_windows(rows.counted()), parts=("uniqExact(value)",))
