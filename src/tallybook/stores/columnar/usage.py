"""Usage measured in the event store."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import repeat
from typing import Any

import msgspec

from tallybook.domain.events.event import EventQuery, StoredEvent
from tallybook.domain.events.limits import EARLIEST, LATEST
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.metering.meter import Evidence, Meter, Together, Usage, UsageQuery
from tallybook.domain.metering.settle import settle
from tallybook.domain.metering.windows import checked_window, cut
from tallybook.services.ports import CustomerSpan, Inspection
from tallybook.stores.columnar.aggregations.registered import PLANS
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.each_event import events_sql, rows_of_events
from tallybook.stores.columnar.parameters import Parameters, microseconds
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import MICROSECOND, Rows, Scope
from tallybook.stores.columnar.standing import CorrectionIndex
from tallybook.stores.columnar.stored import STORED, stored_event
from tallybook.stores.columnar.supposed import supposed
from tallybook.stores.columnar.tallies import Tallies

_OF_ONE = " SETTINGS optimize_move_to_prewhere = 0"
"""The key leads to one customer's rows: to filter column by column costs more than it spares."""


class ColumnarUsage:
    """The `UsageStore` port: one statement for each question, whatever number of customers."""

    def __init__(
        self,
        columnar: Columnar,
        tallies: Tallies | None = None,
        corrections: CorrectionIndex | None = None,
    ) -> None:
        self._columnar = columnar
        self._tallies = tallies or Tallies(columnar)
        self._corrections = corrections or CorrectionIndex(columnar)

    def measure(self, organization_id: str, meter: Meter, query: UsageQuery) -> list[Usage]:
        """Usage by customer, then dimensions, then window. No row where nothing was counted."""
        if query.customers == () or query.span.starts == query.span.ends:
            return []
        return self._measured(scope_of(organization_id, meter, query))

    def measure_spans(
        self,
        organization_id: str,
        meter: Meter,
        spans: Sequence[CustomerSpan],
        *,
        as_of: int,
        group_by: tuple[str, ...] = (),
    ) -> list[Usage]:
        """Usage of many customers, each over its own span, by one query to the event store."""
        asked = tuple(
            dict.fromkeys((each.customer, each.span) for each in spans if each.span.length)
        )
        if not asked:
            return []
        hull = Span(min(span.starts for _, span in asked), max(span.ends for _, span in asked))
        is_shared = len({span for _, span in asked}) == 1
        return self._measured(
            Scope(
                organization_id=organization_id,
                meter=meter,
                span=hull,
                as_of=as_of,
                customers=tuple(customer for customer, _ in asked) if is_shared else None,
                asked=() if is_shared else asked,
                group_by=group_by,
            )
        )

    def each_event(
        self,
        organization_id: str,
        meter: Meter,
        spans: Sequence[CustomerSpan],
        *,
        as_of: int,
        group_by: tuple[str, ...] = (),
        before: timedelta = timedelta(0),
    ) -> Mapping[tuple[str, Span], list[Usage]]:
        """Every event of many customers by itself, in order of time, by one query."""
        asked = tuple(
            dict.fromkeys((each.customer, each.span) for each in spans if each.span.length)
        )
        if not asked:
            return {}
        rows = self._rows(
            Scope(
                organization_id=organization_id,
                meter=meter,
                span=Span(
                    min(span.starts for _, span in asked) - before,
                    max(span.ends for _, span in asked),
                ),
                as_of=as_of,
                asked=tuple((who, Span(span.starts - before, span.ends)) for who, span in asked),
                group_by=group_by,
            )
        )
        return rows_of_events(self._columns(events_sql(rows), rows), rows, asked)

    def measure_supposed(
        self,
        organization_id: str,
        meter: Meter,
        query: UsageQuery,
        without: EventQuery,
        *,
        backfill_id: str = "",
        staged: int = 0,
    ) -> list[Usage]:
        """Usage as it would be without some events, and with those that a backfill has staged."""
        standing = self._corrections.standing(organization_id, meter.event_type, query.as_of)
        later = msgspec.structs.replace(query, as_of=query.as_of + staged)
        rows = Rows(scope_of(organization_id, meter, later), standing)
        rows.table = supposed(rows, without, as_of=query.as_of, backfill_id=backfill_id)
        return self._answered(rows, _plan(rows))

    def measure_together(
        self, organization_id: str, meter: Meter, query: UsageQuery, together: Together
    ) -> list[Usage]:
        """Usage of several customers, or of several values, counted as one's."""
        rows = self._rows(scope_of(organization_id, meter, query))
        rows.together = together
        return self._answered(rows, _plan(rows))

    def customers(
        self, organization_id: str, meter: Meter, query: UsageQuery, *, after: str, limit: int
    ) -> list[str]:
        """Customers with events that may count, in key order, those after `after`."""
        rows = self._rows(scope_of(organization_id, meter, query))
        where = _reached(_plan(rows), rows)
        where.append(f"customer > {rows.parameters.text(after)}")
        columns = self._columns(
            f"SELECT customer FROM events WHERE {' AND '.join(where)} GROUP BY customer "
            f"ORDER BY customer LIMIT {rows.parameters.whole(limit)} "
            "SETTINGS optimize_aggregation_in_order = 1",
            rows,
        )
        return list(columns[0]) if columns else []

    def events_behind(
        self,
        organization_id: str,
        meter: Meter,
        query: UsageQuery,
        *,
        after: str = "",
        limit: int = 100,
    ) -> tuple[list[StoredEvent], str]:
        """The very events that were counted, by time and position; and where to go on, or ""."""
        rows = self._rows(scope_of(organization_id, meter, query))
        where = behind(rows)
        if after:
            where.append(is_after(after, rows.parameters))
        found = self._events(where, rows, order="occurred_at, position", limit=limit + 1)
        if len(found) <= limit:
            return found, ""
        last = found[limit - 1]
        return found[:limit], f"{microseconds(last.occurred_at)}.{last.position}"

    def inspect(
        self, organization_id: str, meter: Meter, query: UsageQuery, *, limit: int
    ) -> Inspection:
        """How many events of the meter's type count and do not, and the last to arrive of each."""
        every = msgspec.structs.replace(meter, filter="")
        rows = self._rows(scope_of(organization_id, every, query))
        where = rows.conditions(span=query.span)
        counts = " AND ".join(("true", *rows.filters(meter.filter), *rows.readable(rows.values())))
        counts = f"ifNull({counts}, false)"
        columns = self._columns(
            f"SELECT countIf({counts}), count() FROM events WHERE {' AND '.join(where)}", rows
        )
        counted, of_type = columns[0][0], columns[1][0]
        samples = [
            self._events([*where, verdict], rows, order="position DESC", limit=limit)
            for verdict in (counts, f"NOT {counts}")
        ]
        return Inspection(counted, of_type - counted, *samples)

    def tally(self, organization_id: str, meter: Meter, *, through: int) -> bool:
        """Keep what the meter counts in the next stretch of the log; whether there was one."""
        scope = Scope(
            organization_id=organization_id,
            meter=meter,
            span=Span(EARLIEST, LATEST),
            as_of=through,
            group_by=meter.dimensions,
        )
        # A plan that counts days cannot list those of all time, and the span changes no tally.
        one_day = Span(EARLIEST, EARLIEST + timedelta(days=1))
        plan = _plan(Rows(dataclasses.replace(scope, span=one_day)))
        return self._tallies.extend(Rows(scope), plan)

    def _measured(self, scope: Scope) -> list[Usage]:
        rows = self._rows(scope)
        return self._answered(rows, self._tallies.read(_plan(rows), rows))

    def _rows(self, scope: Scope) -> Rows:
        """The rows of a question, with what corrections have to say about them."""
        type_ = scope.meter.event_type
        standing = self._corrections.standing(scope.organization_id, type_, scope.as_of)
        return Rows(scope, standing)

    def _answered(self, rows: Rows, plan: Plan) -> list[Usage]:
        scope = rows.scope
        keys = ", ".join(rows.keys)
        figures = ", ".join((*plan.parts, plan.event_count, plan.checksum))
        columns = self._columns(
            f"SELECT {keys}, {figures} FROM ({plan.source}) GROUP BY {keys}"
            f"{f' HAVING {plan.event_count} != 0' if plan.may_be_empty else ''} ORDER BY {keys}"
            f"{_OF_ONE if scope.customers is not None and len(scope.customers) == 1 else ''}",
            rows,
        )
        return list(_usage(columns, rows)) if columns else []

    def _columns(self, statement: str, rows: Rows) -> Sequence[Sequence[Any]]:
        with self._columnar.client() as client:
            result = client.query(
                statement, parameters=rows.parameters.values, column_oriented=True
            )
            columns: Sequence[Sequence[Any]] = result.result_columns
            return columns

    def _events(
        self, where: Sequence[str], rows: Rows, *, order: str, limit: int
    ) -> list[StoredEvent]:
        statement = (
            f"SELECT {STORED} FROM events WHERE {' AND '.join(where)} "
            f"ORDER BY {order} LIMIT {rows.parameters.whole(limit)}"
        )
        columns = self._columns(statement, rows)
        return [stored_event(row) for row in zip(*columns, strict=True)]


