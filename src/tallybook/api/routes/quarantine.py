"""Quarantine: events that wait, mended, replayed, discarded."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Router, get, post
from litestar.params import JSONBody, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.events.event import SentEvent
from tallybook.domain.events.mending import Step
from tallybook.domain.events.quarantined import Act, Held, HeldCount, HeldQuery, State
from tallybook.domain.events.rules import Cause
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import parse_instant, to_utc
from tallybook.services.mend_quarantine import (
    MAX_AT_ONCE,
    Chosen,
    Mended,
    Outcome,
    count_held,
    discard_held,
    list_held,
    mend_held,
    replay_held,
)


class HeldEventAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it was sent, or as it is mended; numbers digit for digit."""

    type: str
    customer: str
    id: str
    source: str
    actor: str
    time: datetime
    properties: dict[str, Any]


class HeldAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An event in quarantine, and why; `act` is what was done with it last."""

    number: int
    state: State
    cause: Cause
    field: str
    reason: str
    mend: str
    held_at: datetime
    settled_at: datetime | None
    position: int | None
    event: HeldEventAnswer
    sent: HeldEventAnswer | None
    """As it was sent, where it was mended since."""
    act: Act | None


class MendedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a dry run: before and after, and what still speaks against it."""

    number: int
    before: HeldEventAnswer
    after: HeldEventAnswer
    passes: bool
    field: str
    reason: str


class OutcomeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: `counts` of events by what became of them.

    `next` is the number to go on after; null when all were looked at.
    """

    act: Act | None
    counts: dict[str, int]
    next: int | None
    shown: list[MendedAnswer]


class WhichHeld(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the events that wait: those equal in each field given, held in `[from, to)`."""

    type: str | None = None
    customer: str | None = None
    source: str | None = None
    id: str | None = None
    cause: Cause | None = None
    field: str | None = None
    starts: datetime | None = msgspec.field(name="from", default=None)
    ends: datetime | None = msgspec.field(name="to", default=None)

    def query(self) -> HeldQuery:
        """The same, of those that wait."""
        return HeldQuery(
            type=self.type,
            customer=self.customer,
            source=self.source,
            id=self.id,
            cause=self.cause,
            field=self.field,
            starts=to_utc(self.starts, field="which/from") if self.starts else None,
            ends=to_utc(self.ends, field="which/to") if self.ends else None,
        )


class _ActRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    which: WhichHeld = WhichHeld()
    by: str = ""
    why: str = ""
    after: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_AT_ONCE)] = MAX_AT_ONCE

    @property
    def chosen(self) -> Chosen:
        """What the act is for."""
        return Chosen(self.which.query(), self.after, self.limit)


class MendRequest(_ActRequest, frozen=True, kw_only=True):
    """A mapping: `steps`, one after another. `by` says who does it; a dry run needs nobody."""

    steps: list[Step]
    dry_run: bool = False


class ReplayRequest(_ActRequest, frozen=True, kw_only=True):
    """Who replays; `force` passes over all rules, and takes a `why`."""

    force: bool = False


class DiscardRequest(_ActRequest, frozen=True, kw_only=True):
    """Who discards, and why."""


_StateName = Annotated[
    Literal["waiting", "replayed", "discarded", "all"],
    QueryParameter(name="state", description="Only in this state."),
]
_Type = Annotated[str | None, QueryParameter(name="type", description="Only of this type.")]
_Customer = Annotated[str | None, QueryParameter(description="Only of this customer.")]
_Source = Annotated[str | None, QueryParameter(description="Only from this source.")]
_Id = Annotated[str | None, QueryParameter(name="id", description="Only with this id.")]
_Cause = Annotated[
    Cause | None, QueryParameter(name="reason", description="Only held for this cause.")
]
_Field = Annotated[
    str | None, QueryParameter(description="Only held for this field, such as properties/tokens.")
]
_From = Annotated[str, QueryParameter(name="from", description="Only held then or later.")]
_To = Annotated[str, QueryParameter(name="to", description="Only held before then.")]


