"""Meters in PostgreSQL. Rows are added and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import sqlalchemy as sa

from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.metering.meter import AnyAggregation, Conversion, FinalRounding, Meter
from tallybook.stores.sql.database import Document, Instant, metadata
from tallybook.stores.sql.versioned import SqlVersioned

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


class SqlMeters(SqlVersioned[Meter]):
    """Meters of the transaction's organization; by key, always the latest version."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        super().__init__(connection, organization_id, METERS, Meter.__struct_fields__)

    def read(self, row: sa.RowMapping) -> Meter:
        """The meter that a row says."""
        return Meter(**row)

    def add(self, meter: Meter) -> None:
        """Keep a new version; `Conflicting` if its key has it, and the transaction goes on."""
        if not self._is_added(msgspec.structs.asdict(meter)):
            raise Conflicting(
                "meter_exists",
                f"There is a version {meter.version} of the meter {meter.key!r} already.",
                field="key",
                mend="Choose another key; or read the meter again, and change what it is now.",
            )

    def by_id(self, meter_id: str) -> Meter | None:
        """The version of that id."""
        return self.by_ids([meter_id]).get(meter_id)

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, Meter]:
        """The versions of these ids that exist, by id."""
        wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
        query = self._ours().where(_ROW.id == sa.func.any(wanted))
        return {meter.id: meter for meter in self._found(query)}

    def by_keys(self, keys: Iterable[str]) -> Mapping[str, Meter]:
        """The latest versions of those of `keys` that exist, by key."""
        wanted = sa.bindparam("keys", list(keys), type_=sa.ARRAY(sa.Text))
        query = self._latest().where(_ROW.key == sa.func.any(wanted))
        return {meter.key: meter for meter in self._found(query)}
