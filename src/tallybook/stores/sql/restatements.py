"""Restatements in PostgreSQL, and up to where late events were looked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.customers.customer import Where
from tallybook.domain.invoicing.invoice import InvoiceStatus
from tallybook.domain.invoicing.restatement import (
    Counted,
    LateEventSettings,
    LatePolicy,
    Listed,
    Restatement,
    UsageLine,
)
from tallybook.domain.kernel.errors import Missing
from tallybook.services.restatement_ports import Watch
from tallybook.stores.sql.customers import CUSTOMERS
from tallybook.stores.sql.database import Document, Instant, metadata
from tallybook.stores.sql.invoices import INVOICE_LINES, INVOICES
from tallybook.stores.sql.late_watches import LATE_WATCHES, note_watch
from tallybook.stores.sql.meters import METERS
from tallybook.stores.sql.subscriptions import SUBSCRIPTIONS
from tallybook.stores.sql.unnested import unnested

LATE_EVENTS = sa.Table(
    "late_events",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("policy", sa.Text, nullable=False, server_default=LatePolicy.NEXT_INVOICE.value),
    sa.Column("through", sa.BigInteger),
    sa.Column("until", Instant),
)
"""What an organization wants done, and up to where its log was looked at."""

RESTATEMENTS = sa.Table(
    "restatements",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("customer", sa.Text, nullable=False),
    sa.Column("meter_id", sa.Text, nullable=False),
    sa.Column("invoice_id", sa.Text, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("before", Document(Counted), nullable=False),
    sa.Column("after", Document(Counted), nullable=False),
    sa.UniqueConstraint(
        "organization_id", "invoice_id", "line", "place", name="restatements_line_key"
    ),
    sa.ForeignKeyConstraint(
        ["organization_id", "invoice_id", "line"],
        ["invoice_lines.organization_id", "invoice_lines.invoice_id", "invoice_lines.number"],
        name="restatements_line_fkey",
    ),
    sa.Index("restatements_number_idx", "organization_id", "number"),
    sa.Index("restatements_customer_idx", "organization_id", "customer", "number"),
)

_ROW, _LINE, _INVOICE = RESTATEMENTS.c, INVOICE_LINES.c, INVOICES.c
_ADDED = [column for column in _ROW if column.name != "number"]


class SqlRestatements:
    """Restatements of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def watch(self) -> Watch:
        """How far it is, locked: one looks at a time."""
        own = {"organization_id": self._organization_id}
        self._connection.execute(insert(LATE_EVENTS).values(own).on_conflict_do_nothing())
        state = self._connection.execute(self._state().with_for_update()).one()
        mine = LATE_WATCHES.c.organization_id == self._organization_id
        notes = self._connection.execute(sa.select(LATE_WATCHES).where(mine)).all()
        begins = [note.as_of for note in notes]
        begins += [] if state.through is None else [state.through]
        times = [note.until for note in notes]
        times += [] if state.until is None else [state.until]
        return Watch(
            LatePolicy(state.policy),
            min(begins, default=None),
            max(times, default=None),
            tuple(note.id for note in notes),
        )

    def watched(self, watch: Watch, *, through: int) -> None:
        """All up to `through` was looked at."""
        note = LATE_WATCHES.c
        seen = sa.bindparam("seen", list(watch.seen), type_=sa.ARRAY(sa.BigInteger))
        mine = note.organization_id == self._organization_id
        self._connection.execute(sa.delete(LATE_WATCHES).where(mine, note.id == sa.func.any(seen)))
        self._connection.execute(
            sa.update(LATE_EVENTS)
            .where(LATE_EVENTS.c.organization_id == self._organization_id)
            .values(through=through, until=watch.until)
        )

    def note(self, *, as_of: int, until: datetime) -> None:
        """Look again at events after `as_of` that occurred by `until`."""
        note_watch(self._connection, self._organization_id, as_of=as_of, until=until)

    def lines_of(self, customers: Sequence[str], *, since: datetime) -> list[UsageLine]:
        """Lines of usage of these customers, or of those that count it as their own.

        Those of service that ended at `since` or later, on invoices that are not void.
        """
        charged = self._charged(customers)
        last = (
            sa.select(
                sa.func.count().label("restated"),
                sa.func.max(_ROW.after["evidence"]["as_of"].as_integer()).label("counted_to"),
            )
            .where(
                _ROW.organization_id == self._organization_id,
                _ROW.invoice_id == _LINE.invoice_id,
                _ROW.line == _LINE.number,
            )
            .lateral("last")
        )
        query: sa.Select[Any] = (
            sa.select(
                _LINE.invoice_id,
                _INVOICE.status,
                _LINE.number,
                _LINE.proof,
                last.c.restated,
                last.c.counted_to,
            )
            .select_from(charged)
            .join(INVOICES, _INVOICE.subscription_id == charged.c.id)
            .join(
                INVOICE_LINES,
                sa.and_(
                    _LINE.organization_id == self._organization_id,
                    _LINE.invoice_id == _INVOICE.id,
                ),
            )
            .join(last, sa.true())
            .where(
                _INVOICE.organization_id == self._organization_id,
                _INVOICE.status != InvoiceStatus.VOID.value,
                _LINE.proof["meter_id"].astext.is_not(None),
                _LINE.service_ends >= since,
            )
            .order_by(_INVOICE.created_at, _LINE.invoice_id, _LINE.number)
        )
        return [_usage_line(row) for row in self._connection.execute(query)]

    def add_many(self, restatements: Sequence[Restatement]) -> None:
        """Keep them; a line's next one comes once."""
        if not restatements:
            return
        rows = [
            msgspec.structs.asdict(each) | {"organization_id": self._organization_id}
            for each in restatements
        ]
        incoming = unnested(_ADDED, rows)
        names = [column.name for column in _ADDED]
        self._connection.execute(
            insert(RESTATEMENTS).from_select(names, sa.select(*(incoming.c[n] for n in names)))
        )

    def by_id(self, restatement_id: str) -> Listed | None:
        """The restatement of that id."""
        query = self._listed().where(_ROW.id == restatement_id)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _listed(row)

    def page(
        self,
        *,
        after: str,
        limit: int,
        customer: str | None = None,
        meter: str | None = None,
        invoice_id: str | None = None,
    ) -> list[Listed]:
        """The last made first, those made before the one of id `after`."""
        query = self._listed()
        wanted = ((_ROW.customer, customer), (METERS.c.key, meter), (_ROW.invoice_id, invoice_id))
        for column, value in wanted:
            if value is not None:
                query = query.where(column == value)
        if after:
            query = query.where(_ROW.number < self._number(after))
        query = query.order_by(_ROW.number.desc()).limit(limit)
        return [_listed(row) for row in self._connection.execute(query)]

    def settings(self) -> LateEventSettings:
        """What the organization wants done about late events."""
        row = self._connection.execute(self._state()).one_or_none()
        return LateEventSettings() if row is None else LateEventSettings(LatePolicy(row.policy))

    def set_settings(self, settings: LateEventSettings) -> None:
        """Want this of restatements made from now on."""
        values = {"organization_id": self._organization_id, "policy": settings.policy.value}
        self._connection.execute(
            insert(LATE_EVENTS)
            .values(values)
            .on_conflict_do_update(
                index_elements=[LATE_EVENTS.c.organization_id],
                set_={"policy": settings.policy.value},
            )
        )

    def _state(self) -> sa.Select[Any]:
        state = LATE_EVENTS.c
        return sa.select(state.policy, state.through, state.until).where(
            state.organization_id == self._organization_id
        )

    def _charged(self, customers: Sequence[str]) -> sa.CTE:
        """The subscriptions of these customers, and of those that their usage counts at."""
        who = CUSTOMERS.c
        own = who.organization_id == self._organization_id
        keys = sa.bindparam("keys", list(customers), type_=sa.ARRAY(sa.Text))
        found = (
            sa.select(who.id, who.key, who.parent, who.usage_at)
            .where(own, who.key == sa.func.any(keys))
            .cte("charged", recursive=True)
        )
        above = sa.select(who.id, who.key, who.parent, who.usage_at).where(
            own, who.key == found.c.parent, found.c.usage_at == Where.PARENT.value
        )
        found = found.union(above)
        subscription = SUBSCRIPTIONS.c
        return (
            sa.select(subscription.id)
            .where(
                subscription.organization_id == self._organization_id,
                subscription.customer_id.in_(sa.select(found.c.id)),
            )
            .cte("their_subscriptions")
        )

    def _listed(self) -> sa.Select[Any]:
        return (
            sa.select(
                *_ADDED,
                _INVOICE.number.label("invoice_number"),
                _LINE.price_key,
                _LINE.unit,
                _LINE.proof,
                METERS.c.key.label("meter"),
            )
            .join(
                INVOICES,
                sa.and_(
                    _INVOICE.organization_id == _ROW.organization_id,
                    _INVOICE.id == _ROW.invoice_id,
                ),
            )
            .join(
                INVOICE_LINES,
                sa.and_(
                    _LINE.organization_id == _ROW.organization_id,
                    _LINE.invoice_id == _ROW.invoice_id,
                    _LINE.number == _ROW.line,
                ),
            )
            .join(
                METERS,
                sa.and_(
                    METERS.c.organization_id == _ROW.organization_id,
                    METERS.c.id == _ROW.meter_id,
                ),
            )
            .where(_ROW.organization_id == self._organization_id)
        )

    def _number(self, restatement_id: str) -> int:
        query = sa.select(_ROW.number).where(
            _ROW.organization_id == self._organization_id, _ROW.id == restatement_id
        )
        number = self._connection.execute(query).scalar_one_or_none()
        if number is None:
            raise Missing(
                "no_such_page",
                f"There is no page after {restatement_id[:40]!r}.",
                field="after",
                mend="Send the `next` of the page before.",
            )
        return int(number)


def _usage_line(row: sa.Row[Any]) -> UsageLine:
    return UsageLine(
        invoice_id=row.invoice_id,
        status=InvoiceStatus(row.status),
        number=row.number,
        proof=row.proof,
        counted_to=row.proof.evidence.as_of if row.counted_to is None else row.counted_to,
        restated=row.restated,
    )


def _listed(row: sa.Row[Any]) -> Listed:
    fields = {name: getattr(row, name) for name in Restatement.__struct_fields__}
    fields["policy"] = LatePolicy(row.policy)
    return Listed(
        restatement=Restatement(**fields),
        invoice_number=row.invoice_number,
        price_key=row.price_key,
        unit=row.unit,
        meter=row.meter,
        proof=row.proof,
    )
