"""Links to invoices in PostgreSQL. Their tokens are not kept: they are signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from tallybook.domain.invoicing.link import InvoiceLink
from tallybook.stores.sql.database import Instant, metadata

INVOICE_LINKS = sa.Table(
    "invoice_links",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("invoice_id", sa.Text, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.ForeignKeyConstraint(
        ["organization_id", "invoice_id"], ["invoices.organization_id", "invoices.id"]
    ),
    sa.Index("invoice_links_invoice_idx", "organization_id", "invoice_id"),
)

_ROW = INVOICE_LINKS.c
_FIELDS = [_ROW[field] for field in InvoiceLink.__struct_fields__]


class SqlInvoiceLinks:
    """Links to invoices of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def add(self, link: InvoiceLink) -> None:
        """Keep a new link."""
        row = msgspec.structs.asdict(link) | {"organization_id": self._organization_id}
        self._connection.execute(sa.insert(INVOICE_LINKS).values(row))

    def by_id(self, link_id: str) -> InvoiceLink | None:
        """The link of that id."""
        return next(self._links(self._ours().where(_ROW.id == link_id)), None)

    def of_invoice(self, invoice_id: str) -> list[InvoiceLink]:
        """Every link that was made to it, the last made first."""
        query = self._ours().where(_ROW.invoice_id == invoice_id)
        return list(self._links(query.order_by(_ROW.made_at.desc(), _ROW.id.desc())))

    def revoke(self, link_id: str, *, at: datetime) -> None:
        """Take it back; one that is taken back already stays so since then."""
        self._connection.execute(
            sa.update(INVOICE_LINKS)
            .values(revoked_at=at)
            .where(
                _ROW.organization_id == self._organization_id,
                _ROW.id == link_id,
                _ROW.revoked_at.is_(None),
            )
        )

    def _ours(self) -> sa.Select[Any]:
        return sa.select(*_FIELDS).where(_ROW.organization_id == self._organization_id)

    def _links(self, query: sa.Select[Any]) -> Iterator[InvoiceLink]:
        for row in self._connection.execute(query):
            yield InvoiceLink(**row._mapping)
