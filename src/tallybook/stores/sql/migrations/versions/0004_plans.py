"""Plan versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004_plans"
down_revision = "0003_meters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plan_versions",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("plan_key", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("interval", sa.Text, nullable=False),
        sa.Column("interval_count", sa.Integer, nullable=False),
        sa.Column("prices", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="plan_versions_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="plan_versions_organization_id_fkey"
        ),
        sa.UniqueConstraint(
            "organization_id",
            "plan_key",
            "version",
            name="plan_versions_organization_id_plan_key_version_key",
        ),
    )


def downgrade() -> None:
    op.drop_table("plan_versions")
