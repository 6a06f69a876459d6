"""Changes of subscriptions, which are added and never altered, and bills reckoned from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008_subscription_changes"
down_revision = "0007_test_clock"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

_FREEZE = """
CREATE FUNCTION refuse_change_of_recorded_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'change % of a subscription is recorded and never altered', OLD.number
        USING ERRCODE = 'integrity_constraint_violation';
END $$
"""

_DUE_AT = "CASE WHEN status = 'scheduled' THEN {} ELSE period_ends END"


def upgrade() -> None:
    op.create_table(
        "subscription_changes",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("subscription_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("effective_at", _INSTANT, nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("what", JSONB, nullable=False),
        sa.Column("proration", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "subscription_id", "number", name="subscription_changes_pkey"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "subscription_id"],
            ["subscriptions.organization_id", "subscriptions.id"],
            name="subscription_changes_subscription_fkey",
        ),
    )
    op.execute(_FREEZE)
    op.execute(
        "CREATE TRIGGER subscription_changes_frozen BEFORE UPDATE OR DELETE ON "
        "subscription_changes FOR EACH ROW EXECUTE FUNCTION refuse_change_of_recorded_change()"
    )
    for column in (
        sa.Column("quantities", JSONB, nullable=False, server_default="{}"),
        sa.Column("is_trial", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("counting", sa.Text, nullable=False, server_default="by_day"),
        sa.Column("change_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("billed", JSONB),
    ):
        op.add_column("subscriptions", column)
    _compute_due_at("period_starts")
    op.add_column("invoices", sa.Column("reckoning", JSONB))
    op.add_column(
        "invoices", sa.Column("change_count", sa.Integer, nullable=False, server_default="0")
    )
    op.drop_constraint("invoices_period_key", "invoices")
    op.create_unique_constraint(
        "invoices_period_key",
        "invoices",
        ["organization_id", "subscription_id", "occasion", "period_starts", "change_count"],
    )


def downgrade() -> None:
    op.drop_constraint("invoices_period_key", "invoices")
    op.create_unique_constraint(
        "invoices_period_key",
        "invoices",
        ["organization_id", "subscription_id", "occasion", "period_starts"],
    )
    for name in ("change_count", "reckoning"):
        op.drop_column("invoices", name)
    _compute_due_at("starts_at")
    for name in ("billed", "change_count", "counting", "is_trial", "quantities"):
        op.drop_column("subscriptions", name)
    op.drop_table("subscription_changes")
    op.execute("DROP FUNCTION refuse_change_of_recorded_change()")


def _compute_due_at(opening: str) -> None:
    """One that begins again is due when its period starts, not when the first one did."""
    op.drop_column("subscriptions", "due_at")
    op.add_column(
        "subscriptions",
        sa.Column("due_at", _INSTANT, sa.Computed(_DUE_AT.format(opening), persisted=True)),
    )
    op.create_index(
        "subscriptions_due_at_idx",
        "subscriptions",
        ["organization_id", "due_at"],
        postgresql_where=sa.text("status <> 'ended'"),
    )
