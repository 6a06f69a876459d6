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

sa.Index(
    "customers_clock_idx",
    CUSTOMERS.c.organization_id,
    postgresql_where=CUSTOMERS.c.clock_at.is_not(None),
)
_ROW = CUSTOMERS.c
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
            .where(_ROW.organization_id == self._organization_id, _ROW.id == customer.id)
            .values(msgspec.structs.asdict(customer))
        )

    def by_key(self, key: str, *, locked: bool = False) -> Customer | None:
        """The customer of that key; `locked` holds others off it until the transaction ends."""
        query = self._select().where(_ROW.key == key)
        if locked:
            query = query.with_for_update()
        return next(self._customers(query), None)

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, Customer]:
        """Those of `ids` that exist, by id."""
        wanted = sa.bindparam("ids", list(ids), type_=sa.ARRAY(sa.Text))
        query = self._select().where(_ROW.id == sa.func.any(wanted))
        return {customer.id: customer for customer in self._customers(query)}

    def there(self, keys: Iterable[str]) -> set[str]:
        """Those of these keys that are a customer's, by one query."""
        wanted = sa.bindparam("keys", list(keys), type_=sa.ARRAY(sa.Text))
        query = sa.select(_ROW.key).where(
            _ROW.organization_id == self._organization_id, _ROW.key == sa.func.any(wanted)
        )
        return set(self._connection.execute(query).scalars())

    def family(self, keys: Iterable[str]) -> list[Customer]:
        """The descendants of these customers, at any depth, in key order, by one query."""
        top = sa.bindparam("keys", list(keys), type_=sa.ARRAY(sa.Text))
        own = _ROW.organization_id == self._organization_id
        found = (
            sa.select(_ROW.key)
            .where(own, _ROW.parent == sa.func.any(top))
            .cte("family", recursive=True)
        )
        below = sa.select(_ROW.key).where(own, _ROW.parent == found.c.key)
        found = found.union(below)
        query = self._select().where(_ROW.key.in_(sa.select(found.c.key)))
        return list(self._customers(query.order_by(_ROW.key)))

    def pools(self, keys: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Whose usage counts at each of these customers beside its own, by key; none, no key."""
        own = _ROW.organization_id == self._organization_id
        counts_above = _ROW.usage_at == Where.PARENT.value
        top = sa.bindparam("keys", list(keys), type_=sa.ARRAY(sa.Text))
        found = (
            sa.select(_ROW.parent.label("top"), _ROW.key)
            .where(own, counts_above, _ROW.parent == sa.func.any(top))
            .cte("pool", recursive=True)
        )
        below = sa.select(found.c.top, _ROW.key).where(
            own, counts_above, _ROW.parent == found.c.key
        )
        found = found.union(below)
        members: dict[str, list[str]] = {}
        for row in self._connection.execute(sa.select(found).order_by(found.c.key)):
            members.setdefault(row.top, []).append(row.key)
        return {key: tuple(below) for key, below in members.items()}

    def collectors(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys whose customers have a child that is invoiced with them."""
        wanted = sa.bindparam("keys", list(keys), type_=sa.ARRAY(sa.Text))
        query = (
            sa.select(_ROW.parent)
            .distinct()
            .where(
                _ROW.organization_id == self._organization_id,
                _ROW.parent == sa.func.any(wanted),
                _ROW.invoiced_at == Where.PARENT.value,
            )
        )
        return set(self._connection.execute(query).scalars())

    def payers(self, keys: Iterable[str]) -> Mapping[str, Customer]:
        """Who is invoiced for each of these customers, by key; for others than themselves."""
        own = _ROW.organization_id == self._organization_id
        wanted = sa.bindparam("keys", list(keys), type_=sa.ARRAY(sa.Text))
        is_passed_on = sa.and_(
            own, _ROW.invoiced_at == Where.PARENT.value, _ROW.parent.is_not(None)
        )
        found = (
            sa.select(_ROW.key, _ROW.parent.label("payer"))
            .where(is_passed_on, _ROW.key == sa.func.any(wanted))
            .cte("payer", recursive=True)
        )
        above = sa.select(found.c.key, _ROW.parent).where(is_passed_on, _ROW.key == found.c.payer)
        found = found.union(above)
        query = (
            sa.select(found.c.key.label("of"), *_FIELDS)
            .join(CUSTOMERS, sa.and_(own, _ROW.key == found.c.payer))
            .where(sa.or_(_ROW.invoiced_at == Where.SELF.value, _ROW.parent.is_(None)))
        )
        return {row.of: _customer(row) for row in self._connection.execute(query)}

    def page(self, *, after: str, limit: int) -> list[Customer]:
        """Customers in key order, those after key `after`."""
        query = self._select().where(_ROW.key > after).order_by(_ROW.key).limit(limit)
        return list(self._customers(query))

    def _select(self) -> sa.Select[Any]:
        return sa.select(*_FIELDS).where(_ROW.organization_id == self._organization_id)

    def _customers(self, query: sa.Select[Any]) -> Iterator[Customer]:
        for row in self._connection.execute(query):
            yield _customer(row)


def _customer(row: sa.Row[Any]) -> Customer:
    fields = {name: getattr(row, name) for name in Customer.__struct_fields__}
    fields["invoiced_at"] = Where(fields["invoiced_at"])
    fields["usage_at"] = Where(fields["usage_at"])
    return Customer(**fields)
