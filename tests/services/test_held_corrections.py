"""What a correction puts in is held to its event type: docs/semantics/corrections.md."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.events.event import SentEvent
from tallybook.domain.events.event_type import EventType, Strictness
from tallybook.domain.events.rules import Rules
from tallybook.services.check_properties import compiled

AT = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["tokens"],
    "properties": {
        "tokens": {"type": "integer", "minimum": 0},
        "cost": {"type": "number"},
        "code": {"type": "string", "maxLength": 5},
        "a/b": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "integer"}},
        "is_new": {"type": "boolean"},
    },
}


def rules(schema: dict[str, Any], strictness: Strictness = Strictness.QUARANTINE) -> Rules:
    event_type = EventType(key="call", schema=schema, strictness=strictness, created_at=AT)
    return Rules({"call": compiled(event_type)})


def event(properties: dict[str, Any], type_: str = "call") -> SentEvent:
    return SentEvent(type_, "acme", "api", "e1", "", AT, properties)


@pytest.mark.parametrize(
    ("properties", "field", "why"),
    [
        ({"tokens": "12"}, None, "a number is kept as its text"),
        ({"tokens": 12}, None, "as it is written now"),
        ({"tokens": "-1"}, "properties/tokens", "read as a number it is too small"),
        ({"tokens": "many"}, "properties/tokens", "no number at all"),
        ({"tokens": '"12"'}, "properties/tokens", "a text in quotation marks is a text"),
        ({"cost": "0.1"}, "properties", "tokens are required"),
        ({"tokens": "1", "code": "007"}, None, "JSON writes no such number: a text"),
        ({"tokens": "1", "code": "123"}, None, "a text that looks like a number"),
        ({"tokens": "1", "code": "123456"}, "properties/code", "too long as a text"),
        ({"tokens": "1", "a/b": "12"}, None, "a name with a slash in it"),
        ({"tokens": "1", "code": "1", "a/b": "true"}, None, "two that are texts after all"),
        ({"tokens": "1", "tags": "[1,2]"}, None, "a list is kept as its text"),
        ({"tokens": "1", "tags": '["x"]'}, "properties/tags", "neither as a list nor as a text"),
        ({"tokens": "1", "is_new": "true"}, None, ""),
        ({"tokens": "1", "is_new": "True"}, "properties/is_new", "JSON writes it small"),
        ({"tokens": "9" * 5000}, "properties/tokens", "more digits than Python reads"),
        ({"tokens": "1", "code": "null"}, None, "a text, not nothing"),
    ],
)
def test_a_replacement_is_judged_as_it_is_kept(
    properties: dict[str, Any], field: str | None, why: str
) -> None:
    found = rules(SCHEMA).violation_as_kept(event(properties))
    where = None if found is None else found.reason.field.removesuffix("/0")
    assert where == field, why


@pytest.mark.parametrize(
    ("strictness", "type_", "is_refused", "why"),
    [
        (Strictness.QUARANTINE, "call", True, ""),
        (Strictness.WARN, "call", False, "counted, and taken"),
        (Strictness.QUARANTINE, "other", None, "no such event type"),
    ],
)
def test_strictness_says_what_a_violation_means(
    strictness: Strictness, type_: str, is_refused: bool | None, why: str
) -> None:
    held = rules(SCHEMA, strictness)
    for found in (
        held.violation_of(event({}, type_)),
        held.violation_as_kept(event({}, type_)),
    ):
        assert (None if found is None else found.is_refused) is is_refused, why


VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(
        lambda number: msgspec.Raw(f"{number:f}".encode())
    ),
    st.text(max_size=8).filter(lambda text: "\0" not in text),
    st.lists(st.integers(-5, 5), max_size=3),
)
KINDS = ("boolean", "integer", "number", "string", "array")


@given(
    st.dictionaries(st.sampled_from(["a", "b", "a/b", "c"]), VALUES, max_size=4),
    st.dictionaries(st.sampled_from(["a", "b", "a/b", "c"]), st.sampled_from(KINDS), max_size=4),
)
def test_what_was_taken_is_never_refused_when_it_is_put_in_again(
    properties: dict[str, Any], kinds: dict[str, str]
) -> None:
    """The law that lets one field be amended alone: kept as texts, it keeps what it kept."""
    held = rules({"properties": {name: {"type": kind} for name, kind in kinds.items()}})
    sent = event(properties)
    if held.violation_of(sent) is None:
        kept: dict[str, Any] = dict(sent.kept().properties)
        assert held.violation_as_kept(event(kept)) is None
