"""Orders of changes that have a key, in PostgreSQL: each is made once."""

from __future__ import annotations

import sqlalchemy as sa

from tallybook.domain.subscriptions.orders import ChangeOrder, MadeOrder
from tallybook.stores.sql.database import Document, metadata

CHANGE_ORDERS = sa.Table(
    "subscription_change_orders",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("subscription_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("order", Document(ChangeOrder), nullable=False),
    sa.Column("changes", sa.ARRAY(sa.Integer), nullable=False),
    sa.Column("invoices", sa.ARRAY(sa.Text), nullable=False),
    sa.ForeignKeyConstraint(
        ["organization_id", "subscription_id"],
        ["subscriptions.organization_id", "subscriptions.id"],
        name="subscription_change_orders_subscription_fkey",
    ),
)
_ROW = CHANGE_ORDERS.c


class SqlChangeOrders:
    """Orders with a key that were made, of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def add(self, subscription_id: str, made: MadeOrder) -> None:
        """Keep what was made of a subscription that the transaction holds locked."""
        self._connection.execute(
            sa.insert(CHANGE_ORDERS).values(
                organization_id=self._organization_id,
                subscription_id=subscription_id,
                key=made.order.key,
                order=made.order,
                changes=list(made.changes),
                invoices=list(made.invoices),
            )
        )

    def by_key(self, subscription_id: str, key: str) -> MadeOrder | None:
        """What was made under that key; None if nothing was."""
        query = sa.select(_ROW.order, _ROW.changes, _ROW.invoices).where(
            _ROW.organization_id == self._organization_id,
            _ROW.subscription_id == subscription_id,
            _ROW.key == key,
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else MadeOrder(row[0], tuple(row[1]), tuple(row[2]))
