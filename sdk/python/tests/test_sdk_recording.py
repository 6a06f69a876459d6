"""What is written of an event, and what is refused."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook_sdk import UnsendableError, new_id
from tallybook_sdk.identity import start_anew
from tallybook_sdk.recording import Event, aware, exact, name, named, write_line

NOW = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)


class Region(StrEnum):
    EU = "eu"


class Size(IntEnum):
    LARGE = 3


class Tier(Enum):
    GOLD = Decimal("1.50")


class Text(str):
    __slots__ = ()


class Stamp(datetime):
    """A time of another name, as pandas' are."""


class Indexed:
    """Stands for a whole number, as numpy's integers do."""

    def __index__(self) -> int:
        return 12


class LikeFloat(float):
    """A float of another name, as numpy's are."""


def written(value: object) -> str:
    """The JSON of one property."""
    line = write_line(Event("t", "c", "i", NOW, "s", "", {"x": exact(value)}))
    return line.decode().partition('"properties":{"x":')[2][:-2]


@pytest.mark.parametrize(
    ("value", "text", "why"),
    [
        ("é", '"é"', "text is UTF-8"),
        (12, "12", "whole numbers as they are"),
        (2**100, str(2**100), "of any size"),
        (True, "true", "truth is no number"),
        (None, "null", "which the server takes for nothing"),
        (Decimal("1.50"), "1.50", "the very digits, zeros too"),
        (Decimal("0.000000000000000000000000000001"), "1E-30", "however small"),
        (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789", "exact"),
        (Decimal("-0"), "-0", "even a signed zero"),
        (0.1, "0.1", "the shortest digits that read back the same"),
        (1e22, "1e22", "in JSON's spelling"),
        (LikeFloat(0.5), "0.5", "numpy's floats are floats"),
        (Indexed(), "12", "numpy's integers are whole numbers"),
        (Region.EU, '"eu"', "a member of an enumeration is its value"),
        (Size.LARGE, "3", "also of a number"),
        (Tier.GOLD, "1.50", "also of a Decimal"),
        (Text("abc"), '"abc"', "a kind of text is text"),
        (NOW, '"2026-03-01T12:30:00.123456Z"', "an instant"),
        (date(2026, 3, 1), '"2026-03-01"', "a day"),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"', "an id"),
        ({"a": [Decimal("0.1"), {"b": 1.5}]}, '{"a":[0.1,{"b":1.5}]}', "nested, exact inside"),
        ((1, 2), "[1,2]", "a tuple is a list"),
    ],
)
def test_written(value: object, text: str, why: str) -> None:
    assert written(value) == text, why


@pytest.mark.parametrize(
    ("value", "message", "why"),
    [
        (float("nan"), "nan is no number", "JSON has no NaN"),
        (float("-inf"), "-inf is no number", "nor infinity"),
        (Decimal("NaN"), "NaN is no number", "a Decimal can be none either"),
        (Decimal("Infinity"), "Infinity is no number", "nor infinite"),
        ([1, [float("nan")]], "nan is no number", "wherever it hides"),
        (datetime(2026, 3, 1), "has no time zone", "another instant on every machine"),  # noqa: DTZ001
        (b"abc", "bytes cannot be sent", "JSON has no bytes"),
        ({1: 2}, "name is text, not int", "JSON's names are text"),
        ({1, 2}, "set cannot be sent", "a set has no order"),
        (object(), "object cannot be sent", "what would it say"),
    ],
)
def test_refused(value: object, message: str, why: str) -> None:
    with pytest.raises(UnsendableError, match=message):
        exact(value)


def test_too_deep() -> None:
    nested: Any = "end"
    for _ in range(17):
        nested = [nested]
    exact(nested[0])
    with pytest.raises(UnsendableError, match="more than 16 levels"):
        exact(nested)
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(UnsendableError, match="more than 16 levels"):
        exact(endless)


@pytest.mark.parametrize(
    ("value", "text", "why"),
    [
        ("acme", "acme", "text"),
        (42, "42", "a number that is an id"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001", "so is this"),
        (Region.EU, "eu", "and this"),
        (Text("acme"), "acme", "a kind of text is text"),
    ],
)
def test_names(value: object, text: str, why: str) -> None:
    assert name(value, "customer") == text, why
    assert name(value, "customer").__class__ is str


def test_names_of_properties() -> None:
    assert [*map(type, named({Text("a"): Text("b")}))] == [str]
    with pytest.raises(UnsendableError, match="name is text, not int"):
        named({1: 2})  # type: ignore[dict-item]


@pytest.mark.parametrize("value", ["", None, 1.5, True, b"acme", ["acme"]])
def test_no_names(value: object) -> None:
    with pytest.raises(UnsendableError, match="customer is"):
        name(value, "customer")


def test_times_keep_their_instant() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    at = datetime(2026, 3, 1, 18, 0, tzinfo=zone)
    line = write_line(Event("t", "c", "i", aware(at), "s"))
    assert datetime.fromisoformat(json.loads(line)["time"]) == at
    assert aware(Stamp(2026, 3, 1, 18, 0, tzinfo=zone)).__class__ is datetime, "as pandas has them"
    with pytest.raises(UnsendableError, match="not str"):
        aware("2026-03-01")  # type: ignore[arg-type]


def test_an_event_says_no_more_than_it_has() -> None:
    line = write_line(Event("t", "c", "i", NOW, "s"))
    assert json.loads(line).keys() == {"type", "customer", "id", "time", "source"}


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_arrive_exactly(value: Decimal) -> None:
    """Whatever the digits and exponent, what is read is what was given."""
    assert Decimal(json.loads(written(value), parse_float=str, parse_int=str)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_arrive_as_repr_shows_them(value: float) -> None:
    assert Decimal(written(value)) == Decimal(repr(value))


@given(st.integers(-(10**300), 10**300))
def test_whole_numbers_arrive_exactly(value: int) -> None:
    assert int(written(value)) == value


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _values, max_size=6))
def test_properties_arrive_as_they_are(properties: dict[str, Any]) -> None:
    """One line of JSON, whatever the text has in it."""
    line = write_line(Event("t", "c", "i", NOW, "s", "", exact(properties)))
    assert b"\n" not in line
    assert msgspec.json.decode(line).get("properties", {}) == properties


def test_ids() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert len({*ids}) == len(ids)
    for each in ids[:100]:
        read = UUID(each)
        assert (read.version, read.variant) == (7, "specified in RFC 4122")
        assert abs((read.int >> 80) - time.time_ns() // 1_000_000) < 60_000
    first = new_id()
    time.sleep(0.002)
    assert first < new_id(), "later ids sort later"
    start_anew()
    assert new_id() not in ids
