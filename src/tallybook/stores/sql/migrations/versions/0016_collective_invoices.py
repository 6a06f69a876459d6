"""Collective invoices: the invoices of a family that are one document with one number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016_collective_invoices"
down_revision = "0015_restatements"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invoices", sa.Column("collective_id", sa.Text))
    op.create_index(
        "invoices_collective_id_idx",
        "invoices",
        ["organization_id", "collective_id"],
        postgresql_where=sa.text("collective_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("invoices_collective_id_idx", "invoices")
    op.drop_column("invoices", "collective_id")
