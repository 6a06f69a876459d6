"""Tables of things that have a key and versions: rows are added and never changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert

T = TypeVar("T")


class SqlVersioned(ABC, Generic[T]):
    """Rows of such a table, those of the transaction's organization.

    By key it is always the latest version. `fields` are the columns that `read` makes one of.
    """

    def __init__(
        self,
        connection: sa.Connection,
        organization_id: str,
        table: sa.Table,
        fields: Sequence[str],
    ) -> None:
        self._connection = connection
        self._organization_id = organization_id
        self._table = table
        self._fields = [table.c[field] for field in fields]

    @abstractmethod
    def read(self, row: sa.RowMapping) -> T:
        """What a row says."""

    def by_key(self, key: str) -> T | None:
        """The latest version of that key."""
        return next(self._found(self._latest().where(self._table.c.key == key)), None)

    def versions(self, key: str) -> list[T]:
        """Every version of that key, the first one first."""
        query = self._ours().where(self._table.c.key == key).order_by(self._table.c.version)
        return list(self._found(query))

    def page(self, *, after: str = "", limit: int | None = None) -> list[T]:
        """The latest versions in key order, those after key `after`; all without a limit."""
        return list(self._found(self._latest().where(self._table.c.key > after).limit(limit)))

    def _is_added(self, row: dict[str, Any]) -> bool:
        """Keep a new version; False if its key has that one, and the transaction goes on."""
        added = self._connection.execute(
            insert(self._table)
            .values(row | {"organization_id": self._organization_id})
            .on_conflict_do_nothing(),
            execution_options={"preserve_rowcount": True},
        )
        return bool(added.rowcount)

    def _ours(self) -> sa.Select[Any]:
        return sa.select(*self._fields).where(
            self._table.c.organization_id == self._organization_id
        )

    def _latest(self) -> sa.Select[Any]:
        key, version = self._table.c.key, self._table.c.version
        return self._ours().ext(distinct_on(key)).order_by(key, version.desc())

    def _found(self, query: sa.Select[Any]) -> Iterator[T]:
        return map(self.read, self._connection.execute(query).mappings())
