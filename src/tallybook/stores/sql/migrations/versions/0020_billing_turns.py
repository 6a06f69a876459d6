"""Turns at billing customers who have a limit on all that they spend, and each bill's turn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020_billing_turns"
down_revision = "0019_invoice_links"
branch_labels = None
depends_on = None

_OF_CUSTOMER = """'[{"whose": "customer"}]'::jsonb"""


def upgrade() -> None:
    op.create_table(
        "billing_turns",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "customer_id", name="billing_turns_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="billing_turns_organization_id_fkey"
        ),
    )
    op.add_column("invoices", sa.Column("turn", sa.BigInteger))
    op.create_index(
        "plan_versions_of_customer_idx",
        "plan_versions",
        ["organization_id", "id"],
        postgresql_where=sa.text(f"spend_limits @> {_OF_CUSTOMER}"),
    )
    op.create_index(
        "plan_overrides_of_customer_idx",
        "plan_overrides",
        ["organization_id", "id"],
        postgresql_where=sa.text(f"(overrides -> 'spend_limits') @> {_OF_CUSTOMER}"),
    )


def downgrade() -> None:
    op.drop_index("plan_overrides_of_customer_idx", "plan_overrides")
    op.drop_index("plan_versions_of_customer_idx", "plan_versions")
    op.drop_column("invoices", "turn")
    op.drop_table("billing_turns")
