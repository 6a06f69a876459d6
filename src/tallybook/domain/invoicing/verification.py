"""Whether an invoice says what its events and prices make of it, and if not, what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import Timing
from tallybook.domain.invoicing.charges import Charge, usage_charge
from tallybook.domain.invoicing.earlier_workings import told_before
from tallybook.domain.invoicing.invoice import Invoice, LineItem, LineKind, Occasion
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.instants import Span
from tallybook.domain.rating.rated_line import Step
from tallybook.domain.subscriptions.proration import counted_in, share_of_period
from tallybook.domain.subscriptions.subscription import Subscription


class Difference(msgspec.Struct, frozen=True):
    """Something the invoice says that recomputing does not. `line` is None for the whole of it."""

    line: int | None
    what: str
    on_invoice: str
    recomputed: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What recomputing an invoice from its events, as of its position, gave."""

    invoice_id: str
    number: str | None
    as_of: int
    lines_checked: int
    events_counted: int
    differences: tuple[Difference, ...]

    @property
    def is_equal(self) -> bool:
        return not self.differences


def charge_of(line: LineItem, plan: PlanVersion, subscription: Subscription) -> Charge | None:
    """The charge that a line was printed for; None where the plan has not that price."""
    price = next((price for price in plan.prices if price.key == line.price_key), None)
    if price is None:
        return None
    if price.meter is not None:
        return usage_charge(price, line.service_period, subscription.cycle, plan.id)
    if price.timing is Timing.ONCE:
        return Charge(price=price, service_period=line.service_period, plan_version_id=plan.id)
    share = share_of_period(subscription.cycle, line.service_period)
    unit = counted_in(subscription.cycle, line.service_period, share)
    return Charge(
        price=price,
        service_period=line.service_period,
        share=share,
        counted_in=unit,
        plan_version_id=plan.id,
    )


def compare_line(printed: LineItem, recomputed: LineItem) -> Iterator[Difference]:
    """What differs between a line as printed and as recomputed."""
    for what, on_invoice, again in _figures(printed, recomputed):
        if on_invoice != again:
            yield Difference(printed.number, what, on_invoice, again)
    if printed.working != recomputed.working and not _was_told_so(printed, recomputed):
        yield from _compare_working(printed, recomputed)


def _was_told_so(printed: LineItem, recomputed: LineItem) -> bool:
    """Whether the printed working is the recomputed one as an earlier version told it."""
    return any(printed.working == before for before in told_before(recomputed.working))


def _figures(printed: LineItem, recomputed: LineItem) -> Iterator[tuple[str, str, str]]:
    yield "price", printed.price_key, recomputed.price_key
    yield "kind", printed.kind, recomputed.kind
    yield "service_period", _told(printed.service_period), _told(recomputed.service_period)
    yield "quantity", plain(printed.quantity), plain(recomputed.quantity)
    if printed.proof is not None and recomputed.proof is not None:
        kept, counted = printed.proof.evidence, recomputed.proof.evidence
        yield "event_count", str(kept.event_count), str(counted.event_count)
        yield "checksum", f"{kept.checksum:016x}", f"{counted.checksum:016x}"
    yield "exact_amount", plain(printed.exact_amount), plain(recomputed.exact_amount)
    yield "amount_minor", str(printed.amount_minor), str(recomputed.amount_minor)


def _told(span: Span) -> str:
    return f"{span.starts.isoformat()} to {span.ends.isoformat()}"


def _compare_working(printed: LineItem, recomputed: LineItem) -> Iterator[Difference]:
    steps = max(len(printed.working), len(recomputed.working))
    for place in range(steps):
        on_invoice, again = (
            _step(line.working[place]) if place < len(line.working) else "no step"
            for line in (printed, recomputed)
        )
        if on_invoice != again:
            yield Difference(printed.number, f"working/{place}", on_invoice, again)


