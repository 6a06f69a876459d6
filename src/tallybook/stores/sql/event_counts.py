"""Counts of what happens to events on their way in: in memory first, then in PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from datetime import date

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.events.quality import Counted, Happening
from tallybook.stores.sql.database import metadata, refusing_outages
from tallybook.stores.sql.unnested import unnested

EVENT_COUNTS = sa.Table(
    "event_counts",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)

MAX_WAITING = 20_000
"""Keys that wait in memory; beyond, sources are counted together as `""`."""


class SqlEventCounts:
    """The `EventCounts` port: adds up in memory, and writes when told to.

    A process that is killed takes along what it has not written yet.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._waiting: Counter[tuple[str, date, str, str, str]] = Counter()
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def add(
        self,
        organization_id: str,
        day: date,
        happened: Iterable[tuple[str, str, Happening]],
    ) -> None:
        """Count what happened on `day`: each by type, source and kind."""
        with self._lock:
            for type_, source, kind in happened:
                key = (organization_id, day, type_, source, kind.value)
                if len(self._waiting) >= MAX_WAITING and key not in self._waiting:
                    key = (organization_id, day, type_, "", kind.value)
                self._waiting[key] += 1

    def flush(self) -> None:
        """Write what is waiting, in one statement; what cannot be written waits on."""
        with self._writing:
            with self._lock:
                waiting, self._waiting = self._waiting, Counter()
            if not waiting:
                return
            try:
                with refusing_outages(), self._engine.begin() as connection:
                    connection.execute(_adding(waiting))
            except BaseException:
                with self._lock:
                    self._waiting += waiting
                raise

    def between(self, organization_id: str, first: date, last: date) -> list[Counted]:
        """What was counted from day `first` to `last`, both included; waiting counts, too."""
        self.flush()
        row = EVENT_COUNTS.c
        query = (
            sa.select(row.day, row.type, row.source, row.kind, row["count"].label("number"))
            .where(row.organization_id == organization_id, row.day >= first, row.day <= last)
            .order_by(row.day, row.type, row.source, row.kind)
        )
        with refusing_outages(), self._engine.connect() as connection:
            return [
                Counted(found.day, found.type, found.source, Happening(found.kind), found.number)
                for found in connection.execute(query)
            ]


def _adding(waiting: Counter[tuple[str, date, str, str, str]]) -> sa.Insert:
    names = [column.name for column in EVENT_COUNTS.c]
    rows = [
        dict(zip(names, (*key, number), strict=True)) for key, number in sorted(waiting.items())
    ]
    incoming = unnested(list(EVENT_COUNTS.c), rows)
    statement = insert(EVENT_COUNTS).from_select(names, sa.select(incoming))
    return statement.on_conflict_do_update(
        index_elements=["organization_id", "day", "type", "source", "kind"],
        set_={"count": EVENT_COUNTS.c["count"] + statement.excluded["count"]},
    )
