"""Answer what was used, and show the events behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import msgspec

from tallybook.domain.events.event import StoredEvent
from tallybook.domain.kernel.calendar import checked_timezone
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span, to_utc, zone
from tallybook.domain.metering.definition import check_query
from tallybook.domain.metering.filling import filled
from tallybook.domain.metering.meter import Meter, UsageQuery
from tallybook.domain.metering.report import AS_MEASURED, Reported, Shape, report, span_before
from tallybook.domain.metering.windows import checked_window, cut, named_period
from tallybook.services.find_meters import found_meter
from tallybook.services.ports import Wiring

MOST_ROWS = 1_000_000
"""Customers times windows that one answer may have."""

_ROWS_AT_ONCE = 10_000
"""Customers times windows that are in memory while usage is streamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuestion:
    """Which usage is asked for: a named `period` or a start and an end; `as_of` None means now.

    With `fills`, windows in which nothing was used are answered too. With `compares`, each row is
    set beside the period before.
    """

    meter: str
    customers: tuple[str, ...] | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    period: str = ""
    window: str | None = None
    timezone: str = "UTC"
    group_by: tuple[str, ...] = ()
    match: dict[str, str]
    as_of: int | None = None
    fills: bool = False
    compares: bool = False
    shape: Shape = AS_MEASURED


@dataclass(frozen=True, slots=True)
class UsageAnswered:
    """What was measured by which meter for which query, and the customer to go on after, or ""."""

    meter: Meter
    query: UsageQuery
    rows: list[Reported]
    next: str


@dataclass(frozen=True, slots=True)
class EventsAnswered:
    """Events that were counted, for which query; and the cursor to go on after, or ""."""

    query: UsageQuery
    events: list[StoredEvent]
    next: str


def measure_usage(
    wiring: Wiring, organization_id: str, question: UsageQuestion, *, after: str = "", limit: int
) -> UsageAnswered:
    """Usage of one, some or, where none is named, all customers, at most `limit` of them at once.

    The answer names its as-of: asked again with it, the same question has the same answer for ever.
    Sums and rankings are of all customers: they have no pages.
    """
    meter, query = _read(wiring, organization_id, question)
    question.shape.check(meter)
    is_whole = question.shape.is_total or question.shape.top is not None
    windows = _windows(query)
    earlier = _query_before(question, query) if question.compares else None
    next_ = ""
    customers = query.customers
    if customers is None:
        asked = query if earlier is None else _together(earlier, query)
        most = MOST_ROWS // len(windows) if is_whole else limit
        found = wiring.usage.customers(
            organization_id, meter, asked, after="" if is_whole else after, limit=most + 1
        )
        if is_whole:
            _check_size(tuple(found), windows)
        customers = tuple(found[:most])
        if found[most:]:
            next_ = customers[-1]
        if customers and (after or next_) and not is_whole:
            between = (after, customers[-1])
            query = msgspec.structs.replace(query, between=between)
            earlier = earlier and msgspec.structs.replace(earlier, between=between)
    _check_size(customers, windows)
    usage = wiring.usage.measure(organization_id, meter, query) if customers else []
    before = wiring.usage.measure(organization_id, meter, earlier) if customers and earlier else []
    if question.fills:
        named = () if question.group_by else question.customers or ()
        usage = filled(usage, windows, customers=named, as_of=query.as_of)
    rows = report(
        usage,
        windows,
        question.shape,
        as_of=query.as_of,
        earlier=before,
        windows_before=_windows(earlier) if earlier else (),
    )
    return UsageAnswered(meter, query, rows, next_)


@dataclass(frozen=True, slots=True)
class UsageStreamed:
    """All usage that a question asks for, in pages that are counted up to one position."""

    meter: Meter
    query: UsageQuery
    compares: bool
    pages: Iterator[list[Reported]]


