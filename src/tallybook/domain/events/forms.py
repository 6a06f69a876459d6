"""The forms a request can bring events in, told by its `Content-Type`."""

from __future__ import annotations

from enum import StrEnum

from tallybook.domain.kernel.errors import UnsupportedForm


class Form(StrEnum):
    """How events are written in a body."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    CLOUDEVENT = "application/cloudevents+json"
    CLOUDEVENTS = "application/cloudevents-batch+json"

    @property
    def is_cloudevents(self) -> bool:
        """Whether the members are those of CloudEvents 1.0, not our own."""
        return self in {Form.CLOUDEVENT, Form.CLOUDEVENTS}


_NAMES = {form.value: form for form in Form} | {
    "": Form.JSON,
    "text/json": Form.JSON,
    "application/ndjson": Form.NDJSON,
    "application/jsonl": Form.NDJSON,
    "application/x-jsonlines": Form.NDJSON,
    "application/json-lines": Form.NDJSON,
}


def form_of(content_type: str) -> Form:
    """The form that a `Content-Type` names; none at all means JSON.

    Other types, and encodings of text other than UTF-8, are refused: guessing the form of a body
    is how half of it gets counted.
    """
    form = _NAMES.get(_name_of(content_type))
    if form is None or not _is_utf8(content_type):
        raise UnsupportedForm(
            "unsupported_content_type",
            f"Events are not read from {content_type[:80]!r}.",
            field="Content-Type",
            mend=f"Send UTF-8 as one of {', '.join(Form)}.",
        )
    return form


def is_json(content_type: str) -> bool:
    """Whether it names JSON in UTF-8: `application/json`, a type that ends in `+json`, or none."""
    name = _name_of(content_type)
    return (_NAMES.get(name) is Form.JSON or name.endswith("+json")) and _is_utf8(content_type)


def _name_of(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _is_utf8(content_type: str) -> bool:
    if ";" not in content_type:
        return True
    parameters = (part.strip().lower() for part in content_type.split(";")[1:])
    charsets = (text.partition("=")[2].strip('"') for text in parameters if "charset" in text)
    return all(charset in {"utf-8", "utf8", "us-ascii"} for charset in charsets)
