"""Tables of things that have a key and are read as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.stores.sql.database import Document, metadata


class Named(Protocol):
    """Something with a key."""

    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=Named)


def named_table(name: str, kind: Any) -> sa.Table:
    """A table of values of `kind`, by key."""
    return sa.Table(
        name,
        metadata,
        sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body", Document(kind), nullable=False),
    )


class SqlNamed(Generic[T]):
    """Rows of one such table, those of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str, table: sa.Table) -> None:
        self._connection = connection
        self._organization_id = organization_id
        self._table = table

    def put(self, named: T) -> None:
        """Keep it under its key, in place of what was there."""
        row = {"organization_id": self._organization_id, "key": named.key, "body": named}
        added = insert(self._table).values(row)
        self._connection.execute(
            added.on_conflict_do_update(
                index_elements=["organization_id", "key"], set_={"body": added.excluded.body}
            )
        )

    def by_key(self, key: str, *, locked: bool = False) -> T | None:
        """That of the key; `locked` holds others off it until the transaction ends."""
        query = self._select().where(self._table.c.key == key)
        if locked:
            query = query.with_for_update()
        found: T | None = self._connection.execute(query).scalar_one_or_none()
        return found

    def by_keys(self, keys: Iterable[str]) -> Mapping[str, T]:
        """Those of `keys` that exist, by key."""
        wanted = sa.bindparam("keys", list(keys), type_=sa.ARRAY(sa.Text))
        found = self._connection.execute(
            self._select().where(self._table.c.key == sa.func.any(wanted))
        ).scalars()
        return {named.key: named for named in found}

    def page(self, *, after: str = "", limit: int = 1_000_000) -> list[T]:
        """In key order, those after key `after`."""
        query = self._select().where(self._table.c.key > after).order_by(self._table.c.key)
        return list(self._connection.execute(query.limit(limit)).scalars())

    def _select(self) -> sa.Select[Any]:
        return sa.select(self._table.c.body).where(
            self._table.c.organization_id == self._organization_id
        )
