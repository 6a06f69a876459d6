"""Answer what was used, and show the events behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from tallybook.domain.metering.meter import Meter, Together, Usage, UsageQuery
from tallybook.domain.metering.pooling import adds_up
from tallybook.domain.metering.report import (
    AS_MEASURED,
    Compared,
    Ranked,
    Reported,
    Shape,
    place,
    report,
    report_together,
    span_before,
)
from tallybook.domain.metering.windows import checked_window, cut, named_period
from tallybook.services.find_meters import found_meter
from tallybook.services.ports import Wiring

MOST_ROWS = 1_000_000
"""Customers times windows that one answer may have."""

CUSTOMERS_AT_ONCE = 1_000
"""Customers that one answer has where nobody says how many."""

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
    wiring: Wiring,
    organization_id: str,
    question: UsageQuestion,
    *,
    after: str = "",
    limit: int | None = None,
) -> UsageAnswered:
    """Usage of one, some or, where none is named, all customers, at most `limit` of them at once.

    The answer names its as-of: asked again with it, the same question has the same answer for ever.
    Totals and rankings are of all customers: they have no pages.
    """
    meter, query = _read(wiring, organization_id, question)
    windows = _windows(query)
    earlier = _query_before(question, query) if question.compares else None
    if question.shape.is_whole:
        refuse_pages("A total, and a ranking, is of all customers", after=after, limit=limit)
        _check_whole(wiring, organization_id, meter, query, earlier)
        if not adds_up(meter):
            rows = _measured_together(
                wiring, organization_id, meter, question, query=query, earlier=earlier
            )
            return UsageAnswered(meter, query, rows, "")
    next_ = ""
    customers = query.customers
    if question.customers is not None:
        refuse_pages("Customers that are named are answered", after=after)
    if customers is None and not question.shape.is_whole:
        limit = CUSTOMERS_AT_ONCE if limit is None else limit
        asked = _reached(query, earlier)
        found = wiring.usage.customers(organization_id, meter, asked, after=after, limit=limit + 1)
        customers = tuple(found[:limit])
        if found[limit:]:
            next_ = customers[-1]
        if customers and (after or next_):
            between = (after, customers[-1])
            query = msgspec.structs.replace(query, between=between)
            earlier = earlier and msgspec.structs.replace(earlier, between=between)
    _check_size(customers or (), windows)
    is_asked = customers != ()
    usage = wiring.usage.measure(organization_id, meter, query) if is_asked else []
    before = wiring.usage.measure(organization_id, meter, earlier) if is_asked and earlier else []
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


def refuse_pages(what: str, *, after: str, limit: int | None = None) -> None:
    """`Invalid` if a page was asked for of what is answered at once."""
    if after or limit is not None:
        raise Invalid(
            "no_pages",
            f"{what} at once: there are no pages.",
            field="after" if after else "limit",
            mend="Send neither `after` nor `limit` with it.",
        )


def _measured_together(
    wiring: Wiring,
    organization_id: str,
    meter: Meter,
    question: UsageQuestion,
    *,
    query: UsageQuery,
    earlier: UsageQuery | None,
) -> list[Reported]:
    """The largest, the rest and the total of what is no sum of its parts.

    Each is measured over all of its events, and ranked by what it comes to in all windows as one.
    """
    shape, windows = question.shape, _windows(query)

    def measured(asked: UsageQuery, together: Together | None) -> list[Usage]:
        if together is None:
            return wiring.usage.measure(organization_id, meter, asked)
        return wiring.usage.measure_together(organization_id, meter, asked, together)

    def compared(together: Together | None, named: Sequence[str] = ()) -> Compared:
        usage = measured(query, together)
        if question.fills:
            usage = filled(usage, windows, customers=named, as_of=query.as_of)
        before = measured(earlier, together) if earlier else []
        return Compared(usage, windows, before, _windows(earlier) if earlier else ())

    everyone = Together(customers=True) if shape.is_total else None
    named = () if question.group_by else question.customers or ()
    shown = compared(everyone, ("",) * bool(named) if shape.is_total else named)
    as_one = msgspec.structs.replace(
        query, window=None, group_by=() if shape.ranked is Ranked.CUSTOMERS else query.group_by
    )
    ranking = shown.usage if as_one == query or shape.top is None else measured(as_one, everyone)
    placing = place(shown, ranking, shape)
    rest = compared(placing.rest) if placing.rest else Compared((), windows)
    return report_together(shown, rest, placing, as_of=query.as_of)


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
    limit = None
    if not question.shape.is_whole:
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


def _reached(query: UsageQuery, earlier: UsageQuery | None) -> UsageQuery:
    """Uncut, together with the time before: who used anything in either."""
    if earlier is None:
        return query
    span = Span(earlier.span.starts, query.span.ends)
    return msgspec.structs.replace(query, span=span, window=None)


def _check_whole(
    wiring: Wiring,
    organization_id: str,
    meter: Meter,
    query: UsageQuery,
    earlier: UsageQuery | None,
) -> None:
    """Refuse to hold the rows of all customers at once where these are too many."""
    windows, customers = _windows(query), query.customers
    if customers is None:
        asked = _reached(query, earlier)
        most = MOST_ROWS // len(windows) + 1
        found = wiring.usage.customers(organization_id, meter, asked, after="", limit=most)
        customers = tuple(found)
    if len(customers) * len(windows) > MOST_ROWS:
        raise Invalid(
            "too_many_rows",
            f"A total, or a ranking, of so many customers with {len(windows):,} windows each are "
            "too many rows.",
            field="window",
            mend="Ask for fewer windows, or name the customers.",
        )


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
