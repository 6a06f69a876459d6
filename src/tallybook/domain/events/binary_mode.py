"""CloudEvents in binary mode: the attributes are headers `ce-…`, the body is the data alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from tallybook.domain.events.forms import is_json
from tallybook.domain.kernel.errors import Invalid, UnsupportedForm

MARK = "ce-specversion"
"""The header that tells binary mode, unless the body itself is a CloudEvent."""

_PREFIX = "ce-"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BACKSLASH = re.compile(r"\\(.)")
_ATTRIBUTES = ("specversion", "type", "source", "id", "time", "subject", "actor")


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether a request is one event in binary mode."""
    return MARK in headers and not headers.get("content-type", "").lower().startswith(
        "application/cloudevents"
    )


def in_one_document(headers: Mapping[str, str], body: bytes) -> bytes:
    """The same event as `application/cloudevents+json`. Headers' names are in small letters.

    Values are percent-encoded UTF-8, or as older senders have it in double quotes. Extensions are
    passed over, as they are in a document. Refused are data that are not one JSON document.
    """
    content_type = headers.get("content-type", "")
    if body and not is_json(content_type):
        raise UnsupportedForm(
            "unsupported_content_type",
            f"The data of an event are not read from {content_type[:80]!r}.",
            field="Content-Type",
            mend="Send them in UTF-8 as application/json, or a type that ends in +json.",
        )
    event: dict[str, object] = {
        name: _decoded(_PREFIX + name, headers[_PREFIX + name])
        for name in _ATTRIBUTES
        if _PREFIX + name in headers
    }
    if body:
        event["data"] = _data(body)
    return msgspec.json.encode(event)


def _decoded(header: str, value: str) -> str:
    """What a header's value says: without the quotes around it, then percent-decoded once."""
    quoted = _QUOTED.fullmatch(value)
    if quoted:
        value = _BACKSLASH.sub(r"\1", quoted[1])
    try:
        value.encode("ascii")  # what is not encoded could be of any alphabet
        return unquote(value, errors="strict")
    except ValueError:
        raise Invalid(
            "malformed_header",
            f"{header} is not percent-encoded UTF-8.",
            field=header,
            mend="Encode it as CloudEvents' HTTP binding says, such as M%C3%BCller.",
        ) from None


def _data(body: bytes) -> msgspec.Raw:
    """The body, digit for digit, once it is known to be one JSON document and nothing beside it."""
    try:
        return msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Invalid(
            "malformed_json", f"The data are not JSON: {error}.", field="data",
            mend="Send one JSON object in UTF-8.",
        ) from None  # fmt: skip
