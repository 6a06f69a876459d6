"""Measure the usage of many customers and periods, by one query for each meter and split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from tallybook.domain.catalog.price import Price
from tallybook.domain.customers.customer import Customer
from tallybook.domain.invoicing.charges import groups
from tallybook.domain.invoicing.invoice import BilledTo
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Meter, Usage, UsageQuery
from tallybook.domain.metering.pooling import check_pooled, pooled
from tallybook.domain.metering.windows import checked_window, is_cuttable
from tallybook.services.ports import Wiring
from tallybook.services.read_each_event import CustomerPeriod, EventReader, EventSheet

__all__ = [
    "CustomerPeriod",
    "Split",
    "UsageSheet",
    "Wanted",
    "measure_charges",
    "wanted_by",
]


class Split(msgspec.Struct, frozen=True, gc=False):
    """How a meter's usage is split for a price; `timezone` is "" where no window needs it.

    `each_event` is no split but every event by itself, from `lookback_days` before the period on.
    """

    meter_id: str
    groups: tuple[str, ...]
    window: str | None
    timezone: str
    each_event: bool = False
    lookback_days: int = 0


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """The usage that a charge is about."""

    meter: Meter
    split: Split
    of: CustomerPeriod
    pool: tuple[str, ...] | None = None

    @property
    def periods(self) -> Iterable[CustomerPeriod]:
        """Whose usage is measured: the customer's own, or that of all in its pool."""
        if self.pool is None:
            return (self.of,)
        return [CustomerPeriod(customer, self.of.span) for customer in self.pool]

    def until(self, at: datetime) -> Wanted:
        """The same up to a time within its span."""
        return msgspec.structs.replace(
            self, of=CustomerPeriod(self.of.customer, Span(self.of.span.starts, at))
        )


def wanted_by(
    price: Price,
    meter: Meter,
    customer: Customer | BilledTo,
    span: Span,
    pool: tuple[str, ...] | None = None,
) -> Wanted:
    """The usage of `meter` that `price` charges a customer for over `span`, split as it needs.

    `pool` are the keys of those whose usage counts as the customer's, if that is not its own alone.
    Refused where it could not be measured: whoever asks for many then leaves out this one alone.
    """
    if pool:
        check_pooled(meter)
    need = price.need
    of = CustomerPeriod(customer.key, span)
    if need.each_event:
        split = Split(meter.id, groups(price), None, "", True, need.lookback_days)
        return Wanted(meter, split, of, pool)
    if need.window is not None and not is_cuttable(span, checked_window(need.window)):
        raise Invalid(
            "too_many_windows",
            f"The price {price.key!r} goes by the {need.window}, and the period is too long for "
            "that.",
            mend="Give the plan a shorter interval, or the price larger windows and full hours.",
        )
    timezone = (need.timezone or customer.timezone) if need.window is not None else ""
    split = Split(meter.id, groups(price), need.window, timezone)
    return Wanted(meter, split, of, pool)


class UsageSheet:
    """The usage measured, to be looked up by whoever wants it."""

    def __init__(self) -> None:
        self._rows: dict[Split, dict[CustomerPeriod, list[Usage]]] = defaultdict(dict)
        self._events: dict[Split, EventSheet] = {}

    def add_events(self, split: Split, events: EventSheet) -> None:
        """Keep where events are read from, as they are wanted."""
        self._events[split] = events

    def add(self, split: Split, usage: Iterable[Usage], span: Span | None = None) -> None:
        """Keep what one query gave; `span` is the period where rows are windows of it."""
        rows = self._rows[split]
        for row in usage:
            of = CustomerPeriod(row.customer, row.span if span is None else span)
            rows.setdefault(of, []).append(row)

    def of(self, wanted: Wanted) -> Sequence[Usage]:
        """The rows for it; none where nothing was used."""
        if wanted.split.each_event:
            return self._events[wanted.split].of(wanted.periods)
        rows = self._rows[wanted.split]
        if wanted.pool is None:
            return rows.get(wanted.of, ())
        found = (row for period in wanted.periods for row in rows.get(period, ()))
        return pooled(found, wanted.of.customer)


def measure_charges(
    wiring: Wiring, organization_id: str, wanted: Iterable[Wanted], *, as_of: int
) -> UsageSheet:
    """Measure everything wanted. Prices over the same usage of a meter share its query."""
    periods: dict[Split, dict[CustomerPeriod, None]] = defaultdict(dict)
    meters: dict[str, Meter] = {}
    for one in wanted:
        meters[one.meter.id] = one.meter
        for period in one.periods:
            periods[one.split][period] = None
    sheet = UsageSheet()
    for split, of in periods.items():
        meter = meters[split.meter_id]
        if split.each_event:
            read = reader(wiring, organization_id, meter, split, as_of)
            sheet.add_events(split, EventSheet(read, list(of)))
            continue
        if split.window is not None:
            for query in _window_queries(split, of, as_of):
                sheet.add(split, wiring.usage.measure(organization_id, meter, query), query.span)
            continue
        usage = wiring.usage.measure_spans(
            organization_id, meter, list(of), as_of=as_of, group_by=split.groups
        )
        sheet.add(split, usage)
    return sheet


def reader(
    wiring: Wiring, organization_id: str, meter: Meter, split: Split, as_of: int
) -> EventReader:
    """What reads and counts the events of a meter one by one, as a split says."""
    back = timedelta(days=split.lookback_days)
    return EventReader(
        count=lambda spans: wiring.usage.measure_spans(organization_id, meter, spans, as_of=as_of),
        read=lambda spans: wiring.usage.each_event(
            organization_id, meter, spans, as_of=as_of, group_by=split.groups, before=back
        ),
        before=back,
    )


def _window_queries(
    split: Split, periods: Iterable[CustomerPeriod], as_of: int
) -> Iterator[UsageQuery]:
    """One query for each span: customers on one calendar share theirs."""
    customers: dict[Span, list[str]] = defaultdict(list)
    for period in periods:
        customers[period.span].append(period.customer)
    for span, keys in customers.items():
        yield UsageQuery(
            span=span,
            as_of=as_of,
            customers=tuple(keys),
            window=split.window,
            timezone=split.timezone,
            group_by=split.groups,
        )
