"""A body of events, read: those found in order, and for each other one what is wrong with it.

Nearly every body is in order throughout, so a body is first read whole, by one call that checks as
it decodes. Only where something is wrong is it taken apart, event by event, to find and name it
(`explaining`). Both ways accept the same events. Rules: docs/semantics/events.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tallybook.domain.events.event import Answer, SentEvent, Verdict
from tallybook.domain.events.explaining import (
    checked_properties,
    checked_size,
    has_control_characters,
    read_carefully,
)
from tallybook.domain.events.forms import Form
from tallybook.domain.events.limits import (
    EARLIEST,
    LATEST,
    MAX_BODY_BYTES,
    MAX_EVENTS,
    MAX_LENGTHS,
    MAX_PROPERTIES,
    MAX_PROPERTY_NAME,
    MAX_VALUE_LENGTH,
)
from tallybook.domain.kernel.errors import Invalid, Refusal, TooLarge
from tallybook.domain.kernel.instants import to_utc
from tallybook.domain.kernel.plurals import so_many

_Type = Annotated[str, Meta(min_length=1, max_length=MAX_LENGTHS["type"])]
_Name = Annotated[str, Meta(min_length=1, max_length=MAX_LENGTHS["id"])]
_Actor = Annotated[str, Meta(max_length=MAX_LENGTHS["actor"])]
_PropertyName = Annotated[str, Meta(min_length=1, max_length=MAX_PROPERTY_NAME)]
_Properties = Annotated[dict[_PropertyName, Any], Meta(max_length=MAX_PROPERTIES)]


class _OwnForm(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: _Type
    customer: _Name
    id: _Name
    time: str
    source: _Name = "api"
    actor: _Actor = ""
    properties: _Properties = {}


class _CloudEvent(msgspec.Struct, rename={"customer": "subject", "properties": "data"}, gc=False):
    specversion: Literal["1.0"]
    type: _Type
    customer: _Name
    id: _Name
    time: str
    source: _Name
    actor: _Actor = ""
    properties: _Properties = {}
    datacontenttype: Literal["application/json"] = "application/json"
    data_base64: UnsetType = UNSET


# A number with a point or an exponent is kept as a Raw of its digits; float() would lose some.
_own = msgspec.json.Decoder(_OwnForm, float_hook=msgspec.Raw)
_own_list = msgspec.json.Decoder(_OwnForm | list[_OwnForm], float_hook=msgspec.Raw)
_cloud_list = msgspec.json.Decoder(_CloudEvent | list[_CloudEvent], float_hook=msgspec.Raw)
_pieces = msgspec.json.Decoder(list[msgspec.Raw])
_piece = msgspec.json.Decoder(msgspec.Raw)

_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F]..)|.)", re.DOTALL
)
"""Every escape of a JSON text, in order; `half` where it is half a pair of surrogates."""

_PLAIN = {str, int, bool, msgspec.Raw}
_parse_time = datetime.fromisoformat


class Reading(msgspec.Struct, frozen=True):
    """What a body holds. `texts` are the canonical texts of `events`, `indexes` their places."""

    events: Sequence[SentEvent]
    texts: Sequence[bytes]
    indexes: Sequence[int]
    rejected: Sequence[Answer] = ()
    is_single: bool = False
    """One event that is not in a list: what is wrong with it is wrong with the request."""


class _NotInOrderError(Exception):
    """Something about the body needs a closer look."""


def read_events(body: bytes, form: Form) -> Reading:
    """Read `body`. One event that breaks a rule is rejected alone.

    Refused as a whole: a body too large, with too many events, or no JSON (in NDJSON a line that is
    no JSON is one event rejected).
    """
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(
            "body_too_large",
            f"The body has {len(body):,} bytes; {MAX_BODY_BYTES:,} are taken at once.",
            mend="Send the events in several requests.",
        )
    try:
        found = _decoded(body, form)
        sent: Sequence[Any] = found if isinstance(found, list) else (found,)
        _check_number(len(sent))
        events = _in_order(sent, body)
        texts = [event.canonical() for event in events]
        if texts and max(map(len, texts)) > MAX_VALUE_LENGTH:
            for event, text in zip(events, texts, strict=True):
                checked_size(event, text)
    except (
        _NotInOrderError,
        Refusal,
        msgspec.MsgspecError,
        ValueError,
        TypeError,
        RecursionError,
        OverflowError,
    ) as error:
        if isinstance(error, TooLarge):
            raise
        return _read_each(body, form)
    return Reading(events, texts, range(len(events)), is_single=not isinstance(found, list))


def _decoded(body: bytes, form: Form) -> Any:
    if form.is_cloudevents:
        if not body.isascii():
            body.decode()  # of attributes that mean nothing here the decoder does not look at names
        return _cloud_list.decode(body)
    return _own.decode_lines(body) if form is Form.NDJSON else _own_list.decode(body)


def _check_number(count: int) -> None:
    if count > MAX_EVENTS:
        raise TooLarge(
            "too_many_events",
            f"The body has {so_many(count, 'event|events')}; {MAX_EVENTS:,} are taken at once.",
            mend="Send the events in several requests.",
        )


def _in_order(sent: Sequence[Any], body: bytes) -> list[SentEvent]:
    """The events, if nothing about them needs a closer look. Runs once for each body, on all."""
    if not sent:
        return []
    occurred = [_parse_time(one.time) for one in sent]
    occurred = [at if at.tzinfo is UTC else to_utc(at) for at in occurred]
    if min(occurred) < EARLIEST or max(occurred) >= LATEST:
        raise _NotInOrderError
    if not set(map(type, chain.from_iterable([one.properties.values() for one in sent]))) <= _PLAIN:
        for one in sent:
            one.properties = checked_properties(one.properties)
    # Unescaped, JSON allows no control character but DEL; so most bodies cannot have one.
    if (b"\\" in body or b"\x7f" in body) and any(
        has_control_characters(name)
        for one in sent
        for name in (one.type, one.customer, one.source, one.id, one.actor)
    ):
        raise _NotInOrderError
    return [
        SentEvent(one.type, one.customer, one.source, one.id, one.actor, at, one.properties)
        for one, at in zip(sent, occurred, strict=True)
    ]


def _read_each(body: bytes, form: Form) -> Reading:
    is_single, pieces = _taken_apart(body, form)
    events: list[SentEvent] = []
    texts: list[bytes] = []
    indexes: list[int] = []
    rejected: list[Answer] = []
    for index, piece in enumerate(pieces):
        reading = read_carefully(piece, form)
        if isinstance(reading, SentEvent):
            events.append(reading)
            texts.append(reading.canonical())
            indexes.append(index)
        else:
            refusal, event_id = reading
            rejected.append(
                Answer(
                    index,
                    event_id,
                    Verdict.REJECTED,
                    refusal.field,
                    refusal.message,
                    refusal.mend,
                )
            )
    return Reading(events, texts, indexes, rejected, is_single)


def _taken_apart(body: bytes, form: Form) -> tuple[bool, list[bytes]]:
    """Whether the body is one event by itself; and the text of each event."""
    if form is Form.NDJSON:
        texts = _of_lines(body)
        _check_number(len(texts))
        return False, texts
    if not body.lstrip().startswith(b"["):
        _check_json(body)
        return True, [body]
    pieces = _listed(body)
    _check_number(len(pieces))
    return False, pieces


def _listed(body: bytes) -> list[bytes]:
    """The texts in a list, also where some have half a pair of surrogates, which is no text."""
    try:
        return list(map(bytes, _pieces.decode(body)))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        readable = _ESCAPES.sub(_whole_escape, body)
        if readable == body:
            raise _malformed(error) from None
    try:
        return _as_in(body, readable, list(map(bytes, _pieces.decode(readable))))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _malformed(error) from None


def _whole_escape(found: re.Match[bytes]) -> bytes:
    """An escape as it is, but for half a pair of surrogates: that is no character at all."""
    return b"\\u0000" if found["half"] else found[0]


def _as_in(body: bytes, readable: bytes, pieces: Sequence[bytes]) -> list[bytes]:
    """The `pieces` of `readable` as they are in `body`, which has as many bytes."""
    ends = 0
    found = []
    for piece in pieces:
        starts = readable.index(piece, ends)
        ends = starts + len(piece)
        found.append(body[starts:ends])
    return found


def _of_lines(body: bytes) -> list[bytes]:
    """The events of lines: one on each, as a rule; none on a blank one.

    Where all is JSON, an event may go over several lines, or share one, as in a body without fault.
    """
    try:
        return list(map(bytes, _piece.decode_lines(body)))
    except (msgspec.MsgspecError, RecursionError):
        lines = body.split(b"\n")
        return lines if len(lines) == 1 else [text for line in lines for text in _of_lines(line)]


def _check_json(body: bytes) -> None:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _malformed(error) from None


def _malformed(error: Exception) -> Invalid:
    return Invalid(
        "malformed_json",
        f"The body is not JSON: {error}.",
        mend="Send one JSON document in UTF-8; for an event a line, send application/x-ndjson.",
    )
