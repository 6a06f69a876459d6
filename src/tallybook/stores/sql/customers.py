"""Customers in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.customers.customer import Customer, Where
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
    sa.Column("parent", sa.Text),
    sa.Column("invoiced_at", sa.Text, nullable=False, server_default=Where.SELF.value),
    sa.Column("usage_at", sa.Text, nullable=False, server_default=Where.SELF.value),
    sa.Column("has_payment_method", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("clock_at", Instant),
    sa.UniqueConstraint("organization_id", "key"),
    sa.ForeignKeyConstraint(
        ["organization_id", "parent"],
        ["customers.organization_id", "customers.key"],
        name="customers_parent_fkey",
    ),
)
sa.Index(
    "customers_parent_idx",
    CUSTOMERS.c.organization_id,
    CUSTOMERS.c.parent,
    postgresql_where=CUSTOMERS.c.parent.is_not(None),
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

    def family(self, keys: Iterable[str]) -> list[Customer]:
        """The descendants of these customers, at any depth, in key order, by one query."""
        top = sa.bindparam("keys", list(keys), type_=sa.ARRAY(sa.Text))
        own = CUSTOMERS.c.organization_id == self._organization_id
        found = (
            sa.select(CUSTOMERS.c.key)
            .where(own, CUSTOMERS.c.parent == sa.func.any(top))
            .cte("family", recursive=True)
        )
        below = sa.select(CUSTOMERS.c.key).where(own, CUSTOMERS.c.parent == found.c.key)
        found = found.union(below)
        query = self._select().where(CUSTOMERS.c.key.in_(sa.select(found.c.key)))
        return list(self._customers(query.order_by(CUSTOMERS.c.key)))

    def page(self, *, after: str, limit: int) -> list[Customer]:
        """Customers in key order, those after key `after`."""
        query = self._select().where(CUSTOMERS.c.key > after).order_by(CUSTOMERS.c.key).limit(limit)
        return list(self._customers(query))

    def _select(self) -> sa.Select[Any]:
        return sa.select(*_FIELDS).where(CUSTOMERS.c.organization_id == self._organization_id)

    def _customers(self, query: sa.Select[Any]) -> Iterator[Customer]:
        for row in self._connection.execute(query):
            yield Customer(
                **{
                    **row._mapping,
                    "invoiced_at": Where(row.invoiced_at),
                    "usage_at": Where(row.usage_at),
                }
            )
