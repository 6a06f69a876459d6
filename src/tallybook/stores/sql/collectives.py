"""Which invoices are parts of one document, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from tallybook.domain.invoicing.invoice import Invoice, InvoiceStatus


class Collectives:
    """The collective invoices of the transaction's organization, over the table of invoices.

    One that is finalized takes no further part: what comes later is another document, `.2`, `.7`.
    """

    def __init__(self, connection: sa.Connection, organization_id: str, invoices: sa.Table) -> None:
        self._connection = connection
        self._own = invoices.c.organization_id == organization_id
        self._row = invoices.c
        self._is_draft = invoices.c.status == InvoiceStatus.DRAFT.value
        self._table = invoices

    def with_open_ids(self, invoices: Sequence[Invoice]) -> Sequence[Invoice]:
        """The same; those whose document is finalized already are part of the next one."""
        named = {each.collective_id for each in invoices if each.collective_id is not None}
        later = self._later_ids(named) if named else {}
        if not later:
            return invoices
        return [
            msgspec.structs.replace(each, collective_id=later[each.collective_id])
            if each.collective_id in later
            else each
            for each in invoices
        ]

    def documents(self, drafts: Mapping[str, str | None]) -> list[tuple[list[str], bool]]:
        """The documents that these drafts are or are part of, each once, in the order given: the
        ids of all its parts, locked and in order, and whether it is a collective one."""
        named = {collective for collective in drafts.values() if collective is not None}
        parts = self._parts(named) if named else {}
        documents: dict[str, tuple[list[str], bool]] = {}
        for draft, collective in drafts.items():
            if collective is None:
                documents[draft] = [draft], False
            else:
                documents[collective] = parts[collective], True
        return list(documents.values())

    def ids(self, *, after: str, limit: int, customer_id: str | None) -> list[str]:
        """Ids of collective invoices in order, those after id `after`; of one payer, if named."""
        query = (
            sa.select(self._row.collective_id)
            .distinct()
            .where(self._own, self._row.collective_id > after)
            .order_by(self._row.collective_id)
            .limit(limit)
        )
        if customer_id is not None:
            query = query.where(self._row.customer_id == customer_id)
        return list(self._connection.execute(query).scalars())

    def id_of(self, number: str) -> str | None:
        """The id of the collective invoice of that number."""
        query = sa.select(self._row.collective_id).where(
            self._own, self._row.number == f"{number}-1"
        )
        found: str | None = self._connection.execute(query).scalar_one_or_none()
        return found

    def _parts(self, collectives: Iterable[str]) -> dict[str, list[str]]:
        """The drafts that are parts of these, locked, by the id that they named.

        Parts that came while their document was being finalized are set apart as the next one.
        """
        row = self._row
        wanted = sa.bindparam("named", list(collectives), type_=sa.ARRAY(sa.Text))
        is_part = sa.and_(self._own, self._is_draft, row.collective_id == sa.func.any(wanted))
        self._connection.execute(
            sa.select(row.id).where(is_part).order_by(row.id).with_for_update()
        )
        ordered = (
            sa.select(row.id, row.collective_id)
            .where(is_part)
            .order_by(
                # The payer's own first: it is nobody else's.
                sa.func.coalesce(row.subscriber["key"].astext, "").collate("C"),
                row.period_starts,
                row.id,
            )
        )
        parts: dict[str, list[str]] = {}
        for part in self._connection.execute(ordered):
            parts.setdefault(part.collective_id, []).append(part.id)
        for collective, later in self._later_ids(parts).items():
            self._connection.execute(
                sa.update(self._table)
                .where(self._own, self._is_draft, row.collective_id == collective)
                .values(collective_id=later)
            )
        return parts

    def _later_ids(self, collectives: Iterable[str]) -> dict[str, str]:
        """Of those that are finalized, the id of the next document, by id."""
        row = self._row
        first: sa.ColumnElement[str] = sa.func.split_part(
            row.collective_id, sa.literal_column("'.'"), sa.literal_column("1")
        )
        query = (
            sa.select(first.label("id"), sa.func.count().label("parts"))
            .where(self._own, ~self._is_draft, first.in_(list(collectives)))
            .where(row.collective_id.is_not(None))
            .group_by(first)
        )
        found = self._connection.execute(query)
        return {each.id: f"{each.id}.{each.parts + 1}" for each in found}