def scope_of(organization_id: str, meter: Meter, query: UsageQuery) -> Scope:
    """A question as the rows of its statement need it."""
    boundaries = (
        cut(query.span, checked_window(query.window), zone(query.timezone))
        if query.window is not None
        else ()
    )
    return Scope(
        organization_id=organization_id,
        meter=meter,
        span=query.span,
        as_of=query.as_of,
        customers=query.customers,
        between=query.between,
        boundaries=boundaries,
        group_by=query.group_by,
        match=query.match,
    )


def _plan(rows: Rows) -> Plan:
    aggregation = rows.scope.meter.aggregation
    return PLANS[type(aggregation)](aggregation, rows)


def behind(rows: Rows) -> list[str]:
    """What an event must be to be counted."""
    plan = _plan(rows)
    where = _reached(plan, rows)
    if not plan.positions:
        return where + rows.readable(rows.values())
    counted = f"SELECT arrayJoin({plan.positions}) FROM ({plan.source})"
    return [*where, f"position IN ({counted})"]


def _reached(plan: Plan, rows: Rows) -> list[str]:
    """What an event must be to be behind a figure: in the span or, looking back, before it."""
    span = rows.scope.span
    if plan.positions:
        # A reading that closes the span is taken at its very end.
        span = Span(span.starts, span.ends + MICROSECOND)
    return rows.conditions(span=span, looks_back=plan.looks_back or bool(plan.positions))


