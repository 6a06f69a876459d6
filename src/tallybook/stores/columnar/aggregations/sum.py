"""`sum` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.sum import Sum
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows


def plan_sum(aggregation: Sum, rows: Rows) -> Plan:
    """Add up in 256 bits: no number of events can overflow them."""
    del aggregation
    return Plan(rows.in_windows(rows.counted()), parts=("sum(toDecimal256(value, 12))",))
