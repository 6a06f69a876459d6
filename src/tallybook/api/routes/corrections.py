"""Corrections of events: void, amend, list, revert."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.params import JSONBody, PathParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page
from tallybook.api.security import Asking, Caller, requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.events.correction import Amendment, CorrectionKind
from tallybook.domain.events.event import EventQuery, StoredEvent
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.instants import to_utc
from tallybook.services.amend_events import (
    AmendAnswer,
    AmendVerdict,
    amend_events,
    preview_amendments,
)
from tallybook.services.find_corrections import (
    Shown,
    find_correction,
    list_corrected_events,
    list_corrections,
    revert_correction,
)
from tallybook.services.preview_correction import CorrectionPreview
from tallybook.services.void_events import preview_void, void_events

CorrectionId = Annotated[str, PathParameter(description="The correction's id, `cor_…`.")]


class WantedEvents(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Which events: those that equal every field given and occurred in `[from, to)`."""

    type: str | None = None
    customer: str | None = None
    source: str | None = None
    id: str | None = None
    actor: str | None = None
    starts: datetime | None = msgspec.field(default=None, name="from")
    ends: datetime | None = msgspec.field(default=None, name="to")
    properties: dict[str, str] = {}

    def query(self) -> EventQuery:
        """The same as the log is asked for."""
        return EventQuery(
            type=self.type,
            customer=self.customer,
            source=self.source,
            id=self.id,
            actor=self.actor,
            starts=to_utc(self.starts, field="events/from") if self.starts else None,
            ends=to_utc(self.ends, field="events/to") if self.ends else None,
            properties=self.properties,
        )


class VoidPreviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which events would be voided."""

    events: WantedEvents


class VoidRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The events and the token of their preview, and why they are voided."""

    events: WantedEvents
    token: str
    reason: str


class AmendRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events to amend, and why."""

    amendments: list[Amendment]
    reason: str


class AmendPreviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events that would be amended."""

    amendments: list[Amendment]


class RevertRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a correction is taken back."""

    reason: str


class QuantityChangeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a meter answers before and after."""

    meter: str
    unit: str
    customer: str
    starts: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="to")
    before: str
    after: str


class CorrectionPreviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What would change. Nothing has.

    `voided` events of `customer_count` customers would be taken out, `added` put in. `customers`
    are the first hundred by their number of events, `months` those of UTC. `token` stands for
    exactly these events, as of `as_of`.
    """

    token: str
    as_of: int
    voided: int
    added: int
    types: tuple[str, ...]
    first_at: datetime | None
    last_at: datetime | None
    customer_count: int
    customers: dict[str, int]
    months: dict[str, int]
    quantities: list[QuantityChangeAnswer]


class CorrectionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A correction. `made_by` is an API key's id, or `operator`.

    `position` is its place in the log: usage as of an earlier one does not know of it. It counts
    while `is_in_force`; `reverted_by` is the correction that took it back, `reverts` the one that
    it takes back itself.
    """

    id: str
    kind: CorrectionKind
    position: int
    made_at: datetime
    made_by: str
    reason: str
    voided: int
    added: int
    types: tuple[str, ...]
    events: WantedEvents | None
    reverts: str | None
    reverted_by: str | None
    is_in_force: bool


class AmendmentAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the amendment at `index`: the replacement's id, or what is wrong with it."""

    index: int
    id: str
    verdict: AmendVerdict
    new_id: str = ""
    code: str = ""
    field: str = ""
    reason: str = ""
    mend: str = ""


class AmendedAnswer(msgspec.Struct, frozen=True):
    """The correction that holds every amendment in order, if any was; and an answer on each."""

    correction: CorrectionAnswer | None
    results: list[AmendmentAnswer]


@post(
    "/v1/corrections/void/preview",
    guards=[requires(Scope.READ)],
    sync_to_thread=True,
    status_code=200,
)
def post_void_preview(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[VoidPreviewRequest]
) -> CorrectionPreviewAnswer:
    """Show what voiding events would change, and get the token to void exactly these."""
    return preview_answer(preview_void(wiring, organization_id, data.events.query()))


