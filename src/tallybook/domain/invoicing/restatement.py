"""A restatement: usage that was billed, counted again because of what came to the log since.

A fact, never changed: it says what was counted up to one position, what up to a later one, and what
the organization wants done about it. The next one of the same line goes on where it ended, so that
their differences add up. Rules: docs/semantics/restatements.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.invoicing.charges import together
from tallybook.domain.invoicing.invoice import InvoiceStatus, UsageProof
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.identifiers import derived_id
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Evidence, Meter, Usage
from tallybook.domain.metering.pooling import pooled


class LatePolicy(StrEnum):
    """What is done about late events of a period that was invoiced."""

    NEXT_INVOICE = "next_invoice"
    CREDIT_AND_REBILL = "credit_and_rebill"
    IGNORE = "ignore"


class LateEventSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an organization wants done. Restatements are made and listed whatever it is."""

    policy: LatePolicy = LatePolicy.NEXT_INVOICE


class Counted(msgspec.Struct, frozen=True):
    """A quantity, and the evidence of the events that it was counted from."""

    quantity: Decimal
    evidence: Evidence


class UsageLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of usage on an invoice, and how far what came to the log since was looked at.

    `counted_to` is the as-of of its last restatement, else its own; `restated` how many it has.
    """

    invoice_id: str
    status: InvoiceStatus
    number: int
    proof: UsageProof
    counted_to: int
    restated: int = 0


class Touched(msgspec.Struct, frozen=True):
    """A customer and a type of events that came to the log, or were corrected, within a span."""

    customer: str
    type: str
    first_at: datetime
    last_at: datetime


class StuckDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that late events belong to and that could not be recalculated, and why."""

    invoice_id: str
    code: str
    message: str
    mend: str


class Restatement(msgspec.Struct, frozen=True, kw_only=True):
    """Of the line `line` of an invoice, the `place`th. `customer` is the key of who is charged.

    `policy` is what the organization wanted when it was made.
    """

    id: str
    made_at: datetime
    policy: LatePolicy
    customer: str
    meter_id: str
    invoice_id: str
    line: int
    place: int
    before: Counted
    after: Counted

    @property
    def difference(self) -> Decimal:
        """What is to be added to the quantity before."""
        with exactly():
            return self.after.quantity - self.before.quantity


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A restatement with what it refers to: the invoice's number, the line, the meter."""

    restatement: Restatement
    invoice_number: str | None
    price_key: str
    unit: str
    meter: str
    proof: UsageProof

    @property
    def period(self) -> Span:
        """The time that the usage is of."""
        return self.proof.span


def may_touch(line: UsageLine, meter: Meter, touched: Touched) -> bool:
    """Whether such events of a customer of the line could change its usage.

    Those before its period can, where the meter looks back; and one at its very end: a reading
    that is taken then closes it.
    """
    if touched.type != meter.event_type:
        return False
    span = line.proof.span
    if meter.aggregation.looks_back:
        return touched.first_at <= span.ends
    return touched.first_at < span.ends and touched.last_at >= span.starts


def counted(line: UsageLine, usage: Iterable[Usage], *, as_of: int) -> Counted:
    """What was counted for a line, from the rows of its customers and span, split by its match."""
    proof = line.proof
    rows = [
        row for row in usage if all(row.dimensions[name] == v for name, v in proof.match.items())
    ]
    if proof.pool is not None:
        rows = pooled(rows, proof.customer_key)
    assert len(rows) <= 1, "one customer, one span, one value of each dimension matched"
    quantity = rows[0].quantity if rows else Decimal(0)
    return Counted(quantity, together((row.evidence for row in rows), as_of=as_of))


def restate(
    organization_id: str,
    line: UsageLine,
    before: Counted,
    after: Counted,
    *,
    policy: LatePolicy,
    made_at: datetime,
) -> Restatement | None:
    """The restatement of a line; None where the very same events were counted.

    Its id is derived from the line and from where the one before ended: there is one at most.
    """
    if _same(before.evidence, after.evidence):
        return None
    begins = str(before.evidence.as_of)
    number = str(line.number)
    return Restatement(
        id=derived_id("rst", organization_id, line.invoice_id, number, begins),
        made_at=made_at,
        policy=policy,
        customer=line.proof.customer_key,
        meter_id=line.proof.meter_id,
        invoice_id=line.invoice_id,
        line=line.number,
        place=line.restated + 1,
        before=before,
        after=after,
    )


def _same(one: Evidence, other: Evidence) -> bool:
    return (one.event_count, one.checksum) == (other.event_count, other.checksum)
