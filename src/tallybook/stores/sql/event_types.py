"""Event types and an organization's rules for events, in PostgreSQL.

Versions of types are added and never changed. Whatever changes what events are judged by moves the
organization's `revision` on, which is how every server learns of it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import TypeDecorator

from tallybook.domain.events.event_type import EventSettings, EventType, Status, Strictness
from tallybook.domain.kernel.errors import Conflicting
from tallybook.stores.sql.database import Document, Instant, metadata
from tallybook.stores.sql.versioned import SqlVersioned


class Json(TypeDecorator[Any]):
    """Any JSON as the text that it was written as."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: sa.Dialect) -> Any:
        return msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> Any:
        return msgspec.json.decode(value)


EVENT_RULES = sa.Table(
    "event_rules",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("settings", Document(EventSettings), nullable=False),
)

EVENT_TYPES = sa.Table(
    "event_types",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("strictness", sa.Text, nullable=False),
    sa.Column("schema", Json, nullable=False),
    sa.Column("examples", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)


class SqlEventTypes(SqlVersioned[EventType]):
    """Event types of the transaction's organization; by key, always the latest version."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        super().__init__(connection, organization_id, EVENT_TYPES, EventType.__struct_fields__)

    def read(self, row: sa.RowMapping) -> EventType:
        """The type that a row says."""
        status, strictness = Status(row["status"]), Strictness(row["strictness"])
        return EventType(**{**row, "status": status, "strictness": strictness})

    def settings(self) -> EventSettings:
        """What is demanded of all events."""
        query = sa.select(EVENT_RULES.c.settings).where(
            EVENT_RULES.c.organization_id == self._organization_id
        )
        found: EventSettings | None = self._connection.execute(query).scalar_one_or_none()
        return found or EventSettings()

    def set_settings(self, settings: EventSettings) -> None:
        """Demand this of all events from now on."""
        self._move_on({"settings": settings})

    def add(self, event_type: EventType) -> None:
        """Keep a new version; `Conflicting` if its key has that one."""
        self._move_on({})
        if not self._is_added(msgspec.structs.asdict(event_type)):
            raise Conflicting(
                "event_type_changed",
                f"Somebody else has just changed the event type {event_type.key!r}.",
                field="key",
                mend="Read it again, and change what it is now.",
            )

    def _move_on(self, changes: dict[str, Any]) -> None:
        """Move the revision on, which also holds others off until this transaction ends."""
        first = {"organization_id": self._organization_id, "revision": 1}
        statement = insert(EVENT_RULES).values({**first, "settings": EventSettings(), **changes})
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["organization_id"],
                set_={"revision": EVENT_RULES.c.revision + 1, **changes},
            )
        )
