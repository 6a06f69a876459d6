"""`percentile` in SQL."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.percentile import Percentile
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows

_MINUTE = 60_000_000
_WHOLE = 100 * 10**6


def plan_percentile(aggregation: Percentile, rows: Rows) -> Plan:
    """Sum by short windows, sort the sums with the zeros between them, take the one at the rank."""
    bind = rows.parameters
    length = bind.whole(aggregation.minutes * _MINUTE)
    keys = ", ".join(rows.keys)
    opens, closes = rows.cuts.bounds("time_window") if rows.cuts else (rows.opens, rows.closes)
    sums = (
        f"SELECT {keys}, intDiv(at, {length}) AS number, sum(toDecimal256(value, 12)) AS total, "
        "count() AS events, sumWithOverflow(content) AS contents, "
        f"any(intDiv({closes} - 1, {length}) - intDiv({opens}, {length}) + 1) AS slots "
        f"FROM ({rows.in_windows(rows.counted())}) GROUP BY {keys}, number"
    )
    rank = f"intDiv({bind.whole(aggregation.millionths)} * any(slots) + {_WHOLE - 1}, {_WHOLE})"
    below = "countIf(total < 0)"
    empty = "(any(slots) - count())"
    sorted_ = "arraySort(groupArray(total))"
    nothing = "toDecimal256(0, 12)"
    value = (
        f"multiIf({rank} <= {below}, {sorted_}[{rank}], {rank} <= {below} + {empty}, {nothing}, "
        f"{sorted_}[{rank} - {empty}])"
    )
    return Plan(
        sums, parts=(value,), event_count="sum(events)", checksum="sumWithOverflow(contents)"
    )
