"""Backfills: opened, staged, shown, committed as one correction or dropped."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import JSONBody, PathParameter

from tallybook.api.bodies import read_body
from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import Page
from tallybook.api.routes.corrections import (
    CorrectionAnswer,
    CorrectionPreviewAnswer,
    correction_answer,
    made_by,
    preview_answer,
)
from tallybook.api.security import AnyRequest, Asking, requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.events.correction import Backfill
from tallybook.domain.events.event import Answer, Verdict
from tallybook.domain.events.forms import Form
from tallybook.domain.events.limits import MAX_BODY_BYTES
from tallybook.services.backfill_events import (
    commit_backfill,
    drop_backfill,
    open_backfill,
    preview_backfill,
    stage_events,
)
from tallybook.services.find_corrections import find_correction
from tallybook.services.ports import Wiring

BackfillId = Annotated[str, PathParameter(description="The backfill's id, `cor_…`.")]


class NewBackfill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events are to be replaced: of a type, in `[from, to)`, of one customer or of all."""

    type: str
    starts: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="to")
    customer: str | None = None


class CommitRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token of the preview, and why the events are replaced."""

    token: str
    reason: str


class StagedAnswer(msgspec.Struct, frozen=True):
    """How many events got each verdict, how many are staged now, and those not taken."""

    counts: dict[Verdict, int]
    staged: int
    results: list[Answer]


_STAGING: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            Form.JSON: {"schema": {"type": ["object", "array"]}},
            Form.NDJSON: {"schema": {"type": "string", "description": "An event a line."}},
        },
    },
    "responses": {
        "200": {"description": "Every event is staged."},
        "207": {"description": "Some events are not: `results` say why."},
        "default": {"$ref": "#/components/responses/Problem"},
    },
}


@post("/v1/backfills", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_backfill(
    wiring: Wired, organization_id: OrganizationId, caller: Asking, data: JSONBody[NewBackfill]
) -> Backfill:
    """Open a backfill. Nothing changes until it is committed."""
    return open_backfill(
        wiring,
        organization_id,
        type_=data.type,
        starts=data.starts,
        ends=data.ends,
        customer=data.customer,
        by=made_by(caller),
    )


@get("/v1/backfills", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_backfills(wiring: Wired, organization_id: OrganizationId) -> Page[Backfill]:
    """List the backfills that are open. Those committed are corrections of the same id."""
    return Page(wiring.corrections.backfills(organization_id))


@post(
    "/v1/backfills/{backfill_id:str}/events",
    guards=[requires(Scope.WRITE)],
    request_max_body_size=None,
    opt={"openapi": _STAGING},
)
async def post_staged_events(
    request: AnyRequest, organization_id: OrganizationId, backfill_id: BackfillId
) -> Response[bytes]:
    """Stage the events that are to take the place of others, in as many requests as it takes.

    They are written as for `POST /v1/events`, and have to be of the backfill's type, customer and
    time. What was staged before is a duplicate, so a request without an answer is sent again.
    """
    wiring: Wiring = request.app.state.wiring
    body = await read_body(request, MAX_BODY_BYTES)
    content_type = request.headers.get("content-type", "")
    receipt = await asyncio.to_thread(
        stage_events, wiring, organization_id, backfill_id, body, content_type
    )
    answer = StagedAnswer(receipt.counts, receipt.position, receipt.exceptions)
    return Response(
        msgspec.json.encode(answer),
        status_code=200 if receipt.is_complete else 207,
        media_type="application/json",
    )


@post(
    "/v1/backfills/{backfill_id:str}/preview",
    guards=[requires(Scope.READ)],
    sync_to_thread=True,
    status_code=200,
)
def post_backfill_preview(
    wiring: Wired, organization_id: OrganizationId, backfill_id: BackfillId
) -> CorrectionPreviewAnswer:
    """Show what the backfill would change, before and after, and get the token to commit that."""
    return preview_answer(preview_backfill(wiring, organization_id, backfill_id))


@post("/v1/backfills/{backfill_id:str}/commit", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_backfill_commit(
    wiring: Wired,
    organization_id: OrganizationId,
    caller: Asking,
    backfill_id: BackfillId,
    data: JSONBody[CommitRequest],
) -> CorrectionAnswer:
    """Replace the events that were shown by those staged, as one correction, or not at all.

    The same request again answers the same correction.
    """
    committed = commit_backfill(
        wiring,
        organization_id,
        backfill_id,
        token=data.token,
        reason=data.reason,
        by=made_by(caller),
    )
    return correction_answer(find_correction(wiring, organization_id, committed.id))


@delete("/v1/backfills/{backfill_id:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def delete_backfill(
    wiring: Wired, organization_id: OrganizationId, backfill_id: BackfillId
) -> None:
    """Drop an open backfill and what is staged for it."""
    drop_backfill(wiring, organization_id, backfill_id)


router = Router(
    path="/",
    route_handlers=[
        post_backfill,
        read_backfills,
        post_staged_events,
        post_backfill_preview,
        post_backfill_commit,
        delete_backfill,
    ],
    tags=["Corrections"],
)
