"""Subscriptions in the order of their customers' keys: what is due is found by one index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017_due_by_customer"
down_revision = "0016_collective_invoices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("customer_key", sa.Text))
    op.execute(
        "UPDATE subscriptions SET customer_key = customers.key FROM customers "
        "WHERE customers.organization_id = subscriptions.organization_id "
        "AND customers.id = subscriptions.customer_id"
    )
    op.alter_column("subscriptions", "customer_key", nullable=False)
    op.create_index(
        "subscriptions_customer_key_idx",
        "subscriptions",
        ["organization_id", "customer_key", "id"],
        postgresql_where=sa.text("status <> 'ended'"),
    )
    op.create_index(
        "customers_clock_idx",
        "customers",
        ["organization_id"],
        postgresql_where=sa.text("clock_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("customers_clock_idx", "customers")
    op.drop_index("subscriptions_customer_key_idx", "subscriptions")
    op.drop_column("subscriptions", "customer_key")
