"""Meters: defined, listed, tried out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get, post, put
from litestar.params import JSONBody, PathParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.routes.usage import UsageRow, answer_row
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.events.event import StoredEvent
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.metering.counting import Counted, NotCounted
from tallybook.domain.metering.expressions.evaluate import Value
from tallybook.domain.metering.meter import Meter
from tallybook.services.change_meter import change_meter
from tallybook.services.define_meter import MeterDefinition, define_meter
from tallybook.services.find_meters import find_meter, list_meters, list_versions
from tallybook.services.measure_usage import asked_span
from tallybook.services.preview_meter import Judged, preview_meter

MeterKey = Annotated[str, PathParameter(description="The meter's key, or the id of a version.")]


class MeterPreviewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A meter to try out, on which time and whose events.

    The time is a named `period` in `timezone`, or `from` and `to`.
    """

    meter: MeterDefinition
    customer: str | None = None
    period: str = ""
    starts: datetime | None = msgspec.field(name="from", default=None)
    ends: datetime | None = msgspec.field(name="to", default=None)
    timezone: str = "UTC"
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10


class SampleAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event, and what the meter reads of it or why which part of it does not count it."""

    event: StoredEvent
    is_counted: bool
    values: dict[str, str] = {}
    code: str = ""
    field: str = ""
    reason: str = ""


class MeterPreviewAnswer(msgspec.Struct, frozen=True):
    """How many events of the type count and do not, some of each, and the usage they make."""

    as_of: int
    counted: int
    not_counted: int
    unit: str
    usage: list[UsageRow]
    samples: list[SampleAnswer]


@post("/v1/meters", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def create_meter(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[MeterDefinition]
) -> Meter:
    """Define a meter. Repeating it answers the same meter; a difference is a conflict.

    It counts the events that are stored already, and those that come.
    """
    return define_meter(wiring, organization_id, data)


@get("/v1/meters", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_meters(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[Meter]:
    """Meters in key order."""
    found = list_meters(wiring, organization_id, after=after, limit=limit + 1)
    return page_of(found, limit, lambda each: each.key)


@get("/v1/meters/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_meter(wiring: Wired, organization_id: OrganizationId, key: MeterKey) -> Meter:
    """One meter."""
    return find_meter(wiring, organization_id, key)


@put("/v1/meters/{key:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def put_meter(
    wiring: Wired, organization_id: OrganizationId, key: MeterKey, data: JSONBody[MeterDefinition]
) -> Meter:
    """Change a meter by giving it another version. What says the same changes nothing.

    Usage is measured by the latest version, of all times; invoices stay with the version that they
    were measured by. The unit stays, and dimensions may only be added: prices stand on them.
    """
    return change_meter(wiring, organization_id, key, data)


@get("/v1/meters/{key:str}/versions", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_meter_versions(
    wiring: Wired, organization_id: OrganizationId, key: MeterKey
) -> Page[Meter]:
    """Every version of a meter, the first one first."""
    return Page(list_versions(wiring, organization_id, key))


@post("/v1/meters/preview", guards=[requires(Scope.READ)], sync_to_thread=True, status_code=200)
def read_preview(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[MeterPreviewRequest]
) -> MeterPreviewAnswer:
    """Try a meter out on stored events. Nothing is kept.

    Answers the usage of the customer, or of the first `limit` customers; how many events of the
    type count and how many do not; and the last of each to arrive, with what the meter reads of
    them or why it does not count them.
    """
    found = preview_meter(
        wiring,
        organization_id,
        data.meter,
        span=asked_span(data.period, data.starts, data.ends, data.timezone),
        customer=data.customer,
        limit=data.limit,
    )
    return MeterPreviewAnswer(
        as_of=found.as_of,
        counted=found.counted,
        not_counted=found.not_counted,
        unit=found.meter.unit,
        usage=[answer_row(row) for row in found.usage],
        samples=[_sample(each) for each in found.samples],
    )


def _sample(judged: Judged) -> SampleAnswer:
    event = judged.event
    match judged.verdict:
        case Counted(values):
            shown = {name: _shown(value) for name, value in values.items()}
            return SampleAnswer(event, is_counted=True, values=shown)
        case NotCounted(code, field, sentence):
            return SampleAnswer(event, is_counted=False, code=code, field=field, reason=sentence)


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else plain(value)


router = Router(
    path="/",
    route_handlers=[
        create_meter,
        read_meters,
        read_meter,
        put_meter,
        read_meter_versions,
        read_preview,
    ],
    tags=["Meters"],
)
