"""CloudEvents in binary mode: the attributes are headers `ce-…`, the body is the data alone."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from tallybook.domain.events.forms import Form, form_of
from tallybook.domain.kernel.errors import Invalid, UnsupportedForm

MARK = "ce-specversion"
"""The header that tells binary mode, unless the body itself is a CloudEvent."""

_PREFIX = "ce-"
_ATTRIBUTES = ("specversion", "type", "source", "id", "time", "subject", "actor")


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether a request is one event in binary mode."""
    return MARK in headers and not headers.get("content-type", "").lower().startswith(
        "application/cloudevents"
    )


def in_one_document(headers: Mapping[str, str], body: bytes) -> bytes:
    """The same event as `application/cloudevents+json`. Headers' names are in small letters.

    Values are percent-encoded UTF-8. Extensions are passed over, as they are in a document. Refused
    are data that are not one JSON document.
    """
    content_type = headers.get("content-type", "")
    if body and form_of(content_type) is not Form.JSON:
        raise UnsupportedForm(
            "unsupported_content_type",
            f"The data of an event are not read from {content_type[:80]!r}.",
            field="Content-Type",
            mend="Send them as application/json.",
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
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise Invalid(
            "malformed_header",
            f"{header} is not percent-encoded UTF-8.",
            field=header,
            mend="Encode it as CloudEvents' HTTP binding says.",
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
