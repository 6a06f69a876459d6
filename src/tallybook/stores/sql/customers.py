"""Customers in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.errors import Conflicting
from tallybook.stores.sql.database import Instant, metadata

CUSTOMERS = sa.Table(
    "customers",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("locale", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("organization_id", "key"),
)

_FIELDS = [CUSTOMERS.c[field] for field in Customer.__struct_fields__]


class SqlCustomers:
    """Customers of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def add(self, customer: Customer) -> None:
        """Keep a new customer; `Conflicting` if its key is taken, and the transaction goes on."""
        row = msgspec.structs.asdict(customer) | {"organization_id": self._organization_id}
        added = self._connection.execute(
            insert(CUSTOMERS).values(row).on_conflict_do_nothing(),
            execution_options={"preserve_rowcount": True},
        )
        if not added.rowcount:
            raise Conflicting(
                "customer_exists",
                f"There is a customer {customer.key!r} already.",
                field="key",
                mend="Choose another key, or change the customer that has it.",
            )

    def replace(self, customer: Customer) -> None:
        """Write the customer of that id as it is now."""
        self._connection.execute(
            sa.update(CUSTOMERS)
            .where(
                CUSTOMERS.c.organization_id == self._organization_id, CUSTOMERS.c.id == customer.id
            )
            .values(msgspec.structs.asdict(customer))
        )

    def by_key(self, key: str, *, locked: bool = False) -> Customer | None:
        """The customer of that key; `locked` holds others off it until the transaction ends."""
        query = self._select().where(CUSTOMERS.c.key == key)
        if locked:
            query = query.with_for_update()
        return next(self._customers(query), None)

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, Customer]:
        """Those of `ids` that exist, by id."""
        wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
        query = self._select().where(CUSTOMERS.c.id == sa.func.any(wanted))
        return {customer.id: customer for customer in self._customers(query)}

    def page(self, *, after: str, limit: int) -> list[Customer]:
        """Customers in key order, those after key `after`."""
        query = self._select().where(CUSTOMERS.c.key > after).order_by(CUSTOMERS.c.key).limit(limit)
        return list(self._customers(query))

    def _select(self) -> sa.Select[Any]:
        return sa.select(*_FIELDS).where(CUSTOMERS.c.organization_id == self._organization_id)

    def _customers(self, query: sa.Select[Any]) -> Iterator[Customer]:
        for row in self._connection.execute(query):
            yield Customer(**row._mapping)