def _step(step: Step) -> str:
    terms = {name: plain(term) for name, term in sorted(step.terms.items())} | step.labels
    told = "".join(f", {name} {term}" for name, term in terms.items())
    quantity, unit_amount = plain(step.quantity), plain(step.unit_amount)
    return f"{step.code}: {quantity} × {unit_amount} = {plain(step.amount)}{told}"


def verify(invoice: Invoice, plan: PlanVersion, recomputed: Mapping[int, LineItem]) -> Verification:
    """Compare every line, the sum, and that each price that is owed has its line.

    `recomputed` has each line again by its number, counted and rated anew; a line is missing from
    it where the plan version has not its price or the meter is not there. Of a subscription that is
    not plain they are all the lines that are owed, and every one of them must be there.
    """
    is_reckoned = invoice.reckoning is not None
    differences = [
        *chain.from_iterable(_check_line(line, recomputed) for line in invoice.lines),
        *(() if is_reckoned else _owed_once(invoice, plan)),
        *_missing_lines(invoice, recomputed, is_reckoned=is_reckoned),
        *_check_total(invoice),
    ]
    counted = (line.proof.evidence.event_count for line in recomputed.values() if line.proof)
    return Verification(
        invoice_id=invoice.id,
        number=invoice.number,
        as_of=invoice.as_of,
        lines_checked=len(invoice.lines),
        events_counted=sum(counted),
        differences=tuple(differences),
    )


def _check_line(line: LineItem, recomputed: Mapping[int, LineItem]) -> Iterator[Difference]:
    again = recomputed.get(line.number)
    if again is None:
        yield Difference(line.number, "price", line.price_key, "no such price or meter")
    else:
        yield from compare_line(line, again)


def _missing_lines(
    invoice: Invoice, recomputed: Mapping[int, LineItem], *, is_reckoned: bool
) -> Iterator[Difference]:
    """Lines that are owed and not printed: of conditions, and of prices that are reckoned."""
    printed = {line.number for line in invoice.lines}
    for number, line in recomputed.items():
        if number not in printed and (is_reckoned or line.kind is not LineKind.PRICE):
            yield Difference(None, f"line for {line.price_key}", "missing", "owed")


def _owed_once(invoice: Invoice, plan: PlanVersion) -> Iterator[Difference]:
    """Lines of a plain subscription that are missing, there twice, or for a time not owed here.

    An opening owes fees in advance and those owed once. The end of a period owes every other price:
    usage and fees in arrears for it, fees in advance from its end on. Only a change ends a
    subscription, and none is plain afterwards.
    """
    prices = [line for line in invoice.lines if line.kind is LineKind.PRICE]
    at_first = {Timing.IN_ADVANCE, Timing.ONCE}
    later = {Timing.IN_ADVANCE, Timing.IN_ARREARS}
    timings = at_first if invoice.occasion is Occasion.OPENING else later
    owed = [price for price in plan.prices if price.timing in timings and not price.is_optional]
    for price in owed:
        lines = [line for line in prices if line.price_key == price.key]
        if not lines:
            yield Difference(None, f"line for {price.key}", "missing", "owed")
        for line in lines[1:]:
            yield Difference(line.number, f"line for {price.key}", "again", "owed once")
        is_next = price.timing is Timing.IN_ADVANCE and invoice.occasion is Occasion.PERIOD
        for line in lines:
            span = line.service_period
            if is_next and span.starts != invoice.period.ends:
                ends = invoice.period.ends.isoformat()
                yield Difference(line.number, "service_period", _told(span), f"from {ends}")
            if not is_next and span != invoice.period:
                yield Difference(line.number, "service_period", _told(span), _told(invoice.period))
    not_owed = {price.key for price in plan.prices} - {price.key for price in owed}
    for line in prices:
        if line.price_key in not_owed:
            yield Difference(line.number, f"line for {line.price_key}", "printed", "not owed")


def _check_total(invoice: Invoice) -> Iterator[Difference]:
    total = sum(line.amount_minor for line in invoice.lines)
    if total != invoice.total_minor:
        yield Difference(None, "total_minor", str(invoice.total_minor), str(total))
