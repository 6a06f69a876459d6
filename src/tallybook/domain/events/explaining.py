"""One event, read slowly: which field breaks which rule, and what to send instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from tallybook.domain.events.event import SentEvent, kept_text
from tallybook.domain.events.forms import Form, is_json
from tallybook.domain.events.limits import (
    EARLIEST,
    LATEST,
    MAX_DEPTH,
    MAX_EVENT_BYTES,
    MAX_LENGTHS,
    MAX_PROPERTIES,
    MAX_PROPERTY_NAME,
    MAX_VALUE_LENGTH,
)
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.kernel.instants import parse_instant

_OWN = {name: name for name in ("type", "customer", "id", "time", "source", "actor", "properties")}
_CLOUD = _OWN | {"customer": "subject", "properties": "data"}

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder(Any, float_hook=msgspec.Raw)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_BROKEN = (msgspec.MsgspecError, ValueError, RecursionError)


def has_control_characters(text: str) -> bool:
    """Whether `text` has a character that is none to read: a line break, a tab, a NUL…"""
    return _CONTROL.search(text) is not None


def read_carefully(piece: bytes, form: Form) -> SentEvent | tuple[Refusal, str]:
    """The event that `piece` is, or the first rule it breaks and its id as far as it has one."""
    members: Mapping[str, msgspec.Raw] = {}
    try:
        members = _members_of(piece)
        event = _cloudevent(members) if form.is_cloudevents else _own_event(members)
        checked_size(event, event.canonical())
    except Refusal as refusal:
        return refusal, _id_of(members)
    return event


def checked_properties(properties: Mapping[str, Any], at: str = "properties") -> dict[str, Any]:
    """The properties without those that are null; `Invalid` if one is nested too deep."""
    for name, value in properties.items():
        if isinstance(value, dict | list) and _is_deeper(value, MAX_DEPTH):
            raise Invalid(
                "too_deep",
                f"The property {name[:40]!r} has more than {MAX_DEPTH} levels.",
                field=f"{at}/{name}",
                mend="Flatten it.",
            )
    return {name: value for name, value in properties.items() if value is not None}


def checked_size(event: SentEvent, text: bytes, at: str = "properties") -> None:
    """Pass if neither the event, `text` in its canonical form, nor one of its values is too big."""
    if len(text) <= MAX_VALUE_LENGTH:  # then no value in it can be longer
        return
    for name, value in event.properties.items():
        _check_length(len(kept_text(value)), f"{at}/{name}")
    if len(text) > MAX_EVENT_BYTES:
        raise Invalid(
            "event_too_large",
            f"The event has {len(text):,} bytes; one may have {MAX_EVENT_BYTES:,}.",
            mend="Send only what is measured or told apart by.",
        )


def _members_of(piece: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _members.decode(piece)
    except msgspec.ValidationError:
        raise Invalid(
            "not_an_object", "An event is a JSON object.", mend='Send {"type": …, "id": …, …}.'
        ) from None
    except _BROKEN as error:
        raise Invalid(
            "malformed_json",
            f"The event is not JSON: {error}.",
            mend="Send it as one JSON object in UTF-8.",
        ) from None


def _id_of(members: Mapping[str, msgspec.Raw]) -> str:
    try:
        found = msgspec.json.decode(members["id"], type=str)
    except (KeyError, *_BROKEN):
        return ""
    return found[: MAX_LENGTHS["id"]]


def _own_event(members: Mapping[str, msgspec.Raw]) -> SentEvent:
    unknown = next((name for name in members if name not in _OWN), None)
    if unknown is not None:
        is_cloudevent = "specversion" in members
        raise Invalid(
            "unknown_field",
            f"{unknown[:40]!r} is no field of an event.",
            field=unknown[:80],
            mend=f"Send CloudEvents as {Form.CLOUDEVENT} or {Form.CLOUDEVENTS}."
            if is_cloudevent
            else f"An event has {', '.join(_OWN)}; put what else you know into properties.",
        )
    return _event(members, _OWN, source="api")


def _cloudevent(members: Mapping[str, msgspec.Raw]) -> SentEvent:
    if _text(members, "specversion") != "1.0":
        raise Invalid(
            "unknown_specversion",
            "CloudEvents are read in version 1.0.",
            field="specversion",
            mend='Send "specversion": "1.0".',
        )
    is_read = is_json(_text(members, "datacontenttype", default=""))
    if "data_base64" in members or not is_read:
        raise Invalid(
            "data_not_json",
            "The properties of a CloudEvent are read from data in JSON.",
            field="data_base64" if "data_base64" in members else "datacontenttype",
            mend="Send data as a JSON object.",
        )
    return _event(members, _CLOUD, source=None)


def _event(
    members: Mapping[str, msgspec.Raw], names: Mapping[str, str], *, source: str | None
) -> SentEvent:
    return SentEvent(
        type=_name(members, names["type"], MAX_LENGTHS["type"]),
        customer=_name(members, names["customer"], MAX_LENGTHS["customer"]),
        id=_name(members, names["id"], MAX_LENGTHS["id"]),
        occurred_at=_time(members, names["time"]),
        source=_name(members, names["source"], MAX_LENGTHS["source"], default=source),
        actor=_name(members, names["actor"], MAX_LENGTHS["actor"], default=""),
        properties=_properties(members, names["properties"]),
    )


def _text(members: Mapping[str, msgspec.Raw], field: str, default: str | None = None) -> str:
    if field not in members:
        if default is not None:
            return default
        raise Invalid(
            "missing_field", f"The event has no {field!r}.", field=field, mend="Send it, as text."
        )
    try:
        return msgspec.json.decode(members[field], type=str)
    except msgspec.ValidationError:
        raise Invalid(
            "not_text",
            f"The value of {field!r} is not text.",
            field=field,
            mend="Send it as a JSON string.",
        ) from None
    except ValueError:
        raise Invalid(
            "not_utf8", f"The value of {field!r} is not UTF-8.", field=field, mend="Send UTF-8."
        ) from None


def _name(
    members: Mapping[str, msgspec.Raw], field: str, longest: int, default: str | None = None
) -> str:
    text = _text(members, field, default)
    if not text and default != "":
        raise Invalid("empty_field", f"{field!r} is empty.", field=field, mend="Send its text.")
    if len(text) > longest:
        raise Invalid(
            "too_long",
            f"{field!r} has {len(text):,} characters; it may have {longest}.",
            field=field,
            mend=f"Send at most {longest} characters.",
        )
    if has_control_characters(text):
        raise Invalid(
            "control_character",
            f"{field!r} has a control character.",
            field=field,
            mend="Send readable characters only: no line break, tab or NUL.",
        )
    return text


def _time(members: Mapping[str, msgspec.Raw], field: str) -> datetime:
    text = _text(members, field)
    at = parse_instant(text, field=field)
    if not EARLIEST <= at < LATEST:
        raise Invalid(
            "absurd_time",
            f"{text[:40]!r} is not between the years {EARLIEST:%Y} and {LATEST:%Y}.",
            field=field,
            mend="Check the clock and the unit that the time was made from.",
        )
    return at


def _properties(members: Mapping[str, msgspec.Raw], field: str) -> dict[str, Any]:
    raw = members.get(field)
    if raw is None or (field == "data" and bytes(raw) == b"null"):
        return {}
    try:
        found = _members.decode(raw)
    except msgspec.ValidationError:
        raise Invalid(
            "not_an_object",
            f"{field!r} is not a JSON object.",
            field=field,
            mend='Send the values by name, such as {"tokens": 12}.',
        ) from None
    except ValueError:
        raise Invalid(
            "not_utf8", f"{field!r} is not UTF-8.", field=field, mend="Send UTF-8."
        ) from None
    if len(found) > MAX_PROPERTIES:
        raise Invalid(
            "too_many_properties",
            f"The event has {len(found):,} properties; one may have {MAX_PROPERTIES}.",
            field=field,
            mend="Send only what is measured or told apart by.",
        )
    read = {name: _property(field, name, value) for name, value in found.items()}
    return checked_properties(read, field)


def _property(field: str, name: str, raw: msgspec.Raw) -> Any:
    at = f"{field}/{name[:MAX_PROPERTY_NAME]}"
    if not 1 <= len(name) <= MAX_PROPERTY_NAME:
        raise Invalid(
            "property_name",
            f"A property's name has {len(name):,} characters.",
            field=at,
            mend=f"Send 1 to {MAX_PROPERTY_NAME} characters.",
        )
    text = bytes(raw)
    if text[:1] in b"-0123456789":
        _check_length(len(text), at)
        if len(text) > 1000:  # longer than Python reads a whole number
            return raw
    try:
        value = _value.decode(text)
        _check_length(len(kept_text(value)), at)
    except _BROKEN as error:
        raise Invalid(
            "unreadable_value",
            f"The property {name[:40]!r} cannot be read: {error}.",
            field=at,
            mend="Send text in UTF-8, numbers of sensible length, and no deep nesting.",
        ) from None
    return value


def _check_length(length: int, field: str) -> None:
    if length > MAX_VALUE_LENGTH:
        raise Invalid(
            "value_too_long",
            f"The value has {length:,} characters; one may have {MAX_VALUE_LENGTH:,}.",
            field=field,
            mend="Send only what is measured or told apart by.",
        )


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether `value` is nested more than `levels` deep, counting without recursion."""
    layer = [value]
    while layer and levels:
        levels -= 1
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(layer)
