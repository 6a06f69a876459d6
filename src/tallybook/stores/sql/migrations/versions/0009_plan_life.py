"""The life of plan versions: drafts, several currencies, what is granted, retirement.

A published version never changes, and the database sees to it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009_plan_life"
down_revision = "0008_subscription_changes"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

_FREEZE = """
CREATE FUNCTION refuse_change_of_plan_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
        OR to_jsonb(OLD) - 'retired_at' IS DISTINCT FROM to_jsonb(NEW) - 'retired_at' THEN
        RAISE EXCEPTION 'a published plan version never changes';
    END IF;
    RETURN NEW;
END
$$
"""


def upgrade() -> None:
    for column in (
        sa.Column("currencies", JSONB, nullable=False, server_default="[]"),
        sa.Column("grants", JSONB, nullable=False, server_default="[]"),
        sa.Column("retired_at", _INSTANT),
    ):
        op.add_column("plan_versions", column)
    op.execute(_FREEZE)
    op.execute(
        "CREATE TRIGGER plan_versions_frozen BEFORE UPDATE OR DELETE ON plan_versions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change_of_plan_version()"
    )
    op.create_table(
        "plan_drafts",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("plan_key", sa.Text, nullable=False),
        sa.Column("terms", JSONB, nullable=False),
        sa.Column("based_on", sa.Integer),
        sa.Column("saved_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "plan_key", name="plan_drafts_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name="plan_drafts_organization_id_fkey"
        ),
    )


def downgrade() -> None:
    op.drop_table("plan_drafts")
    op.execute("DROP TRIGGER plan_versions_frozen ON plan_versions")
    op.execute("DROP FUNCTION refuse_change_of_plan_version()")
    for name in ("retired_at", "grants", "currencies"):
        op.drop_column("plan_versions", name)
