"""The lines printed before, as the conditions of the next bill count them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from tallybook.domain.invoicing.discounts_back import (
    CouponWorking,
    PrintedLine,
    printed_lines,
    printed_usage,
)
from tallybook.domain.invoicing.footing import EarlierLine, EarlierWanted, counts_from, kept_by
from tallybook.domain.invoicing.invoice import InvoiceStatus, LineKind, Occasion
from tallybook.domain.invoicing.used_until import USED_UNTIL, used_until
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import from_units, minor_digits
from tallybook.domain.rating.rated_line import Step
from tallybook.stores.sql.database import Document, Instant
from tallybook.stores.sql.invoices import INVOICE_LINES, INVOICES
from tallybook.stores.sql.subscriptions import SUBSCRIPTIONS
from tallybook.stores.sql.unnested import unnested

_LINE, _ROW = INVOICE_LINES.c, INVOICES.c
_COLUMNS = (
    sa.Column("subscription_id", sa.Text),
    sa.Column("since", Instant),
    sa.Column("before_starts", Instant),
    sa.Column("before_place", sa.Integer),
    sa.Column("drawn_up_at", Instant),
    sa.Column("due_at", Instant),
    sa.Column("turn", sa.BigInteger),
)

_PLACE = sa.case(
    (_ROW.occasion == Occasion.OPENING.value, 0),
    (_ROW.occasion == Occasion.CHANGE.value, _ROW.change_count),
    else_=1 + _ROW.change_count,
)
"""A bill's place among those of its subscription that have a period of the same start."""


