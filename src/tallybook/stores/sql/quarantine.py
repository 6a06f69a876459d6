"""Events in quarantine, and what was done to them, in PostgreSQL. No row is ever deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.events.quarantined import (
    Act,
    ActKind,
    Held,
    HeldCount,
    HeldQuery,
    State,
    read_canonical,
)
from tallybook.domain.events.rules import Cause, Reason
from tallybook.stores.sql.database import Instant, metadata
from tallybook.stores.sql.event_types import Json
from tallybook.stores.sql.unnested import unnested

QUARANTINE = sa.Table(
    "quarantine",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("customer", sa.Text, nullable=False),
    sa.Column("sent", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("mend", sa.Text, nullable=False),
    sa.Column("held_at", Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("settled_at", Instant),
    sa.Column("act_id", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger),
    sa.CheckConstraint("(state = 'waiting') = (settled_at IS NULL)", name="settled"),
    sa.Index("quarantine_number_idx", "organization_id", "number"),
    sa.Index(
        "quarantine_waiting_idx",
        "organization_id",
        "type",
        "number",
        postgresql_where=sa.text("state = 'waiting'"),
    ),
)

ACTS = sa.Table(
    "quarantine_acts",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("steps", Json, nullable=False),
    sa.Column("is_forced", sa.Boolean, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
)

SIZES = sa.Table(
    "quarantine_sizes",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("waiting", sa.BigInteger, nullable=False),
)
"""How many events wait: kept with every change of them, because counting a million takes long."""

_ROW = QUARANTINE.c
_FIELDS = [column for column in _ROW if column.name != "organization_id"]
_ADDED = [column for column in _ROW if column.name != "number"]
_CHANGED = [
    _ROW[name]
    for name in (
        "number", "type", "customer", "event", "cause", "field", "reason", "mend",
        "state", "settled_at", "act_id", "position",
    )
]  # fmt: skip


class SqlQuarantine:
    """Held events of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def room(self, most: int) -> int:
        """How many more may wait, if `most` may in all; others off until the transaction ends."""
        return max(0, most - self._grow(0))

    def add(self, events: Sequence[Held]) -> set[tuple[str, str]]:
        """Keep those whose identity is not held yet, by one statement; which ones these are.

        In order of identity, so that two who keep the same events wait for each other but once.
        """
        rows = [self._row(held) for held in sorted(events, key=lambda held: held.identity)]
        incoming = unnested(_ADDED, rows)
        names = [column.name for column in _ADDED]
        statement = (
            insert(QUARANTINE)
            .from_select(names, sa.select(incoming))
            .on_conflict_do_nothing()
            .returning(_ROW.source, _ROW.id)
        )
        added = {(row.source, row.id) for row in self._connection.execute(statement)}
        self._grow(len(added))
        return added

    def by_identities(
        self, identities: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], Held]:
        """Those of these sources and ids that are held, by source and id."""
        rows = [{"source": source, "id": id_} for source, id_ in identities]
        incoming = unnested([_ROW.source, _ROW.id], rows)
        query = self._select().join(
            incoming, (_ROW.source == incoming.c.source) & (_ROW.id == incoming.c.id)
        )
        return {held.identity: held for held in self._held(query)}

    def page(self, wanted: HeldQuery, *, before: int | None, limit: int) -> list[Held]:
        """The last held first, those of a number before `before`."""
        query = self._select().where(*_matching(wanted)).order_by(_ROW.number.desc()).limit(limit)
        if before is not None:
            query = query.where(_ROW.number < before)
        return list(self._held(query))

    def waiting(self, wanted: HeldQuery, *, after: int, limit: int, locked: bool) -> list[Held]:
        """Those that wait, the first held first, after number `after`.

        `locked` keeps them from being settled by others until the transaction ends.
        """
        wanted = msgspec.structs.replace(wanted, state=State.WAITING)
        query = (
            self._select()
            .where(*_matching(wanted), _ROW.number > after)
            .order_by(_ROW.number)
            .limit(limit)
        )
        return list(self._held(query.with_for_update(of=QUARANTINE) if locked else query))

    def replace_many(self, events: Sequence[Held]) -> None:
        """Write what became of these events, of which this transaction holds the locks."""
        if not events:
            return
        self._grow(0)  # before the rows, in which order `add` takes its locks, too
        rows = [self._row(held) | {"number": held.number} for held in events]
        incoming = unnested(_CHANGED, rows)
        changes = {column.name: incoming.c[column.name] for column in _CHANGED[1:]}
        states = self._connection.execute(
            sa.update(QUARANTINE)
            .values(changes)
            .where(
                _ROW.organization_id == self._organization_id,
                _ROW.number == incoming.c.number,
                _ROW.state == State.WAITING.value,
            )
            .returning(_ROW.state)
        ).scalars()
        self._grow(-sum(state != State.WAITING.value for state in states))

    def counts(self, wanted: HeldQuery) -> list[HeldCount]:
        """How many are held, by type, cause and state."""
        keys = (_ROW.type, _ROW.cause, _ROW.state)
        query = (
            sa.select(*keys, sa.func.count().label("events"), sa.func.max(_ROW.held_at).label("at"))
            .where(_ROW.organization_id == self._organization_id, *_matching(wanted))
            .group_by(*keys)
            .order_by(*keys)
        )
        return [
            HeldCount(
                type=row.type,
                cause=Cause(row.cause),
                state=State(row.state),
                events=row.events,
                last_held_at=row.at,
            )
            for row in self._connection.execute(query)
        ]

    def add_act(self, act: Act) -> None:
        """Record what was done; repeated by the same id, the events are added to those before."""
        row = msgspec.structs.asdict(act) | {"organization_id": self._organization_id}
        statement = insert(ACTS).values(row | {"kind": act.kind.value})
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["organization_id", "id"],
                set_={"events": ACTS.c.events + statement.excluded.events},
            )
        )

    def acts(self, ids: Iterable[str]) -> Mapping[str, Act]:
        """Those acts, by id."""
        wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
        query = sa.select(*(ACTS.c[name] for name in Act.__struct_fields__)).where(
            ACTS.c.organization_id == self._organization_id, ACTS.c.id == sa.func.any(wanted)
        )
        rows = self._connection.execute(query).mappings()
        return {row["id"]: Act(**{**row, "kind": ActKind(row["kind"])}) for row in rows}

    def _grow(self, number: int) -> int:
        """Count so many more that wait, holding off others who do; how many that makes."""
        first = {"organization_id": self._organization_id, "waiting": number}
        statement = insert(SIZES).values(first)
        waiting: int = self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["organization_id"], set_={"waiting": SIZES.c.waiting + number}
            ).returning(SIZES.c.waiting)
        ).scalar_one()
        return waiting

    def _row(self, held: Held) -> dict[str, Any]:
        event, reason = held.event, held.reason
        return {
            "organization_id": self._organization_id,
            "source": held.sent.source,
            "id": held.sent.id,
            "type": event.type,
            "customer": event.customer,
            "sent": held.sent.canonical().decode(),
            "event": event.canonical().decode(),
            "cause": reason.cause.value,
            "field": reason.field.replace("\0", ""),
            "reason": reason.reason.replace("\0", ""),
            "mend": reason.mend.replace("\0", ""),
            "held_at": held.held_at,
            "state": held.state.value,
            "settled_at": held.settled_at,
            "act_id": held.act_id,
            "position": held.position,
        }

    def _select(self) -> sa.Select[Any]:
        return sa.select(*_FIELDS).where(_ROW.organization_id == self._organization_id)

    def _held(self, query: sa.Select[Any]) -> Iterator[Held]:
        for row in self._connection.execute(query):
            yield Held(
                number=row.number,
                sent=read_canonical(row.sent.encode()),
                event=read_canonical(row.event.encode()),
                reason=Reason(Cause(row.cause), row.field, row.reason, row.mend),
                held_at=row.held_at,
                state=State(row.state),
                settled_at=row.settled_at,
                act_id=row.act_id,
                position=row.position,
            )


def _matching(wanted: HeldQuery) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    for name in ("state", "type", "customer", "source", "id", "cause", "field"):
        value = getattr(wanted, name)
        if value is not None:
            found.append(_ROW[name] == str(value))
    if wanted.starts is not None:
        found.append(_ROW.held_at >= wanted.starts)
    if wanted.ends is not None:
        found.append(_ROW.held_at < wanted.ends)
    return found
