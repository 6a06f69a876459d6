"""Restatements of usage that was invoiced, and up to where late events were looked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015_restatements"
down_revision = "0014_invoices_at_parents"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "late_events",
        _organization(),
        sa.Column("policy", sa.Text, nullable=False, server_default="next_invoice"),
        sa.Column("through", sa.BigInteger),
        sa.Column("until", _INSTANT),
        sa.PrimaryKeyConstraint("organization_id", name="late_events_pkey"),
    )
    op.create_table(
        "late_watches",
        _organization(),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("as_of", sa.BigInteger, nullable=False),
        sa.Column("until", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="late_watches_pkey"),
    )
    op.create_table(
        "restatements",
        _organization(),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("meter_id", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("before", JSONB, nullable=False),
        sa.Column("after", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="restatements_pkey"),
        sa.UniqueConstraint(
            "organization_id", "invoice_id", "line", "place", name="restatements_line_key"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id", "line"],
            ["invoice_lines.organization_id", "invoice_lines.invoice_id", "invoice_lines.number"],
            name="restatements_line_fkey",
        ),
    )
    op.create_index("restatements_number_idx", "restatements", ["organization_id", "number"])
    op.create_index(
        "restatements_customer_idx", "restatements", ["organization_id", "customer", "number"]
    )
    op.execute(
        "INSERT INTO late_watches (organization_id, as_of, until) "
        "SELECT organization_id, min(as_of), max(period_ends) FROM invoices "
        "GROUP BY organization_id"
    )


def downgrade() -> None:
    for table in ("restatements", "late_watches", "late_events"):
        op.drop_table(table)


def _organization() -> sa.Column[str]:
    return sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), nullable=False)
