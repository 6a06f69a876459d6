"""Organizations for tests, and the clock that one may live on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_test_clock"
down_revision = "0006_invoices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "organizations", sa.Column("mode", sa.Text, nullable=False, server_default="live")
    )
    op.add_column("organizations", sa.Column("clock_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        "organizations_clock_check", "organizations", "clock_at IS NULL OR mode = 'test'"
    )


def downgrade() -> None:
    op.drop_column("organizations", "clock_at")
    op.drop_column("organizations", "mode")
