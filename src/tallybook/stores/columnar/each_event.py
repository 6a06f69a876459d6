"""Counted events one by one, for prices that charge each by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from typing import Any

from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Evidence, Usage
from tallybook.domain.metering.settle import settle
from tallybook.stores.columnar.rows import Rows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def events_sql(rows: Rows) -> str:
    """A row for each counted event, by customer and time; events of one instant by content.

    So the order does not depend on the order of arrival.
    """
    value = "value" if rows.values() else "1"
    columns = ", ".join((*rows.series, "at", value, "content"))
    order = ", ".join((*rows.series[:2], "at", "content", "position"))
    return f"SELECT {columns} FROM ({rows.counted()}) ORDER BY {order}"


def rows_of_events(
    columns: Sequence[Sequence[Any]], rows: Rows, asked: Sequence[tuple[str, Span]]
) -> Mapping[tuple[str, Span], list[Usage]]:
    """Each event as usage at its instant, by customer and the span that was `asked` for.

    Those from before the span have no evidence: they are counted where they belong.
    """
    found: dict[tuple[str, Span], list[Usage]] = defaultdict(list)
    if not columns:
        return found
    names = rows.scope.group_by
    spans = _spans_by_number(rows, asked)
    quantity = settle(rows.scope.meter)
    customers, numbers, *dimensions, instants, values, contents = columns
    grouped = zip(*dimensions, strict=True) if names else repeat(())
    none = Evidence(0, rows.scope.as_of, 0)
    for customer, number, of, at, value, content in zip(
        customers, numbers, grouped, instants, values, contents, strict=False
    ):
        span = spans[number]
        instant = _EPOCH + at * _MICROSECOND
        is_own = instant >= span.starts
        found[customer, span].append(
            Usage(
                customer=customer,
                span=Span(instant, instant),
                dimensions=dict(zip(names, of, strict=True)) if names else {},
                quantity=quantity((Decimal(value),), span),
                evidence=Evidence(1, rows.scope.as_of, content) if is_own else none,
            )
        )
    return found


def _spans_by_number(rows: Rows, asked: Sequence[tuple[str, Span]]) -> list[Span]:
    """The spans asked for, in the order in which the statement numbers those it reads."""
    wider = dict(zip((span for _, span in rows.scope.asked), (s for _, s in asked), strict=True))
    return [wider[span] for span in rows.asked_spans]
