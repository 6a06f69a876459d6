"""The invoice: lines in whole minor units that keep their working and their evidence."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Evidence
from tallybook.domain.rating.rated_line import Step
from tallybook.domain.subscriptions.subscription import Billed


class InvoiceStatus(StrEnum):
    """`draft → open → paid | void | uncollectible`."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class Occasion(StrEnum):
    """Why an invoice was drawn up: a subscription began, one of its periods was closed, or it was
    changed and that was billed at once."""

    OPENING = "opening"
    PERIOD = "period"
    CHANGE = "change"


class LineKind(StrEnum):
    """What a line is for: a price, or a condition that acts on the bill as a whole.

    `ALLOWANCE` says what became of units that prices share, and costs nothing. `OVERAGE` and
    `TRUE_UP` are of a commitment, `MAXIMUM` and `MINIMUM` of a limit, `COUPON` of a redemption.
    """

    PRICE = "price"
    ALLOWANCE = "allowance"
    OVERAGE = "overage"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    TRUE_UP = "true_up"
    COUPON = "coupon"


class UsageProof(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a usage line's quantity came from, so that it can be counted again.

    `pool` are the customers whose usage was counted, where that is not the customer's own alone.
    """

    meter_id: str
    customer_key: str
    span: Span
    match: dict[str, str] = {}
    evidence: Evidence
    pool: tuple[str, ...] | None = None

    @property
    def customers(self) -> tuple[str, ...]:
        """Whose usage was counted."""
        return (self.customer_key,) if self.pool is None else self.pool


class LineItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One printed row. `amount_minor` is `exact_amount` rounded once.

    `price_key` is the key of the price or of the condition; of a coupon, the redemption's id.
    """

    number: int
    price_key: str
    name: str
    service_period: Span
    quantity: Decimal
    unit: str
    exact_amount: Decimal
    amount_minor: int
    working: tuple[Step, ...]
    proof: UsageProof | None = None
    kind: LineKind = LineKind.PRICE


class BilledTo(msgspec.Struct, frozen=True, kw_only=True):
    """The customer as it was when the invoice was assembled."""

    customer_id: str
    key: str
    name: str
    timezone: str
    locale: str


class Reckoning(msgspec.Struct, frozen=True, kw_only=True):
    """What the bill of a changed subscription goes by, so that it can be drawn up again.

    `before` is what the bill before had taken into account, `changes` how many were known now, and
    `begun` the period that begins with it; None with the last.
    """

    before: Billed
    changes: int
    begun: Span | None


class InvoiceHeader(msgspec.Struct, frozen=True, kw_only=True):
    """All of an invoice but its lines: what a list of invoices shows.

    For each subscription there is one invoice an occasion and `period`. `as_of` is the position in
    the event log up to which usage was counted. `reckoning` is that of a subscription which is not
    plain; its period may be closed again when it was changed meanwhile.
    `subscriber` is whose subscription it is, where another customer is billed for it;
    `collective_id` the document of a family that it is part of. `turn` is its place among all bills
    of its subscriber, where a limit counts all that it spends.
    """

    id: str
    number: str | None
    status: InvoiceStatus
    occasion: Occasion
    billed_to: BilledTo
    subscription_id: str
    plan_version_id: str
    period: Span
    currency: str
    total_minor: int
    as_of: int
    created_at: datetime
    finalized_at: datetime | None = None
    reckoning: Reckoning | None = None
    subscriber: BilledTo | None = None
    collective_id: str | None = None
    turn: int | None = None

    @property
    def used_by(self) -> BilledTo:
        """Whose subscription, usage and local time the invoice is about."""
        return self.subscriber or self.billed_to

    @property
    def boundary(self) -> datetime:
        """Where it falls due to be drawn up: at its period's end, or, opening it, at its start."""
        return self.period.ends if self.occasion is Occasion.PERIOD else self.period.starts


class Invoice(InvoiceHeader, frozen=True, kw_only=True):
    """What a customer owes for one billing period of one subscription.

    `total_minor` is the sum of the printed lines. A finalized invoice has a number and never
    changes; only its status moves on.
    """

    lines: tuple[LineItem, ...]
