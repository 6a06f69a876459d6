"""What a body of events is read as, and what is said of each event that breaks a rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.events.event import SentEvent, Verdict
from tallybook.domain.events.explaining import read_carefully
from tallybook.domain.events.forms import Form
from tallybook.domain.events.limits import (
    MAX_BODY_BYTES,
    MAX_EVENT_BYTES,
    MAX_EVENTS,
    MAX_PROPERTIES,
    MAX_VALUE_LENGTH,
)
from tallybook.domain.events.reading import read_events
from tallybook.domain.kernel.errors import Refusal, TooLarge

PLAIN = {"type": "call", "customer": "acme", "id": "1", "time": "2026-03-01T12:00:00Z"}
CLOUD = {
    "specversion": "1.0",
    "type": "call",
    "source": "/gateway",
    "id": "1",
    "time": "2026-03-01T12:00:00Z",
    "subject": "acme",
    "data": {"tokens": 3},
}


def written(event: Any) -> bytes:
    return json.dumps(event).encode()


def but(**changes: Any) -> bytes:
    return written({name: value for name, value in (PLAIN | changes).items() if value != "absent"})


def with_properties(text: str) -> bytes:
    return written(PLAIN)[:-1] + b', "properties": ' + text.encode() + b"}"


def only(body: bytes, form: Form = Form.JSON) -> SentEvent:
    reading = read_events(body, form)
    assert not reading.rejected, reading.rejected
    assert len(reading.events) == 1
    return reading.events[0]


def test_a_plain_event() -> None:
    event = only(with_properties('{"tokens": 12, "ok": true, "model": "small"}'))
    assert event == SentEvent(
        type="call",
        customer="acme",
        source="api",
        id="1",
        actor="",
        occurred_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        properties={"tokens": 12, "ok": True, "model": "small"},
    )


@pytest.mark.parametrize(
    ("value", "kept", "why"),
    [
        ("1.10", "1.10", "digits are kept as sent: a version or a price"),
        (
            "0.1000000000000000055511151231257827",
            "0.1000000000000000055511151231257827",
            "no float",
        ),
        ("123456789012345678901234567890", "123456789012345678901234567890", "beyond 64 bits"),
        ("1e5", "1e5", "the exponent stays"),
        ("-0.0", "-0.0", "and the sign"),
        ('"a\\"b\\n\\u00e9\\ud83d\\ude00"', 'a"b\né😀', "text is kept unescaped"),
        ("true", "true", "truth as its word"),
        ("false", "false", "truth as its word"),
        ("null", None, "null is as if it were not there"),
        ('{"b": [1.20, {"d": 1e5}], "a": null}', '{"a":null,"b":[1.20,{"d":1e5}]}', "compact"),
        ("[ 1 , 2 ]", "[1,2]", "compact"),
        ("9" * 4300, "9" * 4300, "as long as a Python int can be read"),
        ("9" * 5000, "9" * 5000, "and longer"),
    ],
)
def test_what_is_kept_of_a_value(value: str, kept: str | None, why: str) -> None:
    event = only(with_properties(f'{{"x": {value}}}'))
    assert event.kept().properties.get("x") == kept, why


@pytest.mark.parametrize(
    ("time", "microseconds", "why"),
    [
        ("2026-03-01T12:00:00Z", 0, "UTC"),
        ("2026-03-01T14:30:00+02:30", 0, "an offset"),
        ("2026-03-01T12:00:00.5Z", 500_000, "a fraction"),
        ("2026-03-01T12:00:00.1234569Z", 123_456, "beyond microseconds is cut, not rounded up"),
        ("2026-03-01 12:00:00+00:00", 0, "a space for the T"),
    ],
)
def test_times(time: str, microseconds: int, why: str) -> None:
    assert only(but(time=time)).occurred_at == datetime(
        2026, 3, 1, 12, microsecond=microseconds, tzinfo=UTC
    ), why


@pytest.mark.parametrize(
    ("body", "field", "reason", "why"),
    [
        (but(time="absent"), "time", "no 'time'", "when decides which period pays"),
        (but(time="2026-03-01T12:00:00"), "time", "no time zone", "could mean 26 hours"),
        (but(time="2026-03-01"), "time", "no time zone", "a day is not an instant"),
        (but(time="yesterday"), "time", "not an RFC 3339", "no time at all"),
        (but(time=1772366400), "time", "not text", "a count could be of seconds or millis"),
        (but(time="0001-01-01T00:00:00Z"), "time", "not between", "a zero date"),
        (but(time="0001-01-01T00:00:00+05:00"), "time", "not between", "before all years in UTC"),
        (but(time="9999-12-31T23:59:59-05:00"), "time", "not between", "after all years in UTC"),
        (but(time="1969-12-31T23:59:59Z"), "time", "not between", "before the first"),
        (but(time="2200-01-01T00:00:00Z"), "time", "not between", "the end is not part of it"),
        (but(type=""), "type", "empty", "nothing can be counted of it"),
        (but(type=5), "type", "not text", "no text from a number"),
        (but(id="absent"), "id", "no 'id'", "without an identity nothing counts once"),
        (but(id="x" * 257), "id", "257 characters", "longer than an id may be"),
        (but(id="a\nb"), "id", "control character", "unreadable in a log"),
        (but(id="\x7f"), "id", "control character", "the one that JSON lets pass unescaped"),
        (but(customer="\x00"), "customer", "control character", "no database has it"),
        (but(customer=None), "customer", "not text", "nobody"),
        (but(source=""), "source", "empty", "left out it would be api"),
        (but(actor="a" * 257), "actor", "257 characters", "longer than an actor may be"),
        (but(quantity=5), "quantity", "no field of an event", "it belongs into properties"),
        (but(specversion="1.0"), "specversion", "no field", "a CloudEvent under a plain name"),
        (but(properties=[1]), "properties", "not a JSON object", "values have names"),
        (but(properties={"": 1}), "properties/", "0 characters", "a name is needed"),
        (but(properties={"n" * 129: 1}), "properties/" + "n" * 128, "129 characters", "too long"),
        (
            but(properties={f"p{n}": n for n in range(MAX_PROPERTIES + 1)}),
            "properties",
            "129 properties",
            "more than one may have",
        ),
        (
            but(properties={"text": "x" * (MAX_VALUE_LENGTH + 1)}),
            "properties/text",
            "8,193 characters",
            "one value too long",
        ),
        (
            but(properties={f"p{n}": "x" * 8000 for n in range(9)}),
            "",
            "bytes",
            "each value fits, the event does not",
        ),
        (
            with_properties('{"n": ' + "9" * 9000 + "}"),
            "properties/n",
            "9,000",
            "a number too long",
        ),
        (
            with_properties('{"deep": ' + "[" * 17 + "]" * 17 + "}"),
            "properties/deep",
            "more than 16 levels",
            "nested too deep",
        ),
    ],
)
def test_what_is_wrong_with_an_event(body: bytes, field: str, reason: str, why: str) -> None:
    reading = read_events(b"[" + body + b"," + but(id="2") + b"]", Form.JSON)
    assert [event.id for event in reading.events] == ["2"], "the other event is taken"
    (answer,) = reading.rejected
    assert answer.verdict is Verdict.REJECTED
    assert (answer.index, answer.field) == (0, field), why
    assert reason in answer.reason, why
    assert answer.mend, "says what to send instead"


@pytest.mark.parametrize(
    ("line", "reason", "why"),
    [
        (b"{", "not JSON", "cut off"),
        (b"NaN", "not JSON", "NaN is not JSON"),
        (but()[:-1] + b',"properties":{"n":NaN}}', "not JSON", "nor inside an event"),
        (
            but()[:-1] + b',"properties":{"n":01}}',
            "not JSON",
            "nor is a number with a leading zero",
        ),
        (but()[:-1] + b',"properties":{"s":"\\ud800"}}', "not JSON", "half a character"),
        (but()[:-1] + b',"properties":{"s":"\xff"}}', "cannot be read", "not UTF-8"),
        (but() + b"x", "not JSON", "more than an event on the line"),
        (b"[1]", "a JSON object", "a list"),
        (b'"text"', "a JSON object", "text"),
        (b"[" * 100_000, "a JSON object", "nested without an end"),
        (b'{"a":' * 100_000, "not JSON", "nested without an end"),
    ],
)
def test_a_bad_line_is_one_event_rejected(line: bytes, reason: str, why: str) -> None:
    body = but(id="first") + b"\n" + line + b"\n\n" + but(id="last")
    reading = read_events(body, Form.NDJSON)
    assert [event.id for event in reading.events] == ["first", "last"], why
    assert list(reading.indexes) == [0, 2]
    (answer,) = reading.rejected
    assert answer.index == 1
    assert reason in answer.reason, why


def test_an_event_over_several_lines_is_taken_whatever_is_wrong_with_another() -> None:
    body = but(id="first").replace(b",", b",\n") + b"\n" + but(id="") + b"\n" + but(id="last")
    reading = read_events(body, Form.NDJSON)
    assert [event.id for event in reading.events] == ["first", "last"]
    assert [answer.index for answer in reading.rejected] == [1]


@pytest.mark.parametrize(
    ("form", "body", "count", "why"),
    [
        (Form.JSON, but(), 1, "one event"),
        (Form.JSON, b"[]", 0, "an empty list"),
        (Form.JSON, b" [ " + but() + b" ] ", 1, "a list of one"),
        (Form.NDJSON, but(), 1, "a line without an end"),
        (Form.NDJSON, but() + b"\r\n" + but(id="2") + b"\r\n", 2, "lines as Windows ends them"),
        (Form.NDJSON, b"\n\n" + but() + b"\n\n\n", 1, "blank lines"),
        (Form.NDJSON, b"", 0, "nothing"),
        (Form.NDJSON, but() + but(id="2"), 2, "two events on a line"),
        (Form.NDJSON, but().replace(b",", b",\n"), 1, "an event over several lines"),
        (Form.CLOUDEVENT, written(CLOUD), 1, "a CloudEvent"),
        (Form.CLOUDEVENTS, written([CLOUD, CLOUD]), 2, "a batch"),
    ],
)
def test_forms(form: Form, body: bytes, count: int, why: str) -> None:
    reading = read_events(body, form)
    assert not reading.rejected, why
    assert len(reading.events) == len(reading.texts) == len(reading.indexes) == count, why
    assert reading.is_single == (form is not Form.NDJSON and body[:1] == b"{")


def test_a_cloudevent_is_read_by_its_own_names() -> None:
    event = only(written(CLOUD | {"actor": "key_7", "traceparent": "00-1"}), Form.CLOUDEVENT)
    assert event.customer == "acme"
    assert event.source == "/gateway"
    assert event.actor == "key_7"
    assert event.properties == {"tokens": 3}


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"specversion": "0.3"}, "specversion", "another version"),
        ({"specversion": None}, "specversion", "no version"),
        ({"subject": ""}, "subject", "nobody"),
        ({"source": None}, "source", "CloudEvents have a source"),
        ({"data": [1]}, "data", "values have names"),
        ({"data": {"n": "x" * 9000}}, "data/n", "named as the sender does"),
        ({"data_base64": "AA=="}, "data_base64", "bytes are not read"),
        ({"datacontenttype": "text/xml"}, "datacontenttype", "nor XML"),
    ],
)
def test_what_is_wrong_with_a_cloudevent(changes: dict[str, Any], field: str, why: str) -> None:
    event = {name: value for name, value in (CLOUD | changes).items() if value is not None}
    (answer,) = read_events(written(event), Form.CLOUDEVENT).rejected
    assert answer.field == field, why


@pytest.mark.parametrize(
    "event",
    [
        CLOUD | {"data": None},
        {name: value for name, value in CLOUD.items() if name != "data"},
        CLOUD | {"datacontenttype": "application/vnd.usage+json; charset=utf-8"},
    ],
)
def test_a_cloudevent_may_come_without_data(event: dict[str, Any]) -> None:
    assert only(written(event), Form.CLOUDEVENT).customer == "acme"


def test_a_key_sent_twice_counts_by_its_last_value() -> None:
    body = but()[:-1] + b',"properties":{"n":1,"n":2},"id":"second"}'
    assert only(body).id == "second"
    assert only(body).properties == {"n": 2}


@pytest.mark.parametrize(
    ("text", "is_text", "why"),
    [
        (r"\ud83d\ude00", True, "a pair is one character"),
        (r"\\ud800", True, "a backslash, and letters after it"),
        (r"\ud800", False, "the first half alone"),
        (r"\udc00x", False, "the second half alone"),
        (r"\ude00\ud83d", False, "the halves the wrong way round"),
        (r"\ud800\ud83d\ude00", False, "half a pair before a whole one"),
        (r"\\\ud800", False, "a backslash, and half a pair"),
    ],
)
def test_half_a_character_in_a_list_is_one_event_rejected(
    text: str, is_text: bool, why: str
) -> None:
    before, after = with_properties('{"s": "a"}'), with_properties(r'{"s": "\u0041"}')
    body = b"[" + b" , ".join([before, with_properties(f'{{"s": "{text}"}}'), after]) + b"]"
    reading = read_events(body, Form.JSON)
    assert list(reading.indexes) == ([0, 1, 2] if is_text else [0, 2]), why
    assert [answer.index for answer in reading.rejected] == ([] if is_text else [1])
    assert {reading.events[0].properties["s"], reading.events[-1].properties["s"]} == {"a", "A"}


def test_too_much_at_once_is_refused_as_a_whole() -> None:
    with pytest.raises(TooLarge, match="10,001 events"):
        read_events((but() + b"\n") * (MAX_EVENTS + 1), Form.NDJSON)
    with pytest.raises(TooLarge, match="10,001 events"):
        read_events((b"{}\n") * (MAX_EVENTS + 1), Form.NDJSON)
    with pytest.raises(TooLarge, match="10,001 events"):
        read_events(b"[" + b"1," * MAX_EVENTS + b"1]", Form.JSON)
    with pytest.raises(TooLarge, match="bytes"):
        read_events(b" " * (MAX_BODY_BYTES + 1), Form.JSON)
    assert MAX_EVENT_BYTES < MAX_BODY_BYTES


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False).map(lambda n: msgspec.Raw(f"{n:f}"))
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.text(max_size=6) | st.sampled_from(["a" * 128, "b" * 256, "c" * 257])
events = st.fixed_dictionaries(
    {
        "type": names,
        "customer": names,
        "id": names,
        "time": st.sampled_from(
            ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.1234567+02:00", "2026-03-01", "never"]
        )
        | st.datetimes().map(lambda at: at.isoformat() + "Z"),
    },
    optional={
        "source": names,
        "actor": names,
        "properties": st.dictionaries(names, values, max_size=4),
        "extra": values,
    },
)


@given(st.lists(events, max_size=4))
def test_read_whole_or_one_by_one_the_events_are_the_same(sent: list[Any]) -> None:
    """The fast way and the careful way accept the same events and read the same from them."""
    pieces = [msgspec.json.encode(event) for event in sent]
    reading = read_events(b"[" + b",".join(pieces) + b"]", Form.JSON)
    careful = [read_carefully(piece, Form.JSON) for piece in pieces]
    texts = [event.canonical() for event in careful if isinstance(event, SentEvent)]
    assert list(reading.texts) == texts
    for piece in pieces:
        alone = read_events(piece, Form.JSON)
        explained = read_carefully(piece, Form.JSON)
        assert bool(alone.events) == isinstance(explained, SentEvent)


@given(
    st.binary() | st.text().map(str.encode) | values.map(msgspec.json.encode), st.sampled_from(Form)
)
def test_whatever_comes_is_read_or_refused(body: bytes, form: Form) -> None:
    try:
        rejected = read_events(body, form).rejected
    except Refusal:
        return
    assert all(answer.reason and answer.mend for answer in rejected)
