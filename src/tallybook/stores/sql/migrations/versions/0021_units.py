"""Names of units, by language."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021_units"
down_revision = "0020_billing_turns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "units",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name="units_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="units_organization_id_fkey"
        ),
    )


def downgrade() -> None:
    op.drop_table("units")