def _usage(columns: Sequence[Sequence[Any]], rows: Rows) -> Iterator[Usage]:
    """The rows of an answer: keys, parts, event count and checksum."""
    as_of, names = rows.scope.as_of, rows.scope.group_by
    quantity = settle(rows.scope.meter)
    first = rows.keys.index("d0") if names else 0
    values = zip(*columns[first : first + len(names)], strict=True) if names else repeat(())
    parts = zip(*(map(Decimal, part) for part in columns[len(rows.keys) : -2]), strict=True)
    for customer, span, value, part, count, checksum in zip(
        columns[0], _spans(columns, rows), values, parts, *columns[-2:], strict=False
    ):
        yield Usage(
            customer=customer,
            span=span,
            dimensions=dict(zip(names, value, strict=True)) if names else {},
            quantity=quantity(part, span),
            evidence=Evidence(count, as_of, checksum),
        )


def _spans(columns: Sequence[Sequence[Any]], rows: Rows) -> Iterator[Span]:
    """The span of each row of an answer."""
    if rows.cuts is not None:
        return map(rows.cuts.spans.__getitem__, columns[rows.keys.index("time_window")])
    if rows.asked_spans:
        return map(rows.asked_spans.__getitem__, columns[rows.keys.index("asked_span")])
    return repeat(rows.scope.span)


def is_after(cursor: str, bind: Parameters) -> str:
    """A row comes after the one that the cursor tells, by time and position."""
    at, _, position = cursor.partition(".")
    digits = at.removeprefix("-")
    is_ours = cursor.isascii() and digits.isdecimal() and position.isdecimal()
    if not (is_ours and len(digits) < 19 and len(position) < 20):  # else they overflow 64 bits
        raise Invalid(
            "bad_cursor",
            "This is no cursor.",
            field="after",
            mend="Send `next` of the page before, as it was answered.",
        )
    at_sql = bind.whole(int(at))
    return (
        f"(toUnixTimestamp64Micro(occurred_at), position) > "
        f"({at_sql}, {bind.position(int(position))})"
    )
