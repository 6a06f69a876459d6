"""Migrations of subscribers in PostgreSQL, and what became of each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from tallybook.domain.subscriptions.migration import Member, MemberState, Migration
from tallybook.stores.sql.customers import CUSTOMERS
from tallybook.stores.sql.database import Document, metadata
from tallybook.stores.sql.named import SqlNamed, named_table
from tallybook.stores.sql.overrides import PLAN_OVERRIDES
from tallybook.stores.sql.subscriptions import CHANGES, SUBSCRIPTIONS
from tallybook.stores.sql.unnested import unnested

MIGRATIONS = named_table("plan_migrations", Migration)

MEMBERS = sa.Table(
    "plan_migration_members",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("migration", sa.Text, primary_key=True),
    sa.Column("subscription_id", sa.Text, primary_key=True),
    sa.Column("subscription_key", sa.Text, nullable=False),
    sa.Column("customer_key", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("changes", Document(tuple[int, ...]), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(
        ["organization_id", "migration"],
        ["plan_migrations.organization_id", "plan_migrations.key"],
        name="plan_migration_members_migration_fkey",
    ),
)
_ROW = MEMBERS.c
sa.Index(
    "plan_migration_members_state_idx",
    _ROW.organization_id,
    _ROW.migration,
    _ROW.state,
    _ROW.subscription_key,
)
_NAMES = Member.__struct_fields__
_COLUMNS = [_ROW[name] for name in _NAMES]


class SqlPlanMigrations(SqlNamed[Migration]):
    """Migrations of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        super().__init__(connection, organization_id, MIGRATIONS)

    def candidates(
        self,
        version_ids: Sequence[str],
        *,
        customers: Sequence[str] = (),
        has_negotiated: bool = False,
        started_from: datetime | None = None,
        started_before: datetime | None = None,
        after: str,
        limit: int,
    ) -> list[tuple[str, str]]:
        """Keys and ids of subscriptions that were ever to one of these versions and have not ended.

        In key order, those after key `after`. `customers` are keys; none is all of them. Versions
        with overrides of a contract are among them if `has_negotiated`.
        """
        own, changed, who = SUBSCRIPTIONS.c, CHANGES.c, CUSTOMERS.c
        wanted = sa.func.any(sa.bindparam("versions", list(version_ids), type_=sa.ARRAY(sa.Text)))
        overridden = sa.select(PLAN_OVERRIDES.c.id).where(
            PLAN_OVERRIDES.c.organization_id == self._organization_id,
            _version_id(PLAN_OVERRIDES.c.base_id).op("=")(wanted),
        )

        def is_wanted(named: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
            is_plain = _version_id(named).op("=")(wanted)
            return sa.or_(is_plain, named.in_(overridden)) if has_negotiated else is_plain

        moved = sa.select(changed.subscription_id).where(
            changed.organization_id == self._organization_id,
            is_wanted(changed.what["plan_version_id"].astext),
        )
        query = sa.select(own.key, own.id).where(
            own.organization_id == self._organization_id,
            own.status != "ended",
            own.key > after,
            sa.or_(is_wanted(own.plan_version_id), own.id.in_(moved)),
        )
        if started_from is not None:
            query = query.where(own.starts_at >= started_from)
        if started_before is not None:
            query = query.where(own.starts_at < started_before)
        if customers:
            named = sa.bindparam("customers", list(customers), type_=sa.ARRAY(sa.Text))
            ids = sa.select(who.id).where(
                who.organization_id == self._organization_id, who.key == sa.func.any(named)
            )
            query = query.where(own.customer_id.in_(ids))
        rows = self._connection.execute(query.order_by(own.key).limit(limit))
        return [(row.key, row.id) for row in rows]

    def unfinished(self) -> list[str]:
        """Keys of those that go on by themselves and have members left, the oldest first."""
        body = MIGRATIONS.c.body
        state = sa.case(
            (body["is_undoing"].as_boolean(), MemberState.MOVED.value),
            else_=MemberState.WAITING.value,
        )
        is_left = (
            sa.select(_ROW.subscription_id)
            .where(
                _ROW.organization_id == self._organization_id,
                _ROW.migration == MIGRATIONS.c.key,
                _ROW.state == state,
            )
            .exists()
        )
        query = (
            sa.select(MIGRATIONS.c.key)
            .where(
                MIGRATIONS.c.organization_id == self._organization_id,
                body["goes_on"].as_boolean(),
                is_left,
            )
            .order_by(body["created_at"].as_string(), MIGRATIONS.c.key)
        )
        return list(self._connection.execute(query).scalars())

    def add_members(self, migration: str, members: Sequence[Member]) -> None:
        """Take subscriptions into a migration."""
        if not members:
            return
        rows = unnested(
            [_ROW.organization_id, _ROW.migration, *_COLUMNS], self._rows(migration, members)
        )
        names = ["organization_id", "migration", *_NAMES]
        self._connection.execute(
            sa.insert(MEMBERS).from_select(names, sa.select(*(rows.c[name] for name in names)))
        )

    def next_members(self, migration: str, state: MemberState, limit: int) -> list[Member]:
        """Some that are in this state, in key order, locked; none that another works on."""
        query = (
            self._members_of(migration)
            .where(_ROW.state == state.value)
            .order_by(_ROW.subscription_key)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return list(self._read(query))

    def replace_members(self, migration: str, members: Sequence[Member]) -> None:
        """Say what became of these."""
        if not members:
            return
        columns = [_ROW.subscription_id, _ROW.state, _ROW.changes, _ROW.reason]
        rows = unnested(columns, self._rows(migration, members))
        self._connection.execute(
            sa.update(MEMBERS)
            .where(
                _ROW.organization_id == self._organization_id,
                _ROW.migration == migration,
                _ROW.subscription_id == rows.c.subscription_id,
            )
            .values({column: rows.c[column.name] for column in columns[1:]})
        )

    def members(
        self, migration: str, *, state: MemberState | None, after: str, limit: int
    ) -> list[Member]:
        """Members in key order, those after subscription key `after`; of one state, if given."""
        query = self._members_of(migration).where(_ROW.subscription_key > after)
        if state is not None:
            query = query.where(_ROW.state == state.value)
        return list(self._read(query.order_by(_ROW.subscription_key).limit(limit)))

    def counts(self, migration: str) -> Mapping[MemberState, int]:
        """How many members are in each state."""
        query = (
            sa.select(_ROW.state, sa.func.count())
            .where(_ROW.organization_id == self._organization_id, _ROW.migration == migration)
            .group_by(_ROW.state)
        )
        found = {row[0]: row[1] for row in self._connection.execute(query)}
        return {state: found.get(state.value, 0) for state in MemberState}

    def _members_of(self, migration: str) -> sa.Select[Any]:
        return sa.select(*_COLUMNS).where(
            _ROW.organization_id == self._organization_id, _ROW.migration == migration
        )

    def _read(self, query: sa.Select[Any]) -> Iterator[Member]:
        for row in self._connection.execute(query):
            yield msgspec.convert(dict(zip(_NAMES, row, strict=True)), Member)

    def _rows(self, migration: str, members: Sequence[Member]) -> list[dict[str, Any]]:
        return [
            {
                "organization_id": self._organization_id,
                "migration": migration,
                **msgspec.structs.asdict(member),
                "state": member.state.value,
            }
            for member in members
        ]


def _version_id(priced_id: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The id of a version without the currency that it may say."""
    return sa.func.split_part(priced_id, ".", 1)