def stream_usage(wiring: Wiring, organization_id: str, question: UsageQuestion) -> UsageStreamed:
    """All that `measure_usage` answers page by page, in memory that does not grow with it.

    The first page is measured at once, so that what is refused is refused before anything is told.
    """
    meter, query = _read(wiring, organization_id, question)
    limit = max(1, _ROWS_AT_ONCE // len(_windows(query)))
    pinned = replace(question, as_of=query.as_of)
    first = measure_usage(wiring, organization_id, pinned, limit=limit)

    def pages() -> Iterator[list[Reported]]:
        page = first
        while True:
            yield page.rows
            if not page.next:
                return
            page = measure_usage(wiring, organization_id, pinned, after=page.next, limit=limit)

    return UsageStreamed(meter, query, question.compares, pages())


def _query_before(question: UsageQuestion, query: UsageQuery) -> UsageQuery:
    span = span_before(question.period, query.span, zone(query.timezone))
    return msgspec.structs.replace(query, span=span)


def _together(earlier: UsageQuery, query: UsageQuery) -> UsageQuery:
    """Of both times, uncut: who used anything in either."""
    span = Span(earlier.span.starts, query.span.ends)
    return msgspec.structs.replace(query, span=span, window=None)


def _windows(query: UsageQuery) -> list[Span]:
    if query.window is None:
        return [query.span]
    boundaries = cut(query.span, checked_window(query.window), zone(query.timezone))
    return [Span(*pair) for pair in pairwise(boundaries)]


def _check_size(customers: tuple[str, ...], windows: list[Span]) -> None:
    if len(customers) * len(windows) > MOST_ROWS:
        raise Invalid(
            "too_many_rows",
            f"{len(customers):,} customers with {len(windows):,} windows each are too many rows.",
            field="limit",
            mend=f"Ask for at most {max(1, MOST_ROWS // len(windows)):,} customers at a time.",
        )


def list_counted_events(
    wiring: Wiring, organization_id: str, question: UsageQuestion, *, after: str, limit: int
) -> EventsAnswered:
    """The very events that the question's usage was counted from, by time and position."""
    meter, query = _read(wiring, organization_id, question)
    events, next_ = wiring.usage.events_behind(
        organization_id, meter, query, after=after, limit=limit
    )
    return EventsAnswered(query, wiring.corrections.annotated(organization_id, events), next_)


def _read(
    wiring: Wiring, organization_id: str, question: UsageQuestion
) -> tuple[Meter, UsageQuery]:
    with wiring.books.begin(organization_id) as records:
        meter = found_meter(records, question.meter, field="meter")
    position = wiring.event_log.position()
    if question.as_of is not None and question.as_of > position:
        raise Invalid(
            "as_of_ahead",
            f"Position {question.as_of} is not reached: the log is at {position}.",
            field="as_of",
            mend="Send the as_of of an earlier answer, or none for what is known now.",
        )
    query = UsageQuery(
        span=asked_span(question.period, question.starts, question.ends, question.timezone),
        as_of=position if question.as_of is None else question.as_of,
        customers=question.customers,
        window=question.window,
        timezone=question.timezone,
        group_by=question.group_by,
        match=question.match,
    )
    check_query(meter, query)
    return meter, query


def asked_span(period: str, starts: datetime | None, ends: datetime | None, timezone: str) -> Span:
    """The span of a named period, or from a start to an end; `Invalid` for both or for half."""
    checked_timezone(timezone)
    if period and starts is None and ends is None:
        return named_period(period, zone(timezone))
    if period or starts is None or ends is None:
        raise Invalid(
            "no_span",
            "It is not told which time is asked about.",
            field="period" if period else "from" if starts is None else "to",
            mend="Send either period, such as 2026-03, or from and to.",
        )
    first, last = to_utc(starts, field="from"), to_utc(ends, field="to")
    if first >= last:
        raise Invalid(
            "empty_span",
            "The span ends before it begins.",
            field="to",
            mend="Send a `to` that is later than `from`; it is not part of the span itself.",
        )
    return Span(first, last)
