"""Coupons and who redeemed them, in PostgreSQL.

What a redemption took off so far is not kept anywhere: it is the sum of its lines on invoices, so
that a bill that is drawn up again, or voided, can never count twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.catalog.coupon import CouponOffer, KeptCoupon, Redemption
from tallybook.domain.invoicing.discounts_back import TAKEN_BACK
from tallybook.domain.invoicing.footing import CouponUse, use_number
from tallybook.domain.invoicing.invoice import InvoiceStatus, LineKind
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.rating.rated_line import Step
from tallybook.stores.sql.database import Document, Instant, metadata
from tallybook.stores.sql.invoices import INVOICE_LINES, INVOICES

COUPONS = sa.Table(
    "coupons",
    metadata,
    sa.Column("organization_id", sa.Text, sa.ForeignKey("organizations.id"), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("offer", Document(CouponOffer), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
    sa.UniqueConstraint("organization_id", "key"),
)
_ROW = COUPONS.c

REDEMPTIONS = sa.Table(
    "coupon_redemptions",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("coupon_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("subscription_id", sa.Text),
    sa.Column("redeemed_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.ForeignKeyConstraint(
        ["organization_id", "coupon_id"], ["coupons.organization_id", "coupons.id"]
    ),
    sa.ForeignKeyConstraint(
        ["organization_id", "customer_id"],
        ["customers.organization_id", "customers.id"],
        name="coupon_redemptions_customer_fkey",
    ),
)
_OF = REDEMPTIONS.c
sa.Index("coupon_redemptions_customer_id_idx", _OF.organization_id, _OF.customer_id)
sa.Index("coupon_redemptions_coupon_id_idx", _OF.organization_id, _OF.coupon_id)

_COUPON = [_ROW.id, _ROW.offer, _ROW.created_at, _ROW.retired_at]
_REDEMPTION = [_OF[field] for field in Redemption.__struct_fields__]


class SqlCoupons:
    """Coupons of the transaction's organization."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    def add(self, coupon: KeptCoupon) -> None:
        """Keep a new coupon; `Conflicting` if its code is taken."""
        row = msgspec.structs.asdict(coupon) | {
            "organization_id": self._organization_id,
            "key": coupon.offer.key,
        }
        added = self._connection.execute(
            insert(COUPONS).values(row).on_conflict_do_nothing(),
            execution_options={"preserve_rowcount": True},
        )
        if not added.rowcount:
            raise Conflicting(
                "coupon_exists",
                f"There is another coupon {coupon.offer.key!r} already.",
                field="key",
                mend="Choose another code; what a coupon says is never changed.",
            )

    def by_key(self, key: str, *, locked: bool = False) -> KeptCoupon | None:
        """That of the code; `locked` lets one at a time redeem it."""
        query = self._select().where(_ROW.key == key)
        if locked:
            query = query.with_for_update()
        return next(self._coupons(query), None)

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, KeptCoupon]:
        """Those of `ids` that exist, by id."""
        query = self._select().where(_ROW.id == sa.func.any(_texts("ids", ids)))
        return {coupon.id: coupon for coupon in self._coupons(query)}

    def page(self, *, after: str, limit: int) -> list[KeptCoupon]:
        """Coupons in order of their codes, those after code `after`."""
        query = self._select().where(_ROW.key > after).order_by(_ROW.key).limit(limit)
        return list(self._coupons(query))

    def retire(self, coupon_id: str, at: datetime) -> None:
        """Nobody can redeem it any more."""
        self._connection.execute(
            sa.update(COUPONS)
            .where(_ROW.organization_id == self._organization_id, _ROW.id == coupon_id)
            .values(retired_at=at)
        )

    def count(self, coupon_id: str, customer_id: str | None = None) -> int:
        """How often it was redeemed, by all or by one customer; also what was taken away."""
        query = sa.select(sa.func.count()).where(
            _OF.organization_id == self._organization_id, _OF.coupon_id == coupon_id
        )
        if customer_id is not None:
            query = query.where(_OF.customer_id == customer_id)
        return int(self._connection.execute(query).scalar_one())

    def redeem(self, redemption: Redemption) -> None:
        """Keep a redemption. Whoever adds one holds the coupon locked."""
        row = msgspec.structs.asdict(redemption) | {"organization_id": self._organization_id}
        self._connection.execute(sa.insert(REDEMPTIONS), row)

    def end(self, redemption_id: str, at: datetime) -> None:
        """It acts on no invoice drawn up from then on."""
        self._connection.execute(
            sa.update(REDEMPTIONS)
            .where(_OF.organization_id == self._organization_id, _OF.id == redemption_id)
            .values(ended_at=at)
        )

    def redemption(self, redemption_id: str) -> Redemption | None:
        """That of the id."""
        query = self._redeemed().where(_OF.id == redemption_id)
        return next(self._redemptions(query), None)

    def of_customers(
        self, customer_ids: Iterable[str], *, locked: bool = False
    ) -> list[Redemption]:
        """All that these customers redeemed, in order of redeeming.

        `locked` holds off whoever else would bill by them, until the transaction ends.
        """
        query = self._redeemed().where(
            _OF.customer_id == sa.func.any(_texts("customers", customer_ids))
        )
        query = query.order_by(_OF.redeemed_at, _OF.id)
        if locked:
            query = query.with_for_update()
        return list(self._redemptions(query))

    def uses(
        self, redemption_ids: Sequence[str], *, without: Iterable[str] = ()
    ) -> Mapping[str, list[CouponUse]]:
        """What each of these took off, invoice by invoice; of void invoices nothing, and of those
        of the ids `without`."""
        if not redemption_ids:
            return {}
        line, invoice = INVOICE_LINES.c, INVOICES.c
        query = (
            sa.select(line.price_key, line.amount_minor, line.working, invoice.created_at)
            .join(
                INVOICES,
                sa.and_(
                    invoice.organization_id == line.organization_id, invoice.id == line.invoice_id
                ),
            )
            .where(
                line.organization_id == self._organization_id,
                line.kind == sa.literal_column(f"'{LineKind.COUPON.value}'"),
                line.price_key == sa.func.any(_texts("redemptions", redemption_ids)),
                invoice.status != InvoiceStatus.VOID.value,
                invoice.id != sa.func.all(_texts("without", without)),
            )
        )
        found: dict[str, list[CouponUse]] = defaultdict(list)
        for row in self._connection.execute(query):
            working: tuple[Step, ...] = row.working
            number = use_number(working)
            takes = any(step.code != TAKEN_BACK for step in working)
            use = CouponUse(number, -int(row.amount_minor), row.created_at, takes)
            found[row.price_key].append(use)
        return found

    def _select(self) -> sa.Select[Any]:
        return sa.select(*_COUPON).where(_ROW.organization_id == self._organization_id)

    def _coupons(self, query: sa.Select[Any]) -> Iterator[KeptCoupon]:
        return (KeptCoupon(**row._mapping) for row in self._connection.execute(query))

    def _redeemed(self) -> sa.Select[Any]:
        return sa.select(*_REDEMPTION).where(_OF.organization_id == self._organization_id)

    def _redemptions(self, query: sa.Select[Any]) -> Iterator[Redemption]:
        return (Redemption(**row._mapping) for row in self._connection.execute(query))


def _texts(name: str, texts: Iterable[str]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, list(texts), type_=sa.ARRAY(sa.Text))
