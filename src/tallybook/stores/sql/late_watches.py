"""Notes of where to begin to look for late events: written with drafts, by the one transaction."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tallybook.stores.sql.database import Instant, metadata

LATE_WATCHES = sa.Table(
    "late_watches",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("until", Instant, nullable=False),
)
"""Drafts counted up to `as_of`, of periods that end by `until`; deleted once looked at."""


def note_watch(
    connection: sa.Connection, organization_id: str, *, as_of: int, until: datetime
) -> None:
    """Let events after `as_of` that occurred by `until` be looked for."""
    connection.execute(
        sa.insert(LATE_WATCHES).values(organization_id=organization_id, as_of=as_of, until=until)
    )
