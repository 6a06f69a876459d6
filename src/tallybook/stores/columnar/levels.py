"""Levels that last: from events that set or change one to the stretches of time it was held.

A meter that looks back carries in what was in force before its span. Its rows are not events but
stretches: from an event to the next of its series, cut to the span and to each window it touches.
"""

from __future__ import annotations

from collections.abc import Sequence

from tallybook.stores.columnar.rows import Rows


def set_levels(rows: Rows, level: str, series: Sequence[str] = ()) -> str:
    """The stretches of a level that each event sets for its series.

    Columns: the keys, `series`, `level`, `held_from`, `held_till`, `window_closes`, and `position`
    and `content` of the event that set it. One that ended before the span, or sets nothing and was
    there before the window, is no part of it.
    """
    keys = ", ".join((*rows.series, *series))
    until = (
        f"leadInFrame(at, 1, {rows.closes}) OVER (PARTITION BY {keys} ORDER BY at, position "
        "ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)"
    )
    counted = rows.counted(looks_back=True)
    return _stretches(rows, f"SELECT *, {level} AS level, {until} AS until FROM ({counted})")


def changed_levels(rows: Rows, change: str) -> str:
    """The stretches of a level that events change, from nothing before the first.

    Columns as of `set_levels`, and the evidence of every event up to then: `events_so_far` and
    `checksum_so_far`.
    """
    keys = ", ".join(rows.series)
    order = f"PARTITION BY {keys} ORDER BY at, position ROWS"
    so_far = f"OVER ({order} BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    steps = (
        f"SELECT *, sum({change}) {so_far} AS level, count() {so_far} AS events_so_far, "
        f"sumWithOverflow(content) {so_far} AS checksum_so_far, "
        f"leadInFrame(at, 1, {rows.closes}) OVER ({order} BETWEEN CURRENT ROW AND 1 FOLLOWING) "
        "AS until "
        f"FROM ({rows.counted(looks_back=True)})"
    )
    return _stretches(rows, steps)


def _stretches(rows: Rows, steps: str) -> str:
    """Steps, each from `at` to `until`, cut to the span and its windows."""
    in_span = (
        f"SELECT *, greatest(at, {rows.opens}) AS begins FROM ({steps}) "
        f"WHERE at >= {rows.opens} OR (until > {rows.opens} AND level != 0)"
    )
    if rows.cuts is None:
        return (
            f"SELECT *, begins AS held_from, until AS held_till, {rows.closes} AS window_closes "
            f"FROM ({in_span})"
        )
    windows = rows.cuts.touched("begins", "until")
    return (
        "SELECT *, w.1 AS time_window, greatest(begins, w.2) AS held_from, "
        "least(until, w.3) AS held_till, w.3 AS window_closes "
        f"FROM (SELECT *, arrayJoin({windows}) AS w FROM ({in_span})) "
        "WHERE at >= w.2 OR level != 0"
    )
