"""How many events of each organization wait in quarantine, so that there can be a limit to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018_quarantine_sizes"
down_revision = "0017_due_by_customer"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quarantine_sizes",
        sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("waiting", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="quarantine_sizes_pkey"),
    )
    op.execute(
        "INSERT INTO quarantine_sizes SELECT organization_id, count(*) FROM quarantine "
        "WHERE state = 'waiting' GROUP BY organization_id"
    )


def downgrade() -> None:
    op.drop_table("quarantine_sizes")
