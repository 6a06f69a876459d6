"""Products, features, families, experiments, and migrations of subscribers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013_products_migrations"
down_revision = "0012_families_and_trials"
branch_labels = None
depends_on = None

_NAMED = ("products", "features", "plan_families", "experiments", "plan_migrations")

_FREEZE = """
CREATE FUNCTION refuse_change_of_exposure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'who met which arm is recorded once, for life';
END
$$
"""


def upgrade() -> None:
    for name in _NAMED:
        op.create_table(
            name,
            sa.Column("organization_id", sa.Text, nullable=False),
            sa.Column("key", sa.Text, nullable=False),
            sa.Column("body", JSONB, nullable=False),
            sa.PrimaryKeyConstraint("organization_id", "key", name=f"{name}_pkey"),
            sa.ForeignKeyConstraint(
                ["organization_id"], ["organizations.id"], name=f"{name}_organization_id_fkey"
            ),
        )
    op.create_table(
        "experiment_exposures",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("experiment", sa.Text, nullable=False),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("arm", sa.Text, nullable=False),
        sa.Column("exposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "experiment", "customer", name="experiment_exposures_pkey"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "experiment"],
            ["experiments.organization_id", "experiments.key"],
            name="experiment_exposures_experiment_fkey",
        ),
    )
    op.execute(_FREEZE)
    op.execute(
        "CREATE TRIGGER experiment_exposures_frozen BEFORE UPDATE OR DELETE ON "
        "experiment_exposures FOR EACH ROW EXECUTE FUNCTION refuse_change_of_exposure()"
    )
    op.create_table(
        "plan_migration_members",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("migration", sa.Text, nullable=False),
        sa.Column("subscription_id", sa.Text, nullable=False),
        sa.Column("subscription_key", sa.Text, nullable=False),
        sa.Column("customer_key", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("changes", JSONB, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "migration", "subscription_id", name="plan_migration_members_pkey"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "migration"],
            ["plan_migrations.organization_id", "plan_migrations.key"],
            name="plan_migration_members_migration_fkey",
        ),
    )
    op.create_index(
        "plan_migration_members_state_idx",
        "plan_migration_members",
        ["organization_id", "migration", "state", "subscription_key"],
    )


def downgrade() -> None:
    op.drop_table("plan_migration_members")
    op.drop_table("experiment_exposures")
    op.execute("DROP FUNCTION refuse_change_of_exposure()")
    for name in reversed(_NAMED):
        op.drop_table(name)
