"""`counter` in SQL."""

from __future__ import annotations

from decimal import Decimal

from tallybook.domain.metering.aggregations.counter import Counter, Decrease
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import MICROSECOND, Rows


def plan_counter(aggregation: Counter, rows: Rows) -> Plan:
    """Add up each reading's difference to the one before it in its series.

    A reading counts a microsecond before it was taken: what led up to the very end of a span is
    part of it.
    """
    register = (*rows.series, *(("series",) if aggregation.series else ()))
    readings = (
        f"SELECT {', '.join(register)}, opens, closes, at, "
        "toDecimal256(argMax(value, position), 12) AS reading, count() AS events, "
        "sumWithOverflow(content) AS contents, groupArray(position) AS positions "
        f"FROM ({rows.counted(looks_back=True, after=MICROSECOND)}) "
        f"GROUP BY {', '.join(register)}, opens, closes, at"
    )
    order = (
        f"OVER (PARTITION BY {', '.join(register)} ORDER BY at "
        "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"
    )
    before = ", ".join(
        f"lagInFrame({column}) {order} AS {column}_before"
        for column in ("toNullable(reading)", "at", "events", "contents", "positions")
    ).replace("AS toNullable(reading)_before", "AS reading_before")
    in_span = f"SELECT * FROM (SELECT *, {before} FROM ({readings})) WHERE at >= opens"
    opens = rows.cuts.bounds("time_window")[0] if rows.cuts else "opens"
    opening = f"isNotNull(reading_before) AND at_before < {opens}"
    return Plan(
        rows.in_windows(in_span),
        parts=(f"sum({_difference(aggregation, rows)})",),
        event_count=f"sum(events + if({opening}, events_before, 0))",
        checksum=f"sumWithOverflow(contents + if({opening}, contents_before, 0))",
        positions=f"arrayConcat(positions, if({opening}, positions_before, []))",
    )


def _difference(aggregation: Counter, rows: Rows) -> str:
    change = "reading - assumeNotNull(reading_before)"
    decreased = change
    if aggregation.decrease is Decrease.RESET:
        decreased = "reading"
    elif aggregation.digits is not None:
        over = rows.parameters.number(Decimal(10) ** aggregation.digits)
        decreased = f"{change} + toDecimal256({over}, 12)"
    return (
        "multiIf(isNull(reading_before), toDecimal256(0, 12), "
        f"reading >= assumeNotNull(reading_before), {change}, {decreased})"
    )
