"""Invoices, their lines and their numbers; what is finalized is frozen by triggers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006_invoices"
down_revision = "0005_subscriptions"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

_FREEZE_INVOICE = """
CREATE FUNCTION refuse_change_of_finalized_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'invoice % is finalized and cannot be deleted', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.status = 'draft' OR to_jsonb(NEW) - 'status' IS DISTINCT FROM to_jsonb(OLD) - 'status'
    THEN
        RAISE EXCEPTION 'invoice % is finalized: only its status moves on', OLD.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$
"""

_FREEZE_LINES = """
CREATE FUNCTION refuse_change_of_finalized_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM touched
        JOIN invoices ON invoices.organization_id = touched.organization_id
            AND invoices.id = touched.invoice_id
        WHERE invoices.status <> 'draft'
    ) THEN
        RAISE EXCEPTION 'the lines of a finalized invoice never change'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$
"""

_LINE_TRIGGERS = (
    ("invoice_lines_frozen_insert", "INSERT", "NEW"),
    ("invoice_lines_frozen_update_from", "UPDATE", "OLD"),
    ("invoice_lines_frozen_update_to", "UPDATE", "NEW"),
    ("invoice_lines_frozen_delete", "DELETE", "OLD"),
)


def upgrade() -> None:
    _create_invoices()
    _create_lines()
    op.create_table(
        "invoice_numbers",
        sa.Column(
            "organization_id",
            sa.Text,
            sa.ForeignKey("organizations.id", name="invoice_numbers_organization_id_fkey"),
            primary_key=True,
        ),
        sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    _freeze()


def _create_invoices() -> None:
    op.create_table(
        "invoices",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("billed_to", JSONB, nullable=False),
        sa.Column("subscription_id", sa.Text, nullable=False),
        sa.Column("plan_version_id", sa.Text, nullable=False),
        sa.Column("period_starts", _INSTANT, nullable=False),
        sa.Column("period_ends", _INSTANT, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("total_minor", sa.Numeric, nullable=False),
        sa.Column("as_of", sa.BigInteger, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("finalized_at", _INSTANT),
        sa.PrimaryKeyConstraint("organization_id", "id", name="invoices_pkey"),
        sa.ForeignKeyConstraint(
            ["organization_id", "subscription_id"],
            ["subscriptions.organization_id", "subscriptions.id"],
            name="invoices_organization_id_subscription_id_fkey",
        ),
        sa.UniqueConstraint(
            "organization_id",
            "subscription_id",
            "occasion",
            "period_starts",
            name="invoices_period_key",
        ),
        sa.UniqueConstraint(
            "organization_id", "number", name="invoices_organization_id_number_key"
        ),
        sa.CheckConstraint(
            "(number IS NULL) = (finalized_at IS NULL)", name="invoices_numbered_check"
        ),
        sa.CheckConstraint("status <> 'draft' OR number IS NULL", name="invoices_draft_check"),
    )
    organization = "organization_id"
    op.create_index("invoices_created_at_idx", "invoices", [organization, "created_at", "id"])
    op.create_index(
        "invoices_customer_id_idx", "invoices", [organization, "customer_id", "created_at", "id"]
    )
    op.create_index(
        "invoices_drafts_idx",
        "invoices",
        [organization, "period_ends", "id"],
        postgresql_where=sa.text("status = 'draft'"),
    )


def _create_lines() -> None:
    op.create_table(
        "invoice_lines",
        sa.Column("organization_id", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("price_key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("service_starts", _INSTANT, nullable=False),
        sa.Column("service_ends", _INSTANT, nullable=False),
        sa.Column("quantity", sa.Numeric, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("exact_amount", sa.Numeric, nullable=False),
        sa.Column("amount_minor", sa.Numeric, nullable=False),
        sa.Column("working", JSONB, nullable=False),
        sa.Column("proof", JSONB),
        sa.PrimaryKeyConstraint(
            "organization_id", "invoice_id", "number", name="invoice_lines_pkey"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name="invoice_lines_organization_id_invoice_id_fkey",
        ),
    )


def _freeze() -> None:
    op.execute(_FREEZE_INVOICE)
    op.execute(
        "CREATE TRIGGER invoices_frozen BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW "
        "WHEN (OLD.status <> 'draft') EXECUTE FUNCTION refuse_change_of_finalized_invoice()"
    )
    op.execute(_FREEZE_LINES)
    for name, verb, rows in _LINE_TRIGGERS:
        op.execute(
            f"CREATE TRIGGER {name} AFTER {verb} ON invoice_lines "
            f"REFERENCING {rows} TABLE AS touched "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_finalized_lines()"
        )


def downgrade() -> None:
    op.drop_table("invoice_numbers")
    op.drop_table("invoice_lines")
    op.drop_table("invoices")
    op.execute("DROP FUNCTION refuse_change_of_finalized_lines()")
    op.execute("DROP FUNCTION refuse_change_of_finalized_invoice()")
