"""What a correction would touch, told before it is made, and the token that holds it to that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tallybook.domain.events.event import EventQuery
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Meter, Usage, UsageQuery
from tallybook.services.correction_ports import EventSet, Shown, Staged
from tallybook.services.ports import Wiring

MOST_METERS = 20
MOST_MONTHS = 24
MOST_QUANTITIES = 1_000
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class QuantityChange:
    """What a meter answers of a customer and a span, before a correction and after it."""

    meter: str
    unit: str
    customer: str
    span: Span
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True)
class CorrectionPreview:
    """The events that would be voided, how many would be added, and the quantities that change.

    `token` fixes the set: with it, what is voided is what was shown, or nothing.
    """

    voided: EventSet
    added: int
    quantities: list[QuantityChange]
    token: str


def preview(
    wiring: Wiring,
    organization_id: str,
    wanted: EventQuery,
    *,
    span: Span | None = None,
    backfill_id: str = "",
) -> CorrectionPreview:
    """What would change if the events wanted were voided and what is staged were added.

    Quantities are by customer and month of UTC, or over `span`: of at most twenty meters, of the
    first hundred customers, or of all where a backfill may add others.
    """
    position = wiring.event_log.position()
    voided = wiring.corrections.find_set(organization_id, wanted, as_of=position)
    staged = None
    customers: tuple[str, ...] | None = tuple(voided.customers)
    if backfill_id:
        staged = wiring.corrections.staged(organization_id, backfill_id)
        customers = (wanted.customer,) if wanted.customer is not None else None
    types = set(voided.types) | ({wanted.type} if staged and wanted.type is not None else set())
    hull = span or _months(voided)
    quantities: list[QuantityChange] = []
    if hull is not None:
        query = UsageQuery(
            span=hull,
            as_of=position,
            customers=customers,
            window="month" if span is None and hull.length <= MOST_MONTHS * _MONTH else None,
        )
        for meter in _meters_of(wiring, organization_id, types):
            before = wiring.usage.measure(organization_id, meter, query)
            after = wiring.corrections.measure_without(
                organization_id, meter, query, wanted, backfill_id=backfill_id
            )
            quantities += _changes(meter, before, after)
    shown = Shown(voided.as_of, voided.count, voided.checksum)
    return CorrectionPreview(
        voided, staged.count if staged else 0, quantities[:MOST_QUANTITIES], token_of(shown, staged)
    )


_MONTH = timedelta(days=31)


def token_of(shown: Shown, staged: Staged | None = None) -> str:
    """What stands for the events shown, and those staged."""
    parts = [str(shown.as_of), str(shown.count), f"{shown.checksum:x}"]
    if staged is not None:
        parts += [str(staged.count), f"{staged.checksum:x}"]
    return ".".join(parts)


def read_token(token: str) -> Shown:
    """The set of events that a token stands for."""
    try:
        as_of, count, checksum = token.split(".")[:3]
        shown = Shown(int(as_of), int(count), int(checksum, 16))
    except ValueError:
        shown = Shown(-1, 0, 0)
    if not 0 <= shown.as_of < 2**63 or not 0 <= shown.count < 2**63:
        raise Invalid(
            "bad_token",
            "This is no token of a preview.",
            field="token",
            mend="Ask for a preview first, and send the token of its answer.",
        )
    return shown


def _months(voided: EventSet) -> Span | None:
    """The whole months of UTC that the events lie in."""
    if voided.first_at is None or voided.last_at is None:
        return None
    return Span(_month_start(voided.first_at), _month_start(_month_start(voided.last_at) + _MONTH))


def _month_start(instant: datetime) -> datetime:
    return datetime(instant.year, instant.month, 1, tzinfo=UTC)


def _meters_of(wiring: Wiring, organization_id: str, types: set[str]) -> list[Meter]:
    """The first meters in key order that count events of these types."""
    found: list[Meter] = []
    after = ""
    while len(found) < MOST_METERS:
        with wiring.books.begin(organization_id) as records:
            page = records.meters.page(after=after, limit=_AT_ONCE)
        found += [meter for meter in page if meter.event_type in types]
        if len(page) < _AT_ONCE:
            break
        after = page[-1].key
    return found[:MOST_METERS]


def _changes(meter: Meter, before: list[Usage], after: list[Usage]) -> Iterator[QuantityChange]:
    was = {(each.customer, each.span): each.quantity for each in before}
    becomes = {(each.customer, each.span): each.quantity for each in after}
    for customer, span in sorted(was.keys() | becomes.keys()):
        old = was.get((customer, span), Decimal(0))
        new = becomes.get((customer, span), Decimal(0))
        if old != new:
            yield QuantityChange(meter.key, meter.unit, customer, span, old, new)