class SqlEarlierLines:
    """Lines of the transaction's organization's bills, drafts too, but for void ones."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def of(self, wanted: Sequence[EarlierWanted]) -> Mapping[str, list[EarlierLine]]:
        """By subscription id: those of service since the time asked for, without coupons.

        Of allowances it is the last line, however long ago.
        """
        if not wanted:
            return {}
        found: dict[str, list[EarlierLine]] = defaultdict(list)
        for row in self._rows(wanted):
            amount = from_units(int(row.amount_minor), minor_digits(row.currency))
            period = Span(row.period_starts, row.period_ends)
            found[row.subscription_id].append(
                EarlierLine(
                    row.price_key,
                    LineKind(row.kind),
                    counts_from(row.service_starts, amount, period),
                    amount,
                    kept_by(row.working or ()),
                    service_starts=row.service_starts,
                    until=used_until(row.working or ()),
                )
            )
        for row in self._of_others([each for each in wanted if each.of_customer]):
            found[row.counting].append(
                EarlierLine(
                    row.price_key,
                    LineKind(row.kind),
                    row.service_starts,
                    from_units(int(row.amount_minor), minor_digits(row.currency)),
                    of_another=True,
                )
            )
        return found

    def fees(self, wanted: Sequence[EarlierWanted]) -> Mapping[str, list[list[PrintedLine]]]:
        """Bill after bill, the lines of fees, and of usage by the prices asked for; and what
        coupons took off each."""
        if not wanted:
            return {}
        bills = self._bills(unnested(_COLUMNS, [_row(each) for each in wanted]))
        is_coupon = _LINE.kind == LineKind.COUPON.value
        is_price = _LINE.kind == LineKind.PRICE.value
        is_fee = sa.and_(
            is_price,
            sa.func.coalesce(sa.func.jsonb_typeof(_LINE.proof), "null") == "null",
        )
        usage_of = sorted({key for each in wanted for key in each.usage_of})
        is_usage = _LINE.price_key == sa.func.any(
            sa.bindparam("usage_of", usage_of, type_=sa.ARRAY(sa.Text))
        )
        is_charge = sa.and_(is_fee, _LINE.amount_minor != 0)
        query = (
            bills.where(sa.or_(is_coupon, is_charge, sa.and_(is_price, is_usage)))
            .add_columns(_ROW.id, _LINE.number, _LINE.name, _LINE.service_ends)
            .add_columns(_LINE.working)
            .order_by(_ROW.subscription_id, _ROW.period_starts, _PLACE, _ROW.id, _LINE.number)
        )
        found: dict[str, list[list[PrintedLine]]] = defaultdict(list)
        rows = self._connection.execute(query)
        for (subscription_id, _), bill in groupby(rows, lambda row: (row.subscription_id, row.id)):
            priced: list[tuple[int, PrintedLine]] = []
            coupons: list[CouponWorking] = []
            for row in bill:
                if row.kind == LineKind.COUPON.value:
                    coupons.append(CouponWorking(row.price_key, row.name, row.working))
                    continue
                amount = from_units(int(row.amount_minor), minor_digits(row.currency))
                service = Span(row.service_starts, row.service_ends)
                line = PrintedLine(row.price_key, service, amount)
                priced += printed_usage(
                    int(row.number), line, row.working, minor_digits(row.currency)
                )
            found[subscription_id].append(printed_lines(priced, coupons))
        return found

    def _of_others(self, wanted: Sequence[EarlierWanted]) -> Iterator[Any]:
        """The lines of the customers' other subscriptions, drawn up before."""
        if not wanted:
            return
        asked = unnested(_COLUMNS, [_row(each) for each in wanted])
        own, other = SUBSCRIPTIONS.alias("own").c, SUBSCRIPTIONS.alias("other").c
        of = asked.c
        # A run goes by when each bill is due: what opens a period is drawn up where that starts.
        due_at = sa.case(
            (_ROW.occasion == Occasion.PERIOD.value, _ROW.period_ends), else_=_ROW.period_starts
        )
        is_before = sa.or_(
            of.drawn_up_at.is_(None),
            _ROW.created_at < of.drawn_up_at,
            sa.and_(_ROW.created_at == of.drawn_up_at, due_at <= of.due_at),
        )
        # Of two that have a turn it is that which counts, whatever their clocks said.
        # One without a turn was drawn up before anybody knew of a limit.
        is_before = sa.case(
            (of.turn.is_(None), is_before),
            (_ROW.turn.is_(None), sa.true()),
            else_=_ROW.turn < of.turn,
        )
        ours = self._organization_id
        query = (
            sa.select(
                of.subscription_id.label("counting"),
                _ROW.currency,
                _LINE.price_key,
                _LINE.kind,
                _LINE.service_starts,
                _LINE.amount_minor,
            )
            .select_from(asked)
            .where(
                own.organization_id == ours,
                own.id == of.subscription_id,
                other.organization_id == ours,
                other.customer_id == own.customer_id,
                other.id != own.id,
                _ROW.organization_id == ours,
                _ROW.subscription_id == other.id,
                _ROW.status != InvoiceStatus.VOID.value,
                is_before,
                _LINE.organization_id == ours,
                _LINE.invoice_id == _ROW.id,
                _LINE.kind.not_in([LineKind.ALLOWANCE.value, LineKind.COUPON.value]),
                _LINE.service_starts >= of.since,
            )
        )
        yield from self._connection.execute(query)

    def _rows(self, wanted: Sequence[EarlierWanted]) -> Iterator[sa.Row[Any]]:
        is_allowance = _LINE.kind == LineKind.ALLOWANCE.value
        asked = unnested(_COLUMNS, [_row(each) for each in wanted])
        bills = self._bills(asked)
        counted = bills.where(
            _LINE.kind.not_in([LineKind.ALLOWANCE.value, LineKind.COUPON.value]),
            _LINE.service_starts >= asked.c.since,
        )
        working: sa.ColumnElement[Any] = sa.null()
        if any(each.is_changed for each in wanted):
            tells = sa.type_coerce(_LINE.working, JSONB).contains([{"code": USED_UNTIL}])
            told = sa.case((tells, sa.type_coerce(_LINE.working, JSONB)), else_=sa.null())
            working = sa.type_coerce(told, Document(tuple[Step, ...] | None))
        yield from self._connection.execute(counted.add_columns(working.label("working")))
        keeping = [_row(each) for each in wanted if each.keeps_units]
        if not keeping:
            return
        last = (
            self._bills(unnested(_COLUMNS, keeping))
            .where(is_allowance)
            .add_columns(_LINE.working)
            .ext(distinct_on(_ROW.subscription_id, _LINE.price_key))
            .order_by(_ROW.subscription_id, _LINE.price_key, _LINE.service_starts.desc())
        )
        yield from self._connection.execute(last)

    def _bills(self, asked: sa.TableValuedAlias) -> sa.Select[Any]:
        of = asked.c
        is_before = sa.or_(
            of.before_starts.is_(None),
            sa.tuple_(_ROW.period_starts, _PLACE) < sa.tuple_(of.before_starts, of.before_place),
        )
        return (
            sa.select(
                _ROW.subscription_id,
                _ROW.currency,
                _ROW.period_starts,
                _ROW.period_ends,
                _LINE.price_key,
                _LINE.kind,
                _LINE.service_starts,
                _LINE.amount_minor,
            )
            .select_from(asked)
            .join(
                INVOICES,
                sa.and_(
                    _ROW.organization_id == self._organization_id,
                    _ROW.subscription_id == of.subscription_id,
                    _ROW.status != InvoiceStatus.VOID.value,
                    is_before,
                ),
            )
            .join(
                INVOICE_LINES,
                sa.and_(_LINE.organization_id == _ROW.organization_id, _LINE.invoice_id == _ROW.id),
            )
        )


def _row(wanted: EarlierWanted) -> dict[str, Any]:
    starts, place = wanted.before or (None, None)
    drawn_up_at, due_at = wanted.drawn_up or (None, None)
    return {
        "subscription_id": wanted.subscription_id,
        "since": wanted.since,
        "before_starts": starts,
        "before_place": place,
        "drawn_up_at": drawn_up_at,
        "due_at": due_at,
        "turn": wanted.turn,
    }
