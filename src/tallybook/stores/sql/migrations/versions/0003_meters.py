"""Meters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003_meters"
down_revision = "0002_customers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meters",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("aggregation", JSONB, nullable=False),
        sa.Column("filter", sa.Text, nullable=False),
        sa.Column("dimensions", JSONB, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("conversion", JSONB, nullable=False),
        sa.Column("rounding", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="meters_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="meters_organization_id_fkey"
        ),
        sa.UniqueConstraint(
            "organization_id", "key", "version", name="meters_organization_id_key_version_key"
        ),
    )


def downgrade() -> None:
    op.drop_table("meters")
