"""Invoices at parents: whose subscription an invoice is for, where another customer is billed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014_invoices_at_parents"
down_revision = "0013_products_migrations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invoices", sa.Column("subscriber", JSONB))


def downgrade() -> None:
    op.drop_column("invoices", "subscriber")