@get("/v1/quarantine", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_quarantine(
    wiring: Wired,
    organization_id: OrganizationId,
    *,
    state_: _StateName = "waiting",
    type_: _Type = None,
    customer: _Customer = None,
    source: _Source = None,
    id_: _Id = None,
    cause: _Cause = None,
    field: _Field = None,
    starts: _From = "",
    ends: _To = "",
    limit: Limit = 100,
    after: After = "",
) -> Page[HeldAnswer]:
    """Look through events in quarantine, the last held first."""
    wanted = HeldQuery(
        state=None if state_ == "all" else State(state_),
        type=type_,
        customer=customer,
        source=source,
        id=id_,
        cause=cause,
        field=field,
        starts=parse_instant(starts, field="from") if starts else None,
        ends=parse_instant(ends, field="to") if ends else None,
    )
    held, acts = list_held(wiring, organization_id, wanted, before=_number(after), limit=limit + 1)
    results = [_answer(each, acts.get(each.act_id)) for each in held]
    return page_of(results, limit, lambda each: str(each.number))


@get("/v1/quarantine/counts", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_quarantine_counts(wiring: Wired, organization_id: OrganizationId) -> Page[HeldCount]:
    """How many events were ever held, by type, cause and state: they add up, nothing vanishes."""
    return Page(count_held(wiring, organization_id, HeldQuery(state=None)))


@post("/v1/quarantine/mend", guards=[requires(Scope.WRITE)], sync_to_thread=True, status_code=200)
def post_mend(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[MendRequest]
) -> OutcomeAnswer:
    """Mend events that wait by a mapping; with `dry_run` show before and after and change nothing.

    Counts: `passes`, `still_held`, `not_mendable` (a step refused it, and it stays as it is). What
    passes waits to be replayed.
    """
    return _outcome(
        mend_held(
            wiring,
            organization_id,
            data.chosen,
            data.steps,
            by=data.by,
            why=data.why,
            is_dry=data.dry_run,
        )
    )


@post("/v1/quarantine/replay", guards=[requires(Scope.WRITE)], sync_to_thread=True, status_code=200)
def post_replay(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[ReplayRequest]
) -> OutcomeAnswer:
    """Put events that pass by now into the log, each once however often this is asked.

    Counts: `accepted`; `duplicate`, which was in the log already; `still_held`; `conflict`.
    """
    return _outcome(
        replay_held(
            wiring,
            organization_id,
            data.chosen,
            by=data.by,
            why=data.why,
            is_forced=data.force,
        )
    )


@post(
    "/v1/quarantine/discard", guards=[requires(Scope.WRITE)], sync_to_thread=True, status_code=200
)
def post_discard(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[DiscardRequest]
) -> OutcomeAnswer:
    """Decide that events that wait never count. They stay on record, with who and why.

    Counts: `discarded`; `duplicate`, which counts already and is settled as replayed.
    """
    return _outcome(discard_held(wiring, organization_id, data.chosen, by=data.by, why=data.why))


def _number(cursor: str) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise Invalid(
            "bad_cursor",
            "This is no cursor.",
            field="after",
            mend="Send `next` of the page before, as it was answered.",
        )
    return int(cursor)


def _outcome(outcome: Outcome) -> OutcomeAnswer:
    return OutcomeAnswer(
        act=outcome.act,
        counts={what: count for what, count in outcome.counts.items() if count},
        next=outcome.next,
        shown=[_mended(each) for each in outcome.shown],
    )


def _mended(mended: Mended) -> MendedAnswer:
    reason = mended.reason
    return MendedAnswer(
        number=mended.held.number,
        before=_event(mended.held.event),
        after=_event(mended.after),
        passes=reason is None,
        field=reason.field if reason else "",
        reason=reason.reason if reason else "",
    )


def _answer(held: Held, act: Act | None) -> HeldAnswer:
    reason = held.reason
    return HeldAnswer(
        number=held.number,
        state=held.state,
        cause=reason.cause,
        field=reason.field,
        reason=reason.reason,
        mend=reason.mend,
        held_at=held.held_at,
        settled_at=held.settled_at,
        position=held.position,
        event=_event(held.event),
        sent=_event(held.sent) if held.sent != held.event else None,
        act=act,
    )


def _event(event: SentEvent) -> HeldEventAnswer:
    return HeldEventAnswer(
        type=event.type,
        customer=event.customer,
        id=event.id,
        source=event.source,
        actor=event.actor,
        time=event.occurred_at,
        properties=event.properties,
    )


router = Router(
    path="/",
    route_handlers=[
        read_quarantine,
        read_quarantine_counts,
        post_mend,
        post_replay,
        post_discard,
    ],
    tags=["Quarantine"],
)
