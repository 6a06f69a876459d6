"""When two events of one identity are the same event sent twice, and when they contradict."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tallybook.domain.events.event import UsageEvent
from tallybook.domain.events.sameness import difference

KEPT = UsageEvent(
    type="call", customer="acme", id="1", occurred_at=datetime(2026, 3, 1, 12, tzinfo=UTC)
)


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({}, "", "the very same"),
        ({"type": "sms"}, "type", "another type"),
        ({"customer": "other"}, "customer", "another customer"),
        ({"actor": "key_1"}, "actor", "another actor"),
        ({"occurred_at": datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)}, "time", "a second later"),
        (
            {"occurred_at": datetime.fromisoformat("2026-03-01T13:00:00+01:00")},
            "",
            "the same instant in another zone",
        ),
    ],
)
def test_fields(changes: dict[str, Any], field: str, why: str) -> None:
    assert difference(KEPT, msgspec.structs.replace(KEPT, **changes)) == field, why


@pytest.mark.parametrize(
    ("kept", "sent", "is_same", "why"),
    [
        ("1", "1.0", True, "numbers of one value"),
        ("100", "1e2", True, "in another notation"),
        ("0", "-0.0", True, "zero has no sign"),
        ("0.1", "0.10000000000000001", False, "not to the last digit a float would keep"),
        ("1", "2", False, "other numbers"),
        ("a", "b", False, "other texts"),
        ("a", "a ", False, "not to the last space"),
        ("1", "1_0", False, "what is a number to Python is not one to JSON"),
        ("10", "1_0", False, "nor the same one"),
        ("1", "٠١", False, "nor digits of other scripts"),
        ("true", "1", False, "truth is no number"),
        ("", None, False, "empty is not absent"),
        ("x", None, False, "absent"),
        ('{"a":1,"b":[1.0]}', '{"b":[1],"a":1}', True, "key order and notation inside"),
        ('{"a":1}', '{"a":1,"b":null}', False, "a null inside a value is part of it"),
        ("[1,2]", "[2,1]", False, "order in a list matters"),
        ("[1]", "[true]", False, "truth is no number, inside either"),
        ("[1]", "[1", False, "text that only looks like JSON"),
        ("1e9999999999999999999", "2e9999999999999999999", False, "numbers beyond any"),
        ("1e9999999999999999999", "1e9999999999999999999", True, "compared as text"),
    ],
)
def test_properties(kept: str, sent: str | None, is_same: bool, why: str) -> None:
    left = msgspec.structs.replace(KEPT, properties={"x": kept, "y": "1"})
    right = msgspec.structs.replace(
        KEPT, properties={"y": "1"} if sent is None else {"y": "1", "x": sent}
    )
    assert difference(left, right) == ("" if is_same else "properties/x"), why
    assert difference(right, left) == ("" if is_same else "properties/x"), why
