"""`counter` in SQL."""

from __future__ import annotations

from decimal import Decimal

from tallybook.domain.metering.aggregations.counter import Counter, Decrease
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import MICROSECOND, Rows

_BEFORE = {
    "reading": "toNullable(reading)",
    "at": "at",
    "events": "events",
    "contents": "contents",
    "content": "content",
    "position": "position",
}
"""What is known of the reading that stood before."""


def plan_counter(aggregation: Counter, rows: Rows) -> Plan:
    """Add up each reading's difference to the one before it in its series.

    A reading counts a microsecond before it was taken: what led up to the very end of a span is
    part of it. Readings replaced at their own instant are left out of the differences; the one that
    stands is counted with them.
    """
    register = ", ".join((*rows.series, *(("series",) if aggregation.series else ())))
    order = f"PARTITION BY {register} ORDER BY at, position ROWS"
    so_far = f"OVER ({order} BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    readings = (
        f"SELECT *, value AS reading, count() {so_far} AS events, "
        f"sumWithOverflow(content) {so_far} AS contents, "
        f"groupArray(position) OVER (PARTITION BY {register}, at) AS positions, "
        f"leadInFrame(at, 1, at - 1) OVER ({order} BETWEEN CURRENT ROW AND 1 FOLLOWING) AS next_at "
        f"FROM ({rows.counted(looks_back=True, after=MICROSECOND)})"
    )
    before = ", ".join(
        f"lagInFrame({column}) OVER ({order} BETWEEN 1 PRECEDING AND CURRENT ROW) AS {name}_before"
        for name, column in _BEFORE.items()
    )
    standing = f"SELECT *, {before} FROM ({readings}) WHERE next_at != at"
    opens = rows.cuts.bounds("time_window")[0] if rows.cuts else rows.opens
    opening = f"isNotNull(reading_before) AND at_before < {opens}"
    return Plan(
        rows.in_windows(f"SELECT * FROM ({standing}) WHERE at >= {rows.opens}"),
        parts=(f"sum({_difference(aggregation, rows)})",),
        event_count=f"sum(events - events_before + ({opening}))",
        checksum=(
            "toUInt64(sumWithOverflow(contents - contents_before + "
            f"if({opening}, content_before, 0)))"
        ),
        positions=f"if({opening}, arrayPushBack(positions, position_before), positions)",
    )


def _difference(aggregation: Counter, rows: Rows) -> str:
    change = "toDecimal256(reading, 12) - toDecimal256(assumeNotNull(reading_before), 12)"
    decreased = change
    if aggregation.decrease is Decrease.RESET:
        decreased = "toDecimal256(reading, 12)"
    elif aggregation.digits is not None:
        over = rows.parameters.number(Decimal(10) ** aggregation.digits)
        decreased = f"{change} + toDecimal256({over}, 12)"
    return (
        "multiIf(isNull(reading_before), toDecimal256(0, 12), "
        f"reading >= assumeNotNull(reading_before), {change}, {decreased})"
    )
