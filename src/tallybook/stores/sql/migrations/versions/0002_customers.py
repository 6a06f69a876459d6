"""Customers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_customers"
down_revision = "0001_organizations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="customers_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="customers_organization_id_fkey"
        ),
        sa.UniqueConstraint("organization_id", "key", name="customers_organization_id_key_key"),
    )


def downgrade() -> None:
    op.drop_table("customers")
