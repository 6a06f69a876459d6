"""Meters in PostgreSQL. Rows are added and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert

from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.metering.meter import AnyAggregation, Conversion, FinalRounding, Meter
from tallybook.stores.sql.database import Document, Instant, metadata

METERS = sa.Table(
    "meters",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("aggregation", Document(AnyAggregation), nullable=False),
    sa.Column("filter", sa.Text, nullable=False),
    sa.Column("dimensions", Document(tuple[str, ...]), nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("conversion", Document(Conversion | None), nullable=False),
    sa.Column("rounding", Document(FinalRounding | None), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("organization_id", "key", "version"),
)

_ROW = METERS.c
_FIELDS = [_ROW[field] for field in Meter.__struct_fields__]


class SqlMeters:
    """Meters of the transaction's organization; by key, always the latest version."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def add(self, meter: Meter) -> None:
        """Keep a new version; `Conflicting` if its key has it, and the transaction goes on."""
        row = msgspec.structs.asdict(meter) | {"organization_id": self._organization_id}
        added = self._connection.execute(
            insert(METERS).values(row).on_conflict_do_nothing(),
            execution_options={"preserve_rowcount": True},
        )
        if not added.rowcount:
            raise Conflicting(
                "meter_exists",
                f"There is a version {meter.version} of the meter {meter.key!r} already.",
                field="key",
                mend="Choose another key; or read the meter again, and change what it is now.",
            )

    def by_key(self, key: str) -> Meter | None:
        """The latest version of the meter of that key."""
        return self.by_keys([key]).get(key)

    def by_id(self, meter_id: str) -> Meter | None:
        """The version of that id."""
        return self.by_ids([meter_id]).get(meter_id)

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, Meter]:
        """The versions of these ids that exist, by id."""
        wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
        query = sa.select(*_FIELDS).where(self._ours, _ROW.id == sa.func.any(wanted))
        return {meter.id: meter for meter in self._meters(query)}

    def by_keys(self, keys: Iterable[str]) -> Mapping[str, Meter]:
        """The latest versions of those of `keys` that exist, by key."""
        wanted = sa.bindparam("keys", list(keys), type_=sa.ARRAY(sa.Text))
        query = self._latest().where(_ROW.key == sa.func.any(wanted))
        return {meter.key: meter for meter in self._meters(query)}

    def versions(self, key: str) -> list[Meter]:
        """Every version of the meter of that key, the first one first."""
        query = sa.select(*_FIELDS).where(self._ours, _ROW.key == key).order_by(_ROW.version)
        return list(self._meters(query))

    def page(self, *, after: str, limit: int) -> list[Meter]:
        """The latest versions in key order, those after key `after`."""
        return list(self._meters(self._latest().where(_ROW.key > after).limit(limit)))

    @property
    def _ours(self) -> sa.ColumnElement[bool]:
        return _ROW.organization_id == self._organization_id

    def _latest(self) -> sa.Select[Any]:
        return (
            sa.select(*_FIELDS)
            .where(self._ours)
            .ext(distinct_on(_ROW.key))
            .order_by(_ROW.key, _ROW.version.desc())
        )

    def _meters(self, query: sa.Select[Any]) -> Iterator[Meter]:
        for row in self._connection.execute(query):
            yield Meter(**row._mapping)
