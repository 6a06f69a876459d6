"""Conditions of bills: commitments, limits, allowances, overrides, coupons; kinds of lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011_conditions_of_bills"
down_revision = "0010_governance_of_events"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name in ("shared_allowances", "commitments", "spend_limits"):
        column = sa.Column(name, JSONB, nullable=False, server_default="[]")
        op.add_column("plan_versions", column)
    order = sa.Column("coupon_order", sa.Text, nullable=False, server_default="as_listed")
    op.add_column("plan_versions", order)
    kind = sa.Column("kind", sa.Text, nullable=False, server_default="price")
    op.add_column("invoice_lines", kind)
    op.create_index(
        "invoice_lines_coupon_idx",
        "invoice_lines",
        ["organization_id", "price_key"],
        postgresql_where=sa.text("kind = 'coupon'"),
    )
    op.create_table(
        "plan_overrides",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("base_id", sa.Text, nullable=False),
        sa.Column("overrides", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="plan_overrides_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="plan_overrides_organization_id_fkey"
        ),
    )
    op.create_table(
        "coupons",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("offer", JSONB, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("retired_at", _INSTANT),
        sa.PrimaryKeyConstraint("organization_id", "id", name="coupons_pkey"),
        sa.UniqueConstraint("organization_id", "key", name="coupons_organization_id_key_key"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="coupons_organization_id_fkey"
        ),
    )
    _create_redemptions()


def _create_redemptions() -> None:
    op.create_table(
        "coupon_redemptions",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("coupon_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("subscription_id", sa.Text),
        sa.Column("redeemed_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
        sa.PrimaryKeyConstraint("organization_id", "id", name="coupon_redemptions_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id", "coupon_id"],
            ["coupons.organization_id", "coupons.id"],
            name="coupon_redemptions_organization_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name="coupon_redemptions_customer_fkey",
        ),
    )
    for name in ("customer_id", "coupon_id"):
        op.create_index(
            f"coupon_redemptions_{name}_idx", "coupon_redemptions", ["organization_id", name]
        )


def downgrade() -> None:
    for table in ("coupon_redemptions", "coupons", "plan_overrides"):
        op.drop_table(table)
    op.drop_index("invoice_lines_coupon_idx", "invoice_lines")
    op.drop_column("invoice_lines", "kind")
    for name in ("coupon_order", "spend_limits", "commitments", "shared_allowances"):
        op.drop_column("plan_versions", name)
