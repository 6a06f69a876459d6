"""Overrides of contracts in PostgreSQL: added and never changed, as versions are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.catalog.overrides import KeptOverrides, Overrides
from tallybook.stores.sql.database import Document, metadata

PLAN_OVERRIDES = sa.Table(
    "plan_overrides",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("base_id", sa.Text, nullable=False),
    sa.Column("overrides", Document(Overrides), nullable=False),
)
_ROW = PLAN_OVERRIDES.c
_OF_CUSTOMER = """(overrides -> 'spend_limits') @> '[{"whose": "customer"}]'::jsonb"""
sa.Index(
    "plan_overrides_of_customer_idx",
    _ROW.organization_id,
    _ROW.id,
    postgresql_where=sa.text(_OF_CUSTOMER),
)


def counts_customer_otherwise() -> sa.TextClause:
    """Whether overrides have a limit on all that a customer spends; there is an index of those."""
    return sa.text(_OF_CUSTOMER)


def add_overrides(connection: sa.Connection, organization_id: str, kept: KeptOverrides) -> None:
    """Keep overrides; the same are there once."""
    row = msgspec.structs.asdict(kept) | {"organization_id": organization_id}
    connection.execute(insert(PLAN_OVERRIDES).values(row).on_conflict_do_nothing())


def overrides_by_ids(
    connection: sa.Connection, organization_id: str, ids: Iterable[str]
) -> Mapping[str, KeptOverrides]:
    """Those of `ids` that exist, by id."""
    wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
    query = sa.select(_ROW.id, _ROW.base_id, _ROW.overrides).where(
        _ROW.organization_id == organization_id, _ROW.id == sa.func.any(wanted)
    )
    return {row.id: KeptOverrides(**row._mapping) for row in connection.execute(query)}