@post("/v1/corrections/void", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_void(
    wiring: Wired, organization_id: OrganizationId, caller: Asking, data: JSONBody[VoidRequest]
) -> CorrectionAnswer:
    """Void the events that were shown: they stay stored and listed, and do not count.

    The same request again answers the same correction. Refused, 409, if one of the events does not
    count any more; those that came since the preview are not touched.
    """
    voided = void_events(
        wiring,
        organization_id,
        data.events.query(),
        token=data.token,
        reason=data.reason,
        by=made_by(caller),
    )
    return correction_answer(find_correction(wiring, organization_id, voided.id))


@post(
    "/v1/corrections/amend/preview",
    guards=[requires(Scope.READ)],
    sync_to_thread=True,
    status_code=200,
)
def post_amendments_preview(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[AmendPreviewRequest]
) -> Page[AmendmentAnswer]:
    """Say of each amendment what would become of it. Ids that would be derived are left out."""
    answers = preview_amendments(wiring, organization_id, data.amendments)
    return Page([_amendment(each) for each in answers])


@post("/v1/corrections/amend", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_amendments(
    wiring: Wired, organization_id: OrganizationId, caller: Asking, data: JSONBody[AmendRequest]
) -> AmendedAnswer:
    """Amend events: each is voided and another takes its place, linked with it.

    A field that is left out stays as it was; `properties` replace all of them. Amendments in order
    are one correction together, every other one is refused by itself: see `results`. So is what a
    strict event type would keep out of the log (`breaks_schema`).
    """
    amended = amend_events(
        wiring, organization_id, data.amendments, reason=data.reason, by=made_by(caller)
    )
    correction = None
    if amended.correction is not None:
        correction = correction_answer(
            find_correction(wiring, organization_id, amended.correction.id)
        )
    return AmendedAnswer(correction, [_amendment(each) for each in amended.answers])


@get("/v1/corrections", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_corrections(
    wiring: Wired, organization_id: OrganizationId, *, limit: Limit = 100, after: After = ""
) -> Page[CorrectionAnswer]:
    """List corrections, the last one first."""
    found, cursor = list_corrections(wiring, organization_id, after=after, limit=limit)
    return Page([correction_answer(each) for each in found], cursor)


@get("/v1/corrections/{correction_id:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_correction(
    wiring: Wired, organization_id: OrganizationId, correction_id: CorrectionId
) -> CorrectionAnswer:
    """Read one correction."""
    return correction_answer(find_correction(wiring, organization_id, correction_id))


@get(
    "/v1/corrections/{correction_id:str}/events",
    guards=[requires(Scope.READ)],
    sync_to_thread=True,
)
def read_corrected_events(
    wiring: Wired,
    organization_id: OrganizationId,
    correction_id: CorrectionId,
    *,
    limit: Limit = 100,
    after: After = "",
) -> Page[StoredEvent]:
    """Page through the events that a correction voided and added, by position.

    Those of a revert are those of the correction that it takes back.
    """
    found, cursor = list_corrected_events(
        wiring, organization_id, correction_id, after=after, limit=limit
    )
    return Page(found, cursor)


@post(
    "/v1/corrections/{correction_id:str}/revert",
    guards=[requires(Scope.WRITE)],
    sync_to_thread=True,
)
def post_revert(
    wiring: Wired,
    organization_id: OrganizationId,
    caller: Asking,
    correction_id: CorrectionId,
    data: JSONBody[RevertRequest],
) -> CorrectionAnswer:
    """Take a correction back: what it voided counts again, what it added does not.

    A revert is a correction itself, and can be reverted. Refused, 409, while an event that this
    would take out of the count is out of it by a later correction.
    """
    reverted = revert_correction(
        wiring, organization_id, correction_id, reason=data.reason, by=made_by(caller)
    )
    return correction_answer(find_correction(wiring, organization_id, reverted.id))


def made_by(caller: Caller) -> str:
    """Who corrects: an API key, or the operator."""
    return caller.key_id or "operator"


def preview_answer(preview: CorrectionPreview) -> CorrectionPreviewAnswer:
    """A preview as it is answered."""
    voided = preview.voided
    return CorrectionPreviewAnswer(
        token=preview.token,
        as_of=voided.as_of,
        voided=voided.count,
        added=preview.added,
        types=voided.types,
        first_at=voided.first_at,
        last_at=voided.last_at,
        customer_count=voided.customer_count,
        customers=voided.customers,
        months=voided.months,
        quantities=[
            QuantityChangeAnswer(
                meter=each.meter,
                unit=each.unit,
                customer=each.customer,
                starts=each.span.starts,
                ends=each.span.ends,
                before=plain(each.before),
                after=plain(each.after),
            )
            for each in preview.quantities
        ],
    )


def correction_answer(shown: Shown) -> CorrectionAnswer:
    """A correction as it is answered."""
    correction, wanted = shown.correction, shown.correction.wanted
    return CorrectionAnswer(
        id=correction.id,
        kind=correction.kind,
        position=correction.position,
        made_at=correction.made_at,
        made_by=correction.made_by,
        reason=correction.reason,
        voided=correction.voided,
        added=correction.added,
        types=correction.types,
        events=None if wanted is None else WantedEvents(**msgspec.structs.asdict(wanted)),
        reverts=correction.reverts or None,
        reverted_by=shown.reverted_by or None,
        is_in_force=shown.is_in_force,
    )


def _amendment(answer: AmendAnswer) -> AmendmentAnswer:
    return AmendmentAnswer(**dataclasses.asdict(answer))


router = Router(
    path="/",
    route_handlers=[
        post_void_preview,
        post_void,
        post_amendments_preview,
        post_amendments,
        read_corrections,
        read_correction,
        read_corrected_events,
        post_revert,
    ],
    tags=["Corrections"],
)
