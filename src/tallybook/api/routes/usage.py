"""Usage: measured, and walked back to its events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter
from litestar.response import Stream

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.matching import matches_of
from tallybook.api.pages import After
from tallybook.api.security import AnyRequest, requires
from tallybook.api.usage_forms import FORMS, Form, streamed, wanted_form
from tallybook.domain.customers.organization import Scope
from tallybook.domain.events.event import StoredEvent
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.instants import parse_instant
from tallybook.domain.metering.meter import Usage
from tallybook.domain.metering.report import Combined, Ranked, Reported, Shape
from tallybook.services.measure_usage import (
    UsageAnswered,
    UsageQuestion,
    list_counted_events,
    measure_usage,
    refuse_pages,
    stream_usage,
)

MeterKey = Annotated[str, QueryParameter(description="The meter's key.")]
Customers = Annotated[
    list[str] | None, QueryParameter(name="customer", description="Customers' keys; all if none.")
]
Period = Annotated[
    str, QueryParameter(description="A year, month, day or week: 2026, 2026-03, 2026-W14.")
]
From = Annotated[str, QueryParameter(name="from", description="The start of the span, RFC 3339.")]
To = Annotated[
    str, QueryParameter(name="to", description="The end of the span, itself not part of it.")
]
Timezone = Annotated[
    str, QueryParameter(description="The zone by whose clocks periods and windows are cut.")
]
Match = Annotated[
    list[str] | None,
    QueryParameter(
        description="Only events with this value of a dimension, as `dimension:value`; "
        "an empty value keeps those without."
    ),
]
AsOf = Annotated[
    int | None,
    QueryParameter(ge=0, description="The position in the log up to which to count; else now."),
]

Window = Annotated[
    str | None, QueryParameter(description="Cut the span into minute, hour, day, week or month.")
]
GroupBy = Annotated[
    list[str] | None, QueryParameter(description="Dimensions of the meter to split by.")
]
Fill = Annotated[bool, QueryParameter(description="Answer windows in which nothing was used, too.")]
Compare = Annotated[bool, QueryParameter(description="Set each row beside the period before.")]
Total = Annotated[bool, QueryParameter(description="All customers as one.")]
Top = Annotated[
    int | None,
    QueryParameter(ge=1, le=10_000, description="Only the largest so many, the rest as one."),
]
Rank = Annotated[
    Ranked | None,
    QueryParameter(description="What `top` ranks; dimension values if it is split by any."),
]
InForm = Annotated[
    Form | None, QueryParameter(name="format", description="Instead of the `Accept` header.")
]
MostCustomers = Annotated[
    int | None,
    QueryParameter(ge=1, le=100_000, description="How many customers at most; 1,000 if not said."),
]


class UsageRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A quantity, and its evidence: how many events were counted and their checksum.

    `dimensions` has a value for each dimension that was grouped by, "" for events without it.
    """

    customer: str
    starts: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="to")
    dimensions: dict[str, str]
    quantity: str
    event_count: int
    checksum: str


class BeforeAnswer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What it was in the same window of the period before."""

    starts: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="to")
    quantity: str


class ReportRow(UsageRow, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A row of usage. One with `rest_of` is of so many customers, or combinations of dimension
    values, that are not among the `top`; its customer or its values are "" then.

    `combined` tells of such a row, and of a total, how several were made one: their quantities
    `summed`; or, of a meter that does not add up, all of their events measured `together`. `before`
    is there if asked for, unless the period before had no such window.
    """

    rest_of: int = 0
    combined: Combined | None = None
    before: BeforeAnswer | None = None


class UsageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Usage by customer, then dimensions, then window, or by rank. Nothing used is no row.

    Asked again with this `as_of`, the answer is the same for ever.
    """

    meter: str
    meter_id: str
    unit: str
    starts: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="to")
    window: str | None
    timezone: str
    as_of: int
    results: list[ReportRow]
    next: str | None


class EventsAnswer(msgspec.Struct, frozen=True):
    """Events that were counted, by time and position."""

    as_of: int
    results: list[StoredEvent]
    next: str | None


@get(
    "/v1/usage",
    guards=[requires(Scope.READ)],
    sync_to_thread=True,
    opt={"forms": [form.media_type for form in FORMS.values()]},
)
def read_usage(
    wiring: Wired,
    organization_id: OrganizationId,
    request: AnyRequest,
    *,
    meter: MeterKey,
    customers: Customers = None,
    period: Period = "",
    starts: From = "",
    ends: To = "",
    window: Window = None,
    timezone: Timezone = "UTC",
    group_by: GroupBy = None,
    match: Match = None,
    as_of: AsOf = None,
    fill: Fill = False,
    compare: Compare = False,
    total: Total = False,
    top: Top = None,
    rank: Rank = None,
    form: InForm = None,
    limit: MostCustomers = None,
    after: After = "",
) -> UsageAnswer | Stream:
    """Measure usage of one, several or all customers over a span of time.

    Events acknowledged before the request are counted. Where no customer is named, all are
    answered, `limit` at a time; with `total` or `top` at once: then there are no pages.

    As CSV, NDJSON or Parquet, by `Accept` or `format`, all are answered at once, rows as they come;
    the header `Tallybook-As-Of` has the position.
    """
    names = _names(group_by)
    question = UsageQuestion(
        meter=meter,
        customers=tuple(customers) if customers else None,
        starts=parse_instant(starts, field="from") if starts else None,
        ends=parse_instant(ends, field="to") if ends else None,
        period=period,
        window=window,
        timezone=timezone,
        group_by=names,
        match=matches_of(match, named="dimension"),
        as_of=as_of,
        fills=fill,
        compares=compare,
        shape=_shape(total=total, top=top, rank=rank, is_split=bool(names)),
    )
    wanted = wanted_form(form, request.headers.get("accept", ""))
    if wanted is not Form.JSON:
        refuse_pages(f"As {wanted} all customers are answered", after=after, limit=limit)
        return streamed(stream_usage(wiring, organization_id, question), wanted, report_row)
    found = measure_usage(wiring, organization_id, question, after=after, limit=limit)
    return _answer(found)


@get("/v1/usage/events", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_usage_events(
    wiring: Wired,
    organization_id: OrganizationId,
    *,
    meter: MeterKey,
    customers: Customers = None,
    period: Period = "",
    starts: From = "",
    ends: To = "",
    timezone: Timezone = "UTC",
    match: Match = None,
    as_of: AsOf = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, description="How many at most.")] = 100,
    after: After = "",
) -> EventsAnswer:
    """Page through the very events that a quantity was counted from.

    Asked with the customer, span, `match` and `as_of` of a row of usage, there are exactly its
    `event_count` of them.
    """
    question = UsageQuestion(
        meter=meter,
        customers=tuple(customers) if customers else None,
        starts=parse_instant(starts, field="from") if starts else None,
        ends=parse_instant(ends, field="to") if ends else None,
        period=period,
        timezone=timezone,
        match=matches_of(match, named="dimension"),
        as_of=as_of,
    )
    found = list_counted_events(wiring, organization_id, question, after=after, limit=limit)
    return EventsAnswer(
        as_of=found.query.as_of,
        results=found.events,
        next=found.next or None,
    )


def _shape(*, total: bool, top: int | None, rank: Ranked | None, is_split: bool) -> Shape:
    ranked = rank or (Ranked.DIMENSIONS if is_split else Ranked.CUSTOMERS)
    return Shape(is_total=total, top=top, ranked=ranked)


def _answer(found: UsageAnswered) -> UsageAnswer:
    return UsageAnswer(
        meter=found.meter.key,
        meter_id=found.meter.id,
        unit=found.meter.unit,
        starts=found.query.span.starts,
        ends=found.query.span.ends,
        window=found.query.window,
        timezone=found.query.timezone,
        as_of=found.query.as_of,
        results=[report_row(row) for row in found.rows],
        next=found.next or None,
    )


def answer_row(usage: Usage) -> UsageRow:
    """Usage as it is answered."""
    return UsageRow(
        customer=usage.customer,
        starts=usage.span.starts,
        ends=usage.span.ends,
        dimensions=usage.dimensions,
        quantity=plain(usage.quantity),
        event_count=usage.evidence.event_count,
        checksum=f"{usage.evidence.checksum:016x}",
    )


def report_row(row: Reported) -> ReportRow:
    """A row of a report as it is answered."""
    before = row.before
    return ReportRow(
        **msgspec.structs.asdict(answer_row(row.usage)),
        rest_of=row.rest_of,
        combined=row.combined,
        before=None
        if before is None
        else BeforeAnswer(
            starts=before.span.starts, ends=before.span.ends, quantity=plain(before.quantity)
        ),
    )


def _names(group_by: Sequence[str] | None) -> tuple[str, ...]:
    """Names sent one by one or, as is shorter, with commas between them."""
    return tuple(name for sent in group_by or () for name in sent.split(",") if name)


router = Router(path="/", route_handlers=[read_usage, read_usage_events], tags=["Usage"])
