"""Event types, rules for events, quarantine, and counts for the quality report."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010_governance_of_events"
down_revision = "0009_plan_life"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "event_rules",
        _organization(),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("settings", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="event_rules_pkey"),
    )
    op.create_table(
        "event_types",
        _organization(),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("strictness", sa.Text, nullable=False),
        sa.Column("schema", sa.Text, nullable=False),
        sa.Column("examples", sa.Text, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", "version", name="event_types_pkey"),
    )
    op.create_table(
        "event_counts",
        _organization(),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "day", "type", "source", "kind", name="event_counts_pkey"
        ),
    )
    op.create_table(
        "quarantine_acts",
        _organization(),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("steps", sa.Text, nullable=False),
        sa.Column("is_forced", sa.Boolean, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="quarantine_acts_pkey"),
    )
    _create_quarantine()


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        _organization(),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("sent", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("mend", sa.Text, nullable=False),
        sa.Column("held_at", _INSTANT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("settled_at", _INSTANT),
        sa.Column("act_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger),
        sa.PrimaryKeyConstraint("organization_id", "source", "id", name="quarantine_pkey"),
        sa.CheckConstraint(
            "(state = 'waiting') = (settled_at IS NULL)", name="quarantine_settled_check"
        ),
    )
    op.create_index("quarantine_number_idx", "quarantine", ["organization_id", "number"])
    op.create_index(
        "quarantine_waiting_idx",
        "quarantine",
        ["organization_id", "type", "number"],
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    for table in ("quarantine", "quarantine_acts", "event_counts", "event_types", "event_rules"):
        op.drop_table(table)


def _organization() -> sa.Column[str]:
    return sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), nullable=False)
