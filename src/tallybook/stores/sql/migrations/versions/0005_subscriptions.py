"""Subscriptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_subscriptions"
down_revision = "0004_plans"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("plan_version_id", sa.Text, nullable=False),
        sa.Column("interval", sa.Text, nullable=False),
        sa.Column("interval_count", sa.Integer, nullable=False),
        sa.Column("alignment", sa.Text, nullable=False),
        sa.Column("boundary_time", sa.Text, nullable=False),
        sa.Column("anchor", _INSTANT, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT),
        sa.Column("period_starts", _INSTANT, nullable=False),
        sa.Column("period_ends", _INSTANT, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column(
            "due_at",
            _INSTANT,
            sa.Computed(
                "CASE WHEN status = 'scheduled' THEN starts_at ELSE period_ends END",
                persisted=True,
            ),
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name="subscriptions_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name="subscriptions_organization_id_fkey",
        ),
        sa.UniqueConstraint("organization_id", "key", name="subscriptions_organization_id_key_key"),
    )
    op.create_index(
        "subscriptions_customer_id_idx", "subscriptions", ["organization_id", "customer_id"]
    )
    op.create_index(
        "subscriptions_due_at_idx",
        "subscriptions",
        ["organization_id", "due_at"],
        postgresql_where=sa.text("status <> 'ended'"),
    )


def downgrade() -> None:
    op.drop_table("subscriptions")
