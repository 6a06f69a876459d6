"""Invoices: read, finalized, verified, and walked back to their events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, get, post
from litestar.params import PathParameter, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.security import requires
from tallybook.api.workings import StepAnswer, answer_working
from tallybook.domain.catalog.unit import UnitWords
from tallybook.domain.customers.organization import Scope
from tallybook.domain.events.event import StoredEvent
from tallybook.domain.invoicing.invoice import (
    BilledTo,
    Invoice,
    InvoiceHeader,
    InvoiceStatus,
    LineItem,
    LineKind,
    Occasion,
    UsageProof,
)
from tallybook.domain.invoicing.verification import Difference
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import Money, to_major_units
from tallybook.services.finalize_invoice import finalize_invoice
from tallybook.services.name_units import unit_words
from tallybook.services.read_invoice import list_invoices, list_line_events, read_invoice
from tallybook.services.recalculate_invoice import recalculate_invoice
from tallybook.services.verify_invoice import verify_invoice

InvoiceId = Annotated[str, PathParameter(description="The invoice's id, or its number.")]


class InvoiceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice without its lines. `total` is in major units, `total_minor` in minor ones.

    `number` and `finalized_at` are null while it is a draft. `as_of` is the position in the event
    log up to which usage was counted. `subscriber` is whose subscription it is, where another
    customer is billed; `collective_id` the document of a family that it is part of.
    """

    id: str
    number: str | None
    status: InvoiceStatus
    occasion: Occasion
    customer: BilledTo
    subscription_id: str
    plan_version_id: str
    period: Span
    currency: str
    total: str
    total_minor: int
    as_of: int
    created_at: datetime
    finalized_at: datetime | None
    subscriber: BilledTo | None
    collective_id: str | None


class EvidenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted for a line. `checksum` has 16 hexadecimal digits."""

    meter_id: str
    match: dict[str, str]
    event_count: int
    as_of: int
    checksum: str


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One printed row. `amount` is `exact_amount` rounded once; a fee has no evidence.

    `kind` tells the lines of prices from those of conditions that act on the whole bill, which come
    last; of those `price_key` is the condition's key, and of a coupon the redemption's id.
    """

    number: int
    kind: LineKind
    price_key: str
    name: str
    service_period: Span
    quantity: str
    unit: str
    exact_amount: str
    amount: str
    amount_minor: int
    working: list[StepAnswer]
    evidence: EvidenceAnswer | None


class InvoiceAnswer(InvoiceSummary, frozen=True, kw_only=True):
    """An invoice with its lines. The total is the sum of the lines as printed."""

    lines: list[LineAnswer]


class VerificationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the invoice says what its events and prices make of it, and if not, what differs."""

    invoice_id: str
    number: str | None
    is_equal: bool
    as_of: int
    lines_checked: int
    events_counted: int
    differences: list[Difference]


@get("/v1/invoices", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_invoices(
    wiring: Wired,
    organization_id: OrganizationId,
    *,
    customer: Annotated[
        str | None, QueryParameter(description="Only those of the customer with this key.")
    ] = None,
    subscription: Annotated[
        str | None, QueryParameter(description="Only those of the subscription with this key.")
    ] = None,
    status: Annotated[
        InvoiceStatus | None, QueryParameter(description="Only those in this state.")
    ] = None,
    limit: Limit = 100,
    after: After = "",
) -> Page[InvoiceSummary]:
    """Invoices without their lines, newest first."""
    found = list_invoices(
        wiring,
        organization_id,
        after=after,
        limit=limit + 1,
        customer=customer,
        subscription=subscription,
        status=status,
    )
    summaries = [InvoiceSummary(**_summary(header)) for header in found]
    return page_of(summaries, limit, lambda each: each.id)


@get("/v1/invoices/{invoice_id:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_one_invoice(
    wiring: Wired,
    organization_id: OrganizationId,
    invoice_id: InvoiceId,
    locale: Annotated[
        str | None,
        QueryParameter(description="The language of the sentences; else the customer's."),
    ] = None,
) -> InvoiceAnswer:
    """One invoice, with each line's working in figures and in words."""
    invoice = read_invoice(wiring, organization_id, invoice_id)
    return shown_invoice(invoice, unit_words(wiring, organization_id), locale)


