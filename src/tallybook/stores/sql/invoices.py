"""Invoices in PostgreSQL. A finalized one is frozen by the database too: see its triggers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.invoicing.collective import part_number
from tallybook.domain.invoicing.invoice import (
    BilledTo,
    Invoice,
    InvoiceHeader,
    InvoiceStatus,
    LineItem,
    LineKind,
    Occasion,
    Reckoning,
    UsageProof,
)
from tallybook.domain.invoicing.numbering import invoice_number, is_invoice_number
from tallybook.domain.kernel.errors import Missing
from tallybook.domain.kernel.instants import Span
from tallybook.domain.rating.rated_line import Step
from tallybook.stores.sql.collectives import Collectives
from tallybook.stores.sql.database import Document, Instant, metadata
from tallybook.stores.sql.late_watches import note_watch
from tallybook.stores.sql.unnested import unnested

INVOICES = sa.Table(
    "invoices",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("occasion", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("billed_to", Document(BilledTo), nullable=False),
    sa.Column("subscription_id", sa.Text, nullable=False),
    sa.Column("plan_version_id", sa.Text, nullable=False),
    sa.Column("period_starts", Instant, nullable=False),
    sa.Column("period_ends", Instant, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("total_minor", sa.Numeric, nullable=False),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("finalized_at", Instant),
    sa.Column("reckoning", Document(Reckoning | None)),
    sa.Column("subscriber", Document(BilledTo | None)),
    sa.Column("collective_id", sa.Text),
    sa.Column("change_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("turn", sa.BigInteger),
    sa.ForeignKeyConstraint(
        ["organization_id", "subscription_id"],
        ["subscriptions.organization_id", "subscriptions.id"],
    ),
    sa.UniqueConstraint(
        "organization_id",
        "subscription_id",
        "occasion",
        "period_starts",
        "change_count",
        name="invoices_period_key",
    ),
    sa.UniqueConstraint("organization_id", "number"),
    sa.CheckConstraint("(number IS NULL) = (finalized_at IS NULL)", name="numbered"),
    sa.CheckConstraint("status <> 'draft' OR number IS NULL", name="draft"),
)
_ROW = INVOICES.c
_IS_DRAFT = _ROW.status == sa.literal_column(f"'{InvoiceStatus.DRAFT.value}'")

sa.Index("invoices_created_at_idx", _ROW.organization_id, _ROW.created_at, _ROW.id)
sa.Index(
    "invoices_customer_id_idx",
    _ROW.organization_id,
    _ROW.customer_id,
    _ROW.created_at,
    _ROW.id,
)
sa.Index(
    "invoices_drafts_idx",
    _ROW.organization_id,
    _ROW.period_ends,
    _ROW.id,
    postgresql_where=_IS_DRAFT,
)

sa.Index(
    "invoices_collective_id_idx",
    _ROW.organization_id,
    _ROW.collective_id,
    postgresql_where=_ROW.collective_id.is_not(None),
)

INVOICE_LINES = sa.Table(
    "invoice_lines",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("invoice_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("price_key", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("service_starts", Instant, nullable=False),
    sa.Column("service_ends", Instant, nullable=False),
    sa.Column("quantity", sa.Numeric, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("exact_amount", sa.Numeric, nullable=False),
    sa.Column("amount_minor", sa.Numeric, nullable=False),
    sa.Column("working", Document(tuple[Step, ...]), nullable=False),
    sa.Column("proof", Document(UsageProof | None)),
    sa.Column("kind", sa.Text, nullable=False, server_default=LineKind.PRICE.value),
    sa.ForeignKeyConstraint(
        ["organization_id", "invoice_id"], ["invoices.organization_id", "invoices.id"]
    ),
)
_LINE = INVOICE_LINES.c
sa.Index(
    "invoice_lines_coupon_idx",
    _LINE.organization_id,
    _LINE.price_key,
    postgresql_where=_LINE.kind == sa.literal_column(f"'{LineKind.COUPON.value}'"),
)

INVOICE_NUMBERS = sa.Table(
    "invoice_numbers",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last", sa.BigInteger, nullable=False),
)
"""The last place given in each series. Its row is locked until the numbers taken are committed."""

_HEADER = [
    column
    for column in _ROW
    if column not in {_ROW.organization_id, _ROW.customer_id, _ROW.change_count}
]
_LINE_NAMES = [column.name for column in _LINE]
_COPY_LINES = f"COPY invoice_lines ({', '.join(_LINE_NAMES)}) FROM STDIN"
_encode = msgspec.json.Encoder().encode


class SqlInvoices:
    """Invoices of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id
        self._collectives = Collectives(connection, organization_id, INVOICES)

    def add_many(self, invoices: Sequence[Invoice]) -> set[str]:
        """Keep drafts; one whose period has one is left as it is. Answers the ids of the new.

        An invoice comes with all its lines or not at all: they are one transaction's.
        """
        if not invoices:
            return set()
        invoices = self._collectives.with_open_ids(invoices)
        rows = unnested(list(_ROW), [self._header_row(invoice) for invoice in invoices])
        names = [column.name for column in _ROW]
        added = self._connection.execute(
            insert(INVOICES)
            .from_select(names, sa.select(*(rows.c[name] for name in names)))
            .on_conflict_do_nothing()
            .returning(_ROW.id)
        )
        new = set(added.scalars())
        self._copy_lines(invoice for invoice in invoices if invoice.id in new)
        self._watch([invoice for invoice in invoices if invoice.id in new])
        return new

    def redraw(self, invoice: Invoice) -> bool:
        """Replace a draft's lines, total and as-of by these; False if it is none any more."""
        if not self._lock_drafts([invoice.id]):
            return False
        own = _LINE.organization_id == self._organization_id
        self._connection.execute(
            sa.delete(INVOICE_LINES).where(own, _LINE.invoice_id == invoice.id)
        )
        self._connection.execute(
            sa.update(INVOICES)
            .where(_ROW.organization_id == self._organization_id, _ROW.id == invoice.id)
            .values(total_minor=invoice.total_minor, as_of=invoice.as_of)
        )
        self._copy_lines([invoice])
        self._watch([invoice])
        return True

    def drafts(self, *, until: datetime, limit: int) -> list[str]:
        """Ids of drafts whose period ended by `until`, the oldest first, locked.

        Those that another transaction is finalizing are skipped, not waited for.
        """
        query = (
            sa.select(_ROW.id)
            .where(_ROW.organization_id == self._organization_id, _IS_DRAFT)
            .where(_ends_by(until))
            .order_by(_ROW.period_ends, _ROW.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return list(self._connection.execute(query).scalars())

    def finalize_many(self, invoice_ids: Sequence[str], *, at: datetime) -> int:
        """Number drafts without a gap, in the order given, and freeze them; answers how many.

        A draft that is part of a collective invoice is finalized with all its parts, which share a
        number. What is no draft is left as it is, so that finalizing twice gives one number. Others
        who finalize wait from the first number taken until this transaction ends: one that fails
        leaves no hole.
        """
        drafts = self._lock_drafts(invoice_ids)
        ordered = {each: drafts[each] for each in invoice_ids if each in drafts}
        if not ordered:
            return 0
        documents = self._collectives.documents(ordered)
        last = self._take_places(at.year, len(documents))
        numbers = (
            invoice_number(at.year, place) for place in range(last - len(documents) + 1, last + 1)
        )
        numbered = [
            {"id": part, "number": part_number(number, place) if is_collective else number}
            for number, (parts, is_collective) in zip(numbers, documents, strict=True)
            for place, part in enumerate(parts, start=1)
        ]
        rows = unnested([_ROW.id, _ROW.number], numbered)
        self._connection.execute(
            sa.update(INVOICES)
            .where(_ROW.organization_id == self._organization_id, _ROW.id == rows.c.id)
            .values(status=InvoiceStatus.OPEN.value, number=rows.c.number, finalized_at=at)
        )
        return len(numbered)

    def by_id(self, invoice_id: str) -> Invoice | None:
        """By id or by number."""
        named = _ROW.number if is_invoice_number(invoice_id) else _ROW.id
        query = self._headers().where(named == invoice_id)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return None
        return Invoice(**_header(row), lines=tuple(self._lines(row.id)))

    def of_collective(self, collective_id: str) -> list[Invoice]:
        """The parts of a collective invoice with their lines, by two queries."""
        headers = self._headers().where(_ROW.collective_id == collective_id)
        found = {row.id: row for row in self._connection.execute(headers)}
        wanted = sa.bindparam("ids", list(found), type_=sa.ARRAY(sa.Text))
        query = sa.select(INVOICE_LINES).where(
            _LINE.organization_id == self._organization_id, _LINE.invoice_id == sa.func.any(wanted)
        )
        lines: dict[str, list[LineItem]] = {invoice_id: [] for invoice_id in found}
        for row in self._connection.execute(query.order_by(_LINE.invoice_id, _LINE.number)):
            lines[row.invoice_id].append(_line(row))
        return [Invoice(**_header(row), lines=tuple(lines[row.id])) for row in found.values()]

    def collective_ids(self, *, after: str, limit: int, customer_id: str | None) -> list[str]:
        """Ids of collective invoices in order, those after id `after`; of one payer, if named."""
        return self._collectives.ids(after=after, limit=limit, customer_id=customer_id)

    def collective_id_of(self, number: str) -> str | None:
        """The id of the collective invoice of that number."""
        return self._collectives.id_of(number)

    def line(self, invoice_id: str, number: int) -> LineItem | None:
        """One line of an invoice, by the invoice's id."""
        return next(self._lines(invoice_id, number), None)

    def page(
        self,
        *,
        after: str,
        limit: int,
        customer_id: str | None = None,
        subscription_id: str | None = None,
        status: InvoiceStatus | None = None,
    ) -> list[InvoiceHeader]:
        """Newest first, those after the invoice of id `after`."""
        query = self._headers()
        if customer_id is not None:
            query = query.where(_ROW.customer_id == customer_id)
        if subscription_id is not None:
            query = query.where(_ROW.subscription_id == subscription_id)
        if status is not None:
            query = query.where(_ROW.status == status.value)
        if after:
            place = sa.tuple_(*self._place(after))
            query = query.where(sa.tuple_(_ROW.created_at, _ROW.id) < place)
        query = query.order_by(_ROW.created_at.desc(), _ROW.id.desc()).limit(limit)
        return [InvoiceHeader(**_header(row)) for row in self._connection.execute(query)]

    def _place(self, invoice_id: str) -> tuple[datetime, str]:
        query = sa.select(_ROW.created_at).where(
            _ROW.organization_id == self._organization_id, _ROW.id == invoice_id
        )
        created_at = self._connection.execute(query).scalar_one_or_none()
        if created_at is None:
            raise Missing(
                "no_such_page",
                f"There is no page after {invoice_id[:40]!r}.",
                field="after",
                mend="Send the `next` of the page before.",
            )
        return created_at, invoice_id

    def _watch(self, drafts: Sequence[Invoice]) -> None:
        """Note from where on events are late for drafts that charge for usage."""
        counted = [each for each in drafts if any(line.proof for line in each.lines)]
        if counted:
            note_watch(
                self._connection,
                self._organization_id,
                as_of=min(each.as_of for each in counted),
                until=max(each.period.ends for each in counted),
            )

    def _lock_drafts(self, invoice_ids: Sequence[str]) -> dict[str, str | None]:
        """Those of the ids that are drafts, locked in an order that cannot embrace another's, and
        the collective invoice that each is part of."""
        wanted = sa.bindparam("ids", list(invoice_ids), type_=sa.ARRAY(sa.Text))
        query = (
            sa.select(_ROW.id, _ROW.collective_id)
            .where(_ROW.organization_id == self._organization_id, _IS_DRAFT)
            .where(_ROW.id == sa.func.any(wanted))
            .order_by(_ROW.id)
            .with_for_update()
        )
        return {row.id: row.collective_id for row in self._connection.execute(query)}

    def _take_places(self, year: int, count: int) -> int:
        """Take the next `count` places of the year's series; answers the last of them."""
        series = INVOICE_NUMBERS.c
        query = (
            insert(INVOICE_NUMBERS)
            .values(organization_id=self._organization_id, year=year, last=count)
            .on_conflict_do_update(
                index_elements=[series.organization_id, series.year],
                set_={"last": series.last + count},
            )
            .returning(series.last)
        )
        return int(self._connection.execute(query).scalar_one())

    def _headers(self) -> sa.Select[Any]:
        return sa.select(*_HEADER).where(_ROW.organization_id == self._organization_id)

    def _header_row(self, invoice: Invoice) -> dict[str, Any]:
        return {
            "organization_id": self._organization_id,
            "id": invoice.id,
            "number": invoice.number,
            "status": invoice.status.value,
            "occasion": invoice.occasion.value,
            "customer_id": invoice.billed_to.customer_id,
            "billed_to": invoice.billed_to,
            "subscription_id": invoice.subscription_id,
            "plan_version_id": invoice.plan_version_id,
            "period_starts": invoice.period.starts,
            "period_ends": invoice.period.ends,
            "currency": invoice.currency,
            "total_minor": invoice.total_minor,
            "as_of": invoice.as_of,
            "created_at": invoice.created_at,
            "finalized_at": invoice.finalized_at,
            "reckoning": invoice.reckoning,
            "subscriber": invoice.subscriber,
            "collective_id": invoice.collective_id,
            "change_count": invoice.reckoning.changes if invoice.reckoning else 0,
            "turn": invoice.turn,
        }

    def _copy_lines(self, invoices: Iterable[Invoice]) -> None:
        driver = self._connection.connection.driver_connection
        assert driver is not None, "a connection inside its transaction"
        try:
            with driver.cursor() as cursor, cursor.copy(_COPY_LINES) as copy:
                for invoice in invoices:
                    for line in invoice.lines:
                        copy.write_row((self._organization_id, invoice.id, *_line_row(line)))
        except psycopg.Error as error:
            # The driver is spoken to directly here; its faults are told as everywhere else.
            raise sa.exc.DBAPIError.instance(_COPY_LINES, None, error, psycopg.Error) from error

    def _lines(self, invoice_id: str, number: int | None = None) -> Iterator[LineItem]:
        query = sa.select(INVOICE_LINES).where(
            _LINE.organization_id == self._organization_id, _LINE.invoice_id == invoice_id
        )
        if number is not None:
            query = query.where(_LINE.number == number)
        for row in self._connection.execute(query.order_by(_LINE.number)):
            yield _line(row)


def _line(row: sa.Row[Any]) -> LineItem:
    return LineItem(
        number=row.number,
        price_key=row.price_key,
        name=row.name,
        service_period=Span(row.service_starts, row.service_ends),
        quantity=row.quantity,
        unit=row.unit,
        exact_amount=row.exact_amount,
        amount_minor=int(row.amount_minor),
        working=row.working,
        proof=row.proof,
        kind=LineKind(row.kind),
    )


def _line_row(line: LineItem) -> tuple[Any, ...]:
    """The columns of a line after its invoice's id, as they are copied."""
    return (
        line.number,
        line.price_key,
        line.name,
        line.service_period.starts,
        line.service_period.ends,
        line.quantity,
        line.unit,
        line.exact_amount,
        line.amount_minor,
        _encode(line.working).decode(),
        None if line.proof is None else _encode(line.proof).decode(),
        line.kind.value,
    )


def _ends_by(until: datetime) -> sa.ColumnElement[bool]:
    """Whether the time of an invoice is over: of an opening one it is, once the period began, and
    of one for a change too."""
    is_opening = _ROW.occasion != Occasion.PERIOD.value
    return sa.or_(_ROW.period_ends <= until, sa.and_(is_opening, _ROW.period_starts <= until))


def _header(row: sa.Row[Any]) -> dict[str, Any]:
    fields = dict(row._mapping)
    fields["period"] = Span(fields.pop("period_starts"), fields.pop("period_ends"))
    fields["status"] = InvoiceStatus(fields["status"])
    fields["occasion"] = Occasion(fields["occasion"])
    fields["total_minor"] = int(fields["total_minor"])
    return fields
