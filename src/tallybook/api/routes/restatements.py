"""Restatements: usage that was billed, counted again because of events that came late."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.events.event import StoredEvent
from tallybook.domain.invoicing.restatement import (
    Counted,
    LateEventSettings,
    LatePolicy,
    Listed,
    StuckDraft,
)
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.instants import Span
from tallybook.services.restate_usage import (
    find_late_event_settings,
    find_restatement,
    list_restated_events,
    list_restatements,
    restate_usage,
    set_late_event_settings,
)

RestatementId = Annotated[str, PathParameter(description="The restatement's id, `rst_…`.")]


class CountedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity, up to which position it was counted, from how many events, their checksum."""

    quantity: str
    as_of: int
    event_count: int
    checksum: str


class RestatementAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a line's usage after it was billed.

    `before` is as of the line or, of its second and later ones (`place`), as the one before left
    it: the differences of a line add up. `policy` is what the organization wanted done when it was
    made.
    """

    id: str
    made_at: datetime
    policy: LatePolicy
    customer: str
    meter: str
    meter_id: str
    period: Span
    match: dict[str, str]
    unit: str
    before: CountedAnswer
    after: CountedAnswer
    difference: str
    invoice_id: str
    invoice_number: str | None
    line: int
    price_key: str
    place: int


class RestatedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event behind a difference: it counts after and not before, or before and not after."""

    is_counted: bool
    event: StoredEvent


class RestatementRunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The log was looked at up to `through`: how many restatements were made of it.

    `recalculated` are the drafts that were drawn up again. `stuck` ones could not be.
    """

    through: int
    restated: int
    recalculated: int
    stuck: list[StuckDraft]


@get("/v1/restatements", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_restatements(
    wiring: Wired,
    organization_id: OrganizationId,
    *,
    customer: Annotated[
        str | None, QueryParameter(description="Only those of the customer with this key.")
    ] = None,
    meter: Annotated[
        str | None, QueryParameter(description="Only those of the meter with this key.")
    ] = None,
    invoice: Annotated[
        str | None, QueryParameter(description="Only those of this invoice, by id or number.")
    ] = None,
    limit: Limit = 100,
    after: After = "",
) -> Page[RestatementAnswer]:
    """List restatements, the last made first. They are listed whatever the policy is."""
    found = list_restatements(
        wiring,
        organization_id,
        after=after,
        limit=limit + 1,
        customer=customer,
        meter=meter,
        invoice=invoice,
    )
    return page_of([_answer(each) for each in found], limit, lambda each: each.id)


@get("/v1/restatements/{restatement_id:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_restatement(
    wiring: Wired, organization_id: OrganizationId, restatement_id: RestatementId
) -> RestatementAnswer:
    """Read one restatement."""
    return _answer(find_restatement(wiring, organization_id, restatement_id))


@get(
    "/v1/restatements/{restatement_id:str}/events",
    guards=[requires(Scope.READ)],
    sync_to_thread=True,
)
def read_restated_events(
    wiring: Wired,
    organization_id: OrganizationId,
    restatement_id: RestatementId,
    *,
    limit: Limit = 100,
    after: After = "",
) -> Page[RestatedEvent]:
    """Page through the very events behind the difference, by time and position."""
    events, next_ = list_restated_events(
        wiring, organization_id, restatement_id, after=after, limit=limit
    )
    page = [RestatedEvent(is_counted=is_counted, event=event) for event, is_counted in events]
    return Page(page, next_ or None)


@post("/v1/restatement-runs", guards=[requires(Scope.WRITE)], status_code=200, sync_to_thread=True)
def post_restatement_run(wiring: Wired, organization_id: OrganizationId) -> RestatementRunAnswer:
    """Look for late events now: restate what was billed, draw up drafts again.

    A server does so by itself, twice a minute. Running it again makes nothing twice.
    """
    run = restate_usage(wiring, organization_id)
    return RestatementRunAnswer(
        through=run.through,
        restated=run.restated,
        recalculated=run.recalculated,
        stuck=list(run.stuck),
    )


@get("/v1/late-event-settings", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_late_event_settings(wiring: Wired, organization_id: OrganizationId) -> LateEventSettings:
    """What is done about late events of a period that was invoiced."""
    return find_late_event_settings(wiring, organization_id)


@put("/v1/late-event-settings", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def put_late_event_settings(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[LateEventSettings]
) -> LateEventSettings:
    """Choose what is done about late events; each restatement made from now on says so."""
    return set_late_event_settings(wiring, organization_id, data)


def _answer(listed: Listed) -> RestatementAnswer:
    made = listed.restatement
    return RestatementAnswer(
        id=made.id,
        made_at=made.made_at,
        policy=made.policy,
        customer=made.customer,
        meter=listed.meter,
        meter_id=made.meter_id,
        period=listed.period,
        match=listed.proof.match,
        unit=listed.unit,
        before=_counted(made.before),
        after=_counted(made.after),
        difference=plain(made.difference),
        invoice_id=made.invoice_id,
        invoice_number=listed.invoice_number,
        line=made.line,
        price_key=listed.price_key,
        place=made.place,
    )


def _counted(counted: Counted) -> CountedAnswer:
    return CountedAnswer(
        quantity=plain(counted.quantity),
        as_of=counted.evidence.as_of,
        event_count=counted.evidence.event_count,
        checksum=f"{counted.evidence.checksum:016x}",
    )


router = Router(
    path="/",
    route_handlers=[
        read_restatements,
        read_restatement,
        read_restated_events,
        post_restatement_run,
        read_late_event_settings,
        put_late_event_settings,
    ],
    tags=["Restatements"],
)
