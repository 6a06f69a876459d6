"""Customers with parents, payment methods and clocks of their own; what a trial is watched for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012_families_and_trials"
down_revision = "0011_conditions_of_bills"
branch_labels = None
depends_on = None

_OF_CUSTOMERS = ("parent", "invoiced_at", "usage_at", "has_payment_method", "clock_at")


def upgrade() -> None:
    for column in (
        sa.Column("parent", sa.Text),
        sa.Column("invoiced_at", sa.Text, nullable=False, server_default="self"),
        sa.Column("usage_at", sa.Text, nullable=False, server_default="self"),
        sa.Column("has_payment_method", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("clock_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("customers", column)
    op.create_foreign_key(
        "customers_parent_fkey",
        "customers",
        "customers",
        ["organization_id", "parent"],
        ["organization_id", "key"],
    )
    op.create_index(
        "customers_parent_idx",
        "customers",
        ["organization_id", "parent"],
        postgresql_where=sa.text("parent IS NOT NULL"),
    )
    op.add_column("subscriptions", sa.Column("trial_watch", JSONB))
    op.create_index(
        "subscriptions_trial_watch_idx",
        "subscriptions",
        ["organization_id"],
        postgresql_where=sa.text("jsonb_typeof(trial_watch) = 'object'"),
    )


def downgrade() -> None:
    op.drop_index("subscriptions_trial_watch_idx", "subscriptions")
    op.drop_column("subscriptions", "trial_watch")
    op.drop_index("customers_parent_idx", "customers")
    op.drop_constraint("customers_parent_fkey", "customers")
    for name in reversed(_OF_CUSTOMERS):
        op.drop_column("customers", name)