@get(
    "/v1/invoices/{invoice_id:str}/lines/{number:int}/events",
    guards=[requires(Scope.READ)],
    sync_to_thread=True,
)
def read_line_events(
    wiring: Wired,
    organization_id: OrganizationId,
    *,
    invoice_id: InvoiceId,
    number: Annotated[int, PathParameter(ge=1, description="The line's number, from 1.")],
    limit: Limit = 100,
    after: After = "",
) -> Page[StoredEvent]:
    """The very events that a line counted, by time. Those that came later are not among them."""
    events, following = list_line_events(
        wiring, organization_id, invoice_id, number, after=after, limit=limit
    )
    return Page(events, following or None)


@post(
    "/v1/invoices/{invoice_id:str}/verify",
    guards=[requires(Scope.READ)],
    status_code=200,
    sync_to_thread=True,
)
def post_verification(
    wiring: Wired, organization_id: OrganizationId, invoice_id: InvoiceId
) -> VerificationAnswer:
    """Count and rate every line again from the events, as of the invoice's position."""
    verification = verify_invoice(wiring, organization_id, invoice_id)
    return VerificationAnswer(
        **{
            field: getattr(verification, field)
            for field in VerificationAnswer.__struct_fields__
            if field != "differences"
        },
        differences=list(verification.differences),
    )


@post(
    "/v1/invoices/{invoice_id:str}/finalize",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_finalization(
    wiring: Wired, organization_id: OrganizationId, invoice_id: InvoiceId
) -> InvoiceAnswer:
    """Number a draft and freeze it. Repeating it answers the same invoice."""
    invoice = finalize_invoice(wiring, organization_id, invoice_id)
    return shown_invoice(invoice, unit_words(wiring, organization_id))


@post(
    "/v1/invoices/{invoice_id:str}/recalculate",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_recalculation(
    wiring: Wired, organization_id: OrganizationId, invoice_id: InvoiceId
) -> InvoiceAnswer:
    """Count and rate a draft again, with every event that has come by now.

    Refused, 409, once it or a later invoice of its subscription is finalized.
    """
    invoice = recalculate_invoice(wiring, organization_id, invoice_id)
    return shown_invoice(invoice, unit_words(wiring, organization_id))


def shown_invoice(invoice: Invoice, words: UnitWords, locale: str | None = None) -> InvoiceAnswer:
    """An invoice as it is answered, its working told in `locale`, or else the customer's."""
    language = locale or invoice.billed_to.locale
    lines = [_line(line, invoice.currency, language, words) for line in invoice.lines]
    return InvoiceAnswer(**_summary(invoice), lines=lines)


def _summary(header: InvoiceHeader) -> dict[str, Any]:
    return {
        "id": header.id,
        "number": header.number,
        "status": header.status,
        "occasion": header.occasion,
        "customer": header.billed_to,
        "subscription_id": header.subscription_id,
        "plan_version_id": header.plan_version_id,
        "period": header.period,
        "currency": header.currency,
        "total": _major(header.total_minor, header.currency),
        "total_minor": header.total_minor,
        "as_of": header.as_of,
        "created_at": header.created_at,
        "finalized_at": header.finalized_at,
        "subscriber": header.subscriber,
        "collective_id": header.collective_id,
    }


def _line(line: LineItem, currency: str, locale: str, words: UnitWords) -> LineAnswer:
    return LineAnswer(
        number=line.number,
        kind=line.kind,
        price_key=line.price_key,
        name=line.name,
        service_period=line.service_period,
        quantity=plain(line.quantity),
        unit=line.unit,
        exact_amount=plain(line.exact_amount),
        amount=_major(line.amount_minor, currency),
        amount_minor=line.amount_minor,
        working=answer_working(
            line.working, currency=currency, locale=locale, unit=line.unit, unit_words=words
        ),
        evidence=None if line.proof is None else _evidence(line.proof),
    )


def _evidence(proof: UsageProof) -> EvidenceAnswer:
    return EvidenceAnswer(
        meter_id=proof.meter_id,
        match=proof.match,
        event_count=proof.evidence.event_count,
        as_of=proof.evidence.as_of,
        checksum=f"{proof.evidence.checksum:016x}",
    )


def _major(minor: int, currency: str) -> str:
    return format(to_major_units(Money(minor, currency)), "f")


router = Router(
    path="/",
    route_handlers=[
        read_invoices,
        read_one_invoice,
        read_line_events,
        post_verification,
        post_finalization,
        post_recalculation,
    ],
    tags=["Invoices"],
)
