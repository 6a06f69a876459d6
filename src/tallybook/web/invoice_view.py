"""An invoice as a page shows it: every figure already written for its reader."""

from __future__ import annotations

from dataclasses import dataclass

from tallybook.domain.events.event import StoredEvent
from tallybook.domain.invoicing.invoice import (
    Invoice,
    InvoiceHeader,
    InvoiceStatus,
    LineItem,
    LineKind,
)
from tallybook.domain.invoicing.verification import Verification
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.money import Money, to_major_units
from tallybook.services.explain_working import sentences_of
from tallybook.web.reader import Reader


@dataclass(frozen=True, slots=True)
class StepView:
    """A step of the working: the sentence, and the amount it comes to."""

    sentence: str
    amount: str


@dataclass(frozen=True, slots=True)
class LineView:
    """A printed row, and what it opens into."""

    number: int
    name: str
    period: str
    quantity: str
    unit: str
    amount: str
    steps: list[StepView]
    exact: str
    is_rounded: bool
    is_usage: bool
    is_condition: bool
    event_count: int
    position: str
    checksum: str
    events_path: str


@dataclass(frozen=True, slots=True)
class HeaderView:
    """What a list shows of an invoice, and the head of its page."""

    path: str
    title: str
    is_draft: bool
    status: str
    status_label: str
    customer: str
    customer_key: str
    subscriber: str
    period: str
    issued: str
    issued_short: str
    total: str
    currency: str


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """One thing that counting again found to be different."""

    where: str
    what: str
    on_invoice: str
    recomputed: str


@dataclass(frozen=True, slots=True)
class EventView:
    """An event behind a line."""

    when: str
    id: str
    source: str
    is_void: bool
    properties: list[tuple[str, str]]


def header_view(invoice: InvoiceHeader, reader: Reader) -> HeaderView:
    """The head of an invoice. One without a number is told apart by the end of its id."""
    return HeaderView(
        path=f"/invoices/{invoice.id}",
        title=invoice.number or f"…{invoice.id[-8:]}",
        is_draft=invoice.status is InvoiceStatus.DRAFT,
        status=invoice.status.value,
        status_label=reader.labels[f"status_{invoice.status.value}"],
        customer=invoice.billed_to.name,
        customer_key=invoice.billed_to.key,
        subscriber="" if invoice.subscriber is None else invoice.subscriber.name,
        period=reader.period(invoice.period),
        issued=reader.day(invoice.finalized_at or invoice.created_at),
        issued_short=reader.day(invoice.finalized_at or invoice.created_at, "medium"),
        total=reader.money(invoice.total_minor, invoice.currency),
        currency=invoice.currency,
    )


def line_views(invoice: Invoice, reader: Reader, path: str) -> list[LineView]:
    """The printed rows. `path` is where the invoice's page is."""
    return [_line(line, invoice, reader, path) for line in invoice.lines]


def _line(line: LineItem, invoice: Invoice, reader: Reader, path: str) -> LineView:
    currency = invoice.currency
    with exactly():
        printed = to_major_units(Money(line.amount_minor, currency))
        is_rounded = printed != line.exact_amount
    evidence = line.proof.evidence if line.proof else None
    return LineView(
        number=line.number,
        name=line.name,
        period="" if line.service_period == invoice.period else reader.period(line.service_period),
        quantity=reader.number(line.quantity),
        unit=reader.unit(line.quantity, line.unit),
        amount=reader.money(line.amount_minor, currency),
        steps=_steps(line, currency, reader),
        exact=reader.exact(line.exact_amount, currency),
        is_rounded=is_rounded,
        is_usage=evidence is not None,
        is_condition=line.kind is not LineKind.PRICE,
        event_count=evidence.event_count if evidence else 0,
        position=reader.count(evidence.as_of) if evidence else "",
        checksum=f"{evidence.checksum:016x}" if evidence else "",
        events_path=f"{path}/lines/{line.number}/events",
    )


def _steps(line: LineItem, currency: str, reader: Reader) -> list[StepView]:
    """Each sentence without the amount it ends in, which stands in a column of its own.

    A step that charges nothing and does not say so by an amount has none: what is free, what was
    measured.
    """
    sentences = sentences_of(
        line.working,
        currency=currency,
        locale=reader.locale_name,
        unit=line.unit,
        unit_words=reader.unit_words,
    )
    steps = []
    for step, sentence in zip(line.working, sentences, strict=True):
        amount = reader.exact(step.amount, currency)
        said = sentence.removesuffix(f" = {amount}").removesuffix(f": {amount}")
        is_silent = not step.amount and said == sentence
        steps.append(StepView(said, "" if is_silent else amount))
    return steps


def difference_views(verification: Verification, reader: Reader) -> list[DifferenceView]:
    """What differs, as the comparison found it."""
    return [
        DifferenceView(
            where=reader.labels["whole"]
            if difference.line is None
            else f"{reader.labels['line']} {difference.line}",
            what=_what(difference.what, reader),
            on_invoice=difference.on_invoice,
            recomputed=difference.recomputed,
        )
        for difference in verification.differences
    ]


def _what(what: str, reader: Reader) -> str:
    """The name of what differs: a figure of a line, a step of its working, or a whole line."""
    if what.startswith("working/"):
        return reader.labels["what_working"].format(step=int(what.removeprefix("working/")) + 1)
    if what.startswith("line for "):
        return reader.labels["what_line_for"].format(price=what.removeprefix("line for "))
    return reader.labels[f"what_{what}"]


def event_views(events: list[StoredEvent], reader: Reader) -> list[EventView]:
    """Events by time, in the reader's zone, their properties as they were sent."""
    return [
        EventView(
            when=reader.moment(event.occurred_at),
            id=event.id,
            source=event.source,
            is_void=bool(event.voided_by),
            properties=sorted(event.properties.items()),
        )
        for event in events
    ]
