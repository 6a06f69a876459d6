"""Schemas of properties: what they refuse, and that numbers are judged by their digits.

Rules: docs/semantics/events.md
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.events.event import SentEvent
from tallybook.domain.events.event_type import EventSettings, EventType, Strictness
from tallybook.domain.events.forms import Form
from tallybook.domain.events.inferring import inferred_example, inferred_schema
from tallybook.domain.events.quality import PropertySeen, TypeSeen
from tallybook.domain.events.quarantined import read_canonical
from tallybook.domain.events.reading import read_events
from tallybook.domain.events.rules import SchemaCheck
from tallybook.domain.kernel.errors import Invalid
from tallybook.services.check_properties import checked_event_type, compiled

AT = datetime(2026, 3, 1, tzinfo=UTC)


def check_of(schema: dict[str, Any]) -> SchemaCheck:
    event_type = EventType(
        key="call", schema=schema, strictness=Strictness.QUARANTINE, created_at=AT
    )
    return compiled(checked_event_type(event_type, EventSettings()))


def read(properties: str) -> SentEvent:
    """The event that has these properties, as JSON writes them."""
    body = (
        '{"type": "call", "customer": "c", "id": "1", "time": "2026-03-01T00:00:00Z",'
        f' "properties": {properties}}}'
    )
    reading = read_events(body.encode(), Form.JSON)
    assert not reading.rejected, reading.rejected
    return reading.events[0]


@pytest.mark.parametrize(
    ("rule", "value", "is_kept", "why"),
    [
        ({"type": "integer"}, "1", True, "a whole number"),
        ({"type": "integer"}, "1.0", True, "1.0 is a whole number, says JSON Schema"),
        ({"type": "integer"}, "1.5", False, "and this is none"),
        ({"type": "integer"}, "9007199254740993.5", False, "a float would call it whole"),
        ({"type": "integer"}, "1e2", True, "a hundred"),
        ({"type": "integer"}, '"1"', False, "its text is no number"),
        ({"multipleOf": 0.01}, "1.15", True, "a float would say 114.99999999999999 hundredths"),
        ({"multipleOf": 0.01}, "1.155", False, "a tenth of a cent"),
        ({"multipleOf": 0.01}, "4.35", True, "a float would say 434.99999999999994"),
        ({"maximum": 0.3}, "0.30000000000000001", False, "a float would say it is 0.3"),
        ({"maximum": 12345678901234567890}, "12345678901234567891", False, "by the last digit"),
        ({"minimum": 0}, "-1e-400", False, "a float would say 0"),
        ({"type": "number", "maximum": 5}, "1e999999999", False, "far beyond"),
        ({"type": "number"}, "1e99999999999999999999", False, "no number that anybody can read"),
        ({"const": 1}, "1.0", True, "one value, two spellings"),
        ({"enum": ["a", 2]}, "2.0", True, "the same in a list"),
        ({"type": "array", "items": {"multipleOf": 0.1}}, "[0.3, 1]", True, "inside a list, too"),
        ({"properties": {"n": {"maximum": 1}}}, '{"n": 1.01}', False, "and inside an object"),
        ({"type": "null"}, "null", True, "null is as if it were not there"),
        ({"type": "string", "format": "email"}, '"nobody"', False, "formats are checked"),
    ],
)
def test_numbers_are_judged_by_their_digits(
    rule: dict[str, Any], value: str, is_kept: bool, why: str
) -> None:
    check = check_of({"properties": {"x": rule}})
    event = read(f'{{"x": {value}}}')
    before = event.canonical()
    assert check.keeps(event.properties) is is_kept, why
    assert (check.breaks(event.properties) is None) is is_kept, "both say the same"
    assert event.canonical() == before, "what is judged stays as it is"


@pytest.mark.parametrize(
    ("schema", "properties", "field", "why"),
    [
        ({"required": ["a"]}, "{}", "properties", "what is missing is missing at the top"),
        ({"properties": {"a": {"type": "string"}}}, '{"a": 1.5}', "properties/a", "by its name"),
        (
            {"properties": {"a": {"items": {"type": "string"}}}},
            '{"a": ["x", 1]}',
            "properties/a/1",
            "by its place in a list",
        ),
        ({"additionalProperties": False}, '{"b": 1}', "properties", "one too many"),
    ],
)
def test_a_violation_names_its_place_and_the_rule(
    schema: dict[str, Any], properties: str, field: str, why: str
) -> None:
    reason = check_of(schema).breaks(read(properties).properties)
    assert reason is not None
    assert reason.field == field, why
    assert reason.reason
    assert "schema/" in reason.mend


def _tree(depth: int) -> dict[str, Any]:
    """Few lines, and twice as many steps with each of them."""
    defs: dict[str, Any] = {
        f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(depth)
    }
    return {"$defs": defs | {f"d{depth}": {"not": {}}}, "$ref": "#/$defs/d0"}


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "field", "why"),
    [
        (_tree(20), "", "a million steps for each event"),
        (_nested(100), "", "deeper than anybody reads"),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, "$defs/a/items/$ref", "for ever"),
        ({"$dynamicRef": "#a"}, "$dynamicRef", "where it leads shows only on the way"),
        ({"properties": {"a": {"$id": "x"}}}, "properties/a/$id", "another base"),
        ({"$ref": "#/$defs/none"}, "$ref", "nothing there"),
    ],
)
def test_a_schema_that_could_take_long_is_refused(
    schema: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(Invalid) as refused:
        check_of(schema)
    assert refused.value.field.endswith(field), why
    assert refused.value.code == "schema_too_complex"


def test_a_schema_may_refer_to_its_parts() -> None:
    check = check_of(_tree(5))
    assert not check.keeps({})
    named = {"$defs": {"a/b": {"type": "string"}}, "properties": {"$ref": {"$ref": "#/$defs/a~1b"}}}
    assert check_of(named).keeps({"$ref": "x"})
    assert not check_of(named).keeps({"$ref": 1})


VALUES = st.one_of(
    st.integers(-(10**25), 10**25).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.booleans().map(lambda truth: "true" if truth else "false"),
    st.text(max_size=5).map(json.dumps),
    st.lists(st.integers(), max_size=2).map(json.dumps),
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), min_size=1, max_size=4))
def test_a_schema_that_is_inferred_is_kept_by_what_it_was_inferred_from(
    sent: list[dict[str, str]],
) -> None:
    """However the values were sent: their kinds here are those of the kept texts, as in the log."""
    events = [
        read("{" + ", ".join(f'"{name}": {value}' for name, value in one.items()) + "}")
        for one in sent
    ]
    kept = [event.kept().properties for event in events]
    seen = TypeSeen(
        type="call", events=len(kept), sources=1, first_seen=AT, last_seen=AT, last_position=1
    )
    properties = [
        PropertySeen(
            type="call",
            name=name,
            events=sum(name in one for one in kept),
            kinds={kind_of(one[name]): 1 for one in kept if name in one},
        )
        for name in "abc"
        if any(name in one for one in kept)
    ]
    schema = inferred_schema(seen, properties)
    event_type = EventType(
        key="call",
        schema=schema,
        examples=[inferred_example(kept[0], schema)],
        strictness=Strictness.QUARANTINE,
        created_at=AT,
    )
    check = compiled(checked_event_type(event_type, EventSettings()))
    for event in events:
        assert check.keeps(event.properties), (schema, event.properties)
        assert check.keeps(event.kept().properties), "also with every value in quotes"


def kind_of(text: str) -> str:
    """How a kept value reads, told another way than the event store does."""
    if text in {"true", "false"}:
        return "boolean"
    if text[:1] in {"{", "["}:
        try:
            json.loads(text)
        except ValueError:
            return "text"
        return "object" if text[0] == "{" else "list"
    try:
        number = msgspec.json.decode(text, type=Decimal | int)
    except (msgspec.MsgspecError, ValueError):
        return "text"
    return "integer" if isinstance(number, int) else "number"


@given(
    limit=st.sampled_from([0, 1, 0.1, 0.3, -2.5, 1e22, 2**53 + 1, 10**400, 1e-320]),
    keyword=st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
    step=st.sampled_from(["0", "1e-30", "-1e-30", "1e-17", "-1e-17", "1", "-1", "1e390"]),
)
def test_limits_hold_to_the_last_digit(limit: float, keyword: str, step: str) -> None:
    """Of a number at a limit or beside it, told by the arithmetic of decimals."""
    with localcontext(prec=1_000):
        value = Decimal(str(limit)) + Decimal(step)
        bound = Decimal(str(limit))
        expected = {
            "minimum": value >= bound,
            "maximum": value <= bound,
            "exclusiveMinimum": value > bound,
            "exclusiveMaximum": value < bound,
        }[keyword]
    event = read(f'{{"x": {value:f}.0}}' if "." not in f"{value:f}" else f'{{"x": {value:f}}}')
    check = check_of({"properties": {"x": {"type": "number", keyword: limit}}})
    keeps = check.keeps(event.properties)
    assert keeps is (check.breaks(event.properties) is None), "both say the same"
    if limit not in {1e22, 2**53 + 1}:  # of these two the library itself knows the double alone
        assert keeps is expected


@given(st.dictionaries(st.text(min_size=1, max_size=3), VALUES, max_size=4))
def test_what_waits_is_kept_digit_for_digit(properties: dict[str, str]) -> None:
    written = ", ".join(f"{json.dumps(name)}: {value}" for name, value in properties.items())
    event = read("{" + written + "}")
    assert read_canonical(event.canonical()).canonical() == event.canonical()


def test_a_number_longer_than_python_reads_is_kept_too() -> None:
    event = read('{"n": ' + "9" * 5000 + ', "m": [1.10]}')
    assert read_canonical(event.canonical()).canonical() == event.canonical()
    assert not check_of({"properties": {"n": {"maximum": 5}}}).keeps(event.properties)
