"""Orders of changes under keys of their senders' own, so that one sent again is made once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022_change_orders"
down_revision = "0021_units"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subscription_change_orders",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("subscription_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("order", JSONB, nullable=False),
        sa.Column("changes", sa.ARRAY(sa.Integer), nullable=False),
        sa.Column("invoices", sa.ARRAY(sa.Text), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "subscription_id", "key", name="subscription_change_orders_pkey"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "subscription_id"],
            ["subscriptions.organization_id", "subscriptions.id"],
            name="subscription_change_orders_subscription_fkey",
        ),
    )


def downgrade() -> None:
    op.drop_table("subscription_change_orders")
