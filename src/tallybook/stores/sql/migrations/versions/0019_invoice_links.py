"""Links by which an invoice can be read without a key, so that each can be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019_invoice_links"
down_revision = "0018_quarantine_sizes"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "invoice_links",
        sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT),
        sa.PrimaryKeyConstraint("organization_id", "id", name="invoice_links_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name="invoice_links_invoice_fkey",
        ),
    )
    op.create_index("invoice_links_invoice_idx", "invoice_links", ["organization_id", "invoice_id"])


def downgrade() -> None:
    op.drop_table("invoice_links")
