"""`average` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.average import Average
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows


def plan_average(aggregation: Average, rows: Rows) -> Plan:
    """Add up and count; the domain divides."""
    del aggregation
    return Plan(
        rows.in_windows(rows.counted()),
        parts=(
            "sum(toDecimal256(value, 12))",
            "count()",
        ),
        tallied=("sum(total)", "sum(events)"),
    )
