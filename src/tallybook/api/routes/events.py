"""Events: taken, and looked into."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import HttpMethod, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tallybook.api.bodies import read_body
from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.matching import matches_of
from tallybook.api.pages import After, Limit, Page
from tallybook.api.parameters import refuse_others
from tallybook.api.raw_headers import header_of
from tallybook.api.security import AnyRequest, organization_id_of, requires
from tallybook.api.waiting import until_done
from tallybook.domain.customers.organization import Scope
from tallybook.domain.events.binary_mode import MARK, in_one_document, is_binary
from tallybook.domain.events.event import Answer, EventQuery, StoredEvent, Verdict
from tallybook.domain.events.forms import Form
from tallybook.domain.events.limits import MAX_BODY_BYTES
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import parse_instant
from tallybook.services.ingest_events import begin_ingest
from tallybook.services.ports import Wiring
from tallybook.services.read_events import list_events

_LONG_BODY_BYTES = 1024 * 1024
"""A longer body is read in a thread: it would keep all other requests waiting."""


class IngestAnswer(msgspec.Struct, frozen=True):
    """What became of the events of a request.

    `counts` of each verdict. `position` is an as-of that includes every event accepted. `results`
    tell of the events that were not accepted; of all of them if asked with `verdicts=all`.
    """

    counts: dict[Verdict, int]
    position: int
    results: Sequence[Answer]


_encode = msgspec.json.Encoder().encode
_MARK = MARK.encode()

_EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "customer", "id", "time"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "description": "What happened."},
        "customer": {"type": "string", "description": "The key of who pays."},
        "id": {"type": "string", "description": "Tells it from every other of the source."},
        "time": {"type": "string", "format": "date-time", "description": "When it happened."},
        "source": {"type": "string", "default": "api", "description": "What sends it."},
        "actor": {"type": "string", "default": "", "description": "Who did it, for the customer."},
        "properties": {"type": "object", "default": {}, "description": "What is measured."},
    },
}
_ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["counts", "position", "results"],
    "properties": {
        "counts": {
            "type": "object",
            "description": "How many events got each verdict.",
            "properties": {verdict: {"type": "integer"} for verdict in Verdict},
        },
        "position": {
            "type": "integer",
            "description": "An as-of that includes every event accepted.",
        },
        "results": {
            "type": "array",
            "description": "What became of events: of those not accepted, or of all if asked.",
            "items": {
                "type": "object",
                "required": ["index", "id", "verdict"],
                "properties": {
                    "index": {"type": "integer", "description": "Its place among those sent."},
                    "id": {"type": "string"},
                    "verdict": {"enum": list(Verdict)},
                    "field": {"type": "string", "description": "What is wrong."},
                    "reason": {"type": "string", "description": "Why that is wrong."},
                    "mend": {"type": "string", "description": "What to send instead."},
                },
            },
        },
    },
}
_DESCRIBED: dict[str, Any] = {
    "parameters": [
        {
            "name": "verdicts",
            "in": "query",
            "description": "Which events `results` tell of.",
            "schema": {"enum": ["exceptions", "all"], "default": "exceptions"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            Form.JSON: {
                "schema": {"oneOf": [_EVENT_SCHEMA, {"type": "array", "items": _EVENT_SCHEMA}]},
                "example": {
                    "type": "completion",
                    "customer": "acme",
                    "id": "req_8f3",
                    "time": "2026-03-01T12:30:00Z",
                    "properties": {"model": "small", "tokens": 1250},
                },
            },
            Form.NDJSON: {"schema": {"type": "string", "description": "An event a line."}},
            Form.CLOUDEVENT: {"schema": {"type": "object"}},
            Form.CLOUDEVENTS: {"schema": {"type": "array", "items": {"type": "object"}}},
        },
    },
    "responses": {
        "200": {
            "description": "Every event is in the log.",
            "content": {"application/json": {"schema": _ANSWER_SCHEMA}},
        },
        "207": {
            "description": "Some events are not: `results` say why.",
            "content": {"application/json": {"schema": _ANSWER_SCHEMA}},
        },
        "default": {"$ref": "#/components/responses/Problem"},
    },
}


class UncopiedHandler(HTTPRouteHandler):
    """A handler that is handed to its guards as it is: they change nothing about it."""

    def __copy__(self) -> UncopiedHandler:
        return self


# Of a request with one event, most of the time goes into what surrounds it. So this handler takes
# nothing but the request: what the framework would look up and hand to it costs as much again.
@UncopiedHandler(
    "/v1/events",
    http_method=HttpMethod.POST,
    guards=[requires(Scope.INGEST)],
    request_max_body_size=None,
    opt={"openapi": _DESCRIBED},
)
async def post_events(request: AnyRequest) -> Response[bytes]:
    """Take events: one, a list, an event a line, or CloudEvents; gzip if you like.

    A CloudEvent may come in binary mode, too: its attributes in headers `ce-type`, `ce-source`,
    `ce-id`, `ce-time`, `ce-subject` and `ce-specversion`, its data as the body.

    An answer means that the events are on disk, each counted once, and in the next usage asked
    for. Status 200: all of them; 207: see `results` for those that are not. One event sent by
    itself that is not taken is a problem, 409 or 422. On 503 or no answer send them again: what
    did get in is a duplicate then.
    """
    tells_all = _tells_all(request)
    wiring: Wiring = request.app.state.wiring
    organization_id = organization_id_of(request)
    body = await read_body(request, MAX_BODY_BYTES)
    content_type = header_of(request, b"content-type")
    if header_of(request, _MARK) and is_binary(request.headers):
        body, content_type = in_one_document(request.headers, body), Form.CLOUDEVENT
    if len(body) < _LONG_BODY_BYTES:
        ingestion = begin_ingest(wiring, organization_id, body, content_type)
    else:
        ingestion = await asyncio.to_thread(
            begin_ingest, wiring, organization_id, body, content_type
        )
    await until_done(ingestion.pending)
    receipt = ingestion.receipt()
    ingestion.check_single(receipt)
    answer = IngestAnswer(
        receipt.counts,
        receipt.position,
        ingestion.every_answer(receipt) if tells_all else receipt.exceptions,
    )
    return Response(
        _encode(answer),
        status_code=200 if receipt.is_complete else 207,
        media_type="application/json",
    )


def _tells_all(request: AnyRequest) -> bool:
    if not request.scope["query_string"]:
        return False
    refuse_others(request, ("verdicts",))
    verdicts = request.query_params.get("verdicts", "exceptions")
    if verdicts not in {"exceptions", "all"}:
        raise Invalid(
            "wrong_value",
            f"{verdicts[:40]!r} says not which verdicts to answer.",
            field="verdicts",
            mend="Send exceptions or all.",
        )
    return verdicts == "all"


@get("/v1/events", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_events(
    wiring: Wired,
    organization_id: OrganizationId,
    *,
    type_: Annotated[
        str | None, QueryParameter(name="type", description="Only of this type.")
    ] = None,
    customer: Annotated[str | None, QueryParameter(description="Only of this customer.")] = None,
    source: Annotated[str | None, QueryParameter(description="Only from this source.")] = None,
    id_: Annotated[str | None, QueryParameter(name="id", description="Only with this id.")] = None,
    actor: Annotated[str | None, QueryParameter(description="Only by this actor.")] = None,
    starts: Annotated[
        str, QueryParameter(name="from", description="Only what happened then or later, RFC 3339.")
    ] = "",
    ends: Annotated[
        str, QueryParameter(name="to", description="Only what happened before then.")
    ] = "",
    match: Annotated[
        list[str] | None,
        QueryParameter(description="Only with this value of a property, as `property:value`."),
    ] = None,
    limit: Limit = 100,
    after: After = "",
) -> Page[StoredEvent]:
    """Look events up, the last to arrive first."""
    wanted = EventQuery(
        type=type_,
        customer=customer,
        source=source,
        id=id_,
        actor=actor,
        starts=parse_instant(starts, field="from") if starts else None,
        ends=parse_instant(ends, field="to") if ends else None,
        properties=matches_of(match, named="property"),
    )
    found, cursor = list_events(wiring, organization_id, wanted, after=after, limit=limit)
    return Page(found, cursor)


router = Router(path="/", route_handlers=[post_events, read_events], tags=["Events"])
