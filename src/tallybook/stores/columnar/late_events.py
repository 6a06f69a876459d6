"""What came to the log since an as-of: whose it is, and what it changed of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from tallybook.domain.events.correction import Correction
from tallybook.domain.events.event import StoredEvent
from tallybook.domain.invoicing.restatement import Touched
from tallybook.domain.metering.meter import Meter, UsageQuery
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.parameters import (
    Parameters,
    from_microseconds,
    microseconds,
    month_of,
)
from tallybook.stores.columnar.rows import Rows
from tallybook.stores.columnar.standing import CorrectionIndex, corrected_by, marks_of
from tallybook.stores.columnar.stored import STORED, stored_event
from tallybook.stores.columnar.usage import behind, is_after, scope_of

_PAGE = 1_000


class ColumnarLateEvents:
    """The `LateEvents` port."""

    def __init__(self, columnar: Columnar, corrections: CorrectionIndex) -> None:
        self._columnar = columnar
        self._corrections = corrections

    def moved(self, *, after: int, through: int) -> frozenset[str]:
        """The organizations whose events or corrections came in `(after, through]`."""
        bind = Parameters()
        rows = self._rows(
            "SELECT DISTINCT organization_id FROM events "
            f"WHERE position > {bind.position(after)} AND position <= {bind.position(through)}",
            bind,
        )
        return frozenset(corrected_by(whose) for (whose,) in rows)

    def touched(
        self, organization_id: str, *, after: int, through: int, until: datetime
    ) -> list[Touched]:
        """Whose events of what types came, or were corrected, in `(after, through]`.

        The mark of a voided event has its type, customer and time, so marks are asked like events.
        A revert has none: what it touches are the events of those it reverts.
        """
        bind = Parameters()
        reach = f"position > {bind.position(after)} AND position <= {bind.position(through)}"
        undone = self._undone(organization_id, after, through)
        added = [
            f"position BETWEEN {bind.position(first)} AND {bind.position(last)}"
            for first, last in (each.added_positions for each in undone if each.added)
        ]
        marked = [f"has({bind.texts([each.id for each in undone])}, source)"] if undone else []
        happened = (
            f"type != '' AND occurred_at <= {bind.instant(until)} "
            f"AND toYYYYMM(occurred_at) <= {bind.whole(month_of(until))}"
        )
        parts = [
            f"SELECT type, customer, occurred_at FROM events "
            f"WHERE organization_id = {bind.text(whose)} AND {happened} "
            f"AND ({' OR '.join([f'({reach})', *more])})"
            for whose, more in ((organization_id, added), (marks_of(organization_id), marked))
        ]
        rows = self._rows(
            "SELECT customer, type, toUnixTimestamp64Micro(min(occurred_at)), "
            f"toUnixTimestamp64Micro(max(occurred_at)) FROM ({' UNION ALL '.join(parts)}) "
            "GROUP BY customer, type",
            bind,
        )
        return [
            Touched(customer, type_, from_microseconds(first), from_microseconds(last))
            for customer, type_, first, last in rows
        ]

    def between(
        self,
        organization_id: str,
        meter: Meter,
        query: UsageQuery,
        *,
        before: int,
        after: str = "",
        limit: int = 100,
    ) -> tuple[list[tuple[StoredEvent, bool]], str]:
        """The events counted either as of `before` or as of the query, not both."""
        bind = Parameters()
        now, then = (
            " AND ".join(behind(self._counting(organization_id, meter, query, as_of, bind)))
            for as_of in (query.as_of, before)
        )
        where = [
            f"organization_id = {bind.text(organization_id)}",
            f"type = {bind.text(meter.event_type)}",
            f"toYYYYMM(occurred_at) <= {bind.whole(month_of(query.span.ends))}",
            f"position <= {bind.position(max(before, query.as_of))}",
            f"ifNull({now}, false) != ifNull({then}, false)",
        ]
        if query.customers is not None:
            where.append(f"has({bind.texts(list(query.customers))}, customer)")
        if after:
            where.append(is_after(after, bind))
        rows = self._rows(
            f"SELECT {STORED}, ifNull({now}, false) FROM events WHERE {' AND '.join(where)} "
            f"ORDER BY occurred_at, position LIMIT {bind.whole(limit + 1)}",
            bind,
        )
        found = [(stored_event(row[:-1]), bool(row[-1])) for row in rows[:limit]]
        if len(rows) <= limit:
            return found, ""
        last, _ = found[-1]
        return found, f"{microseconds(last.occurred_at)}.{last.position}"

    def _counting(
        self,
        organization_id: str,
        meter: Meter,
        query: UsageQuery,
        as_of: int,
        bind: Parameters,
    ) -> Rows:
        scope = scope_of(organization_id, meter, msgspec.structs.replace(query, as_of=as_of))
        standing = self._corrections.standing(organization_id, meter.event_type, as_of)
        return Rows(scope, standing, bind)

    def _undone(self, organization_id: str, after: int, through: int) -> list[Correction]:
        """What reverts made in `(after, through]` take back, or put back, directly or by others."""
        found: dict[str, Correction] = {}
        before = through + 1
        while page := self._corrections.page(organization_id, before=before, limit=_PAGE):
            for each in page:
                if each.position <= after:
                    return list(found.values())
                if each.reverts:
                    chain = self._corrections.chain(organization_id, each.id)
                    found |= {one.id: one for one in chain}
            before = page[-1].position
        return list(found.values())

    def _rows(self, statement: str, bind: Parameters) -> Sequence[Sequence[Any]]:
        with self._columnar.client() as client:
            rows: Sequence[Sequence[Any]] = client.query(
                statement, parameters=bind.values
            ).result_rows
            return rows
