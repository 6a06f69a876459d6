"""Who sends a value that is not among those allowed is told which are, and of which field."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tallybook.api.choices import choices_at


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Size(StrEnum):
    SMALL = "small"


class Coat(msgspec.Struct, tag_field="kind", tag="coat"):
    colour: Colour
    length: Colour | int = 0


class Hat(msgspec.Struct, tag_field="kind", tag="hat"):
    colour: Colour | None = None
    length: Size | int = 0


class Wardrobe(msgspec.Struct):
    best: Coat | Hat
    all_of_it: list[Coat | Hat] = []
    by_owner: dict[str, Colour] = {}
    allowed: frozenset[Colour] = frozenset()
    side: Literal["left", "right"] = "left"
    name: str = ""


@pytest.mark.parametrize(
    ("kind", "path", "choices", "why"),
    [
        (Colour, "", ("red", "blue"), "a parameter"),
        (Colour | None, "", ("red", "blue"), "one that may be left out"),
        (Wardrobe, "best/colour", ("red", "blue"), "the same in all shapes that it may have"),
        (Wardrobe, "best/length", (), "another in each: which is meant is unknown"),
        (Wardrobe, "best/kind", ("coat", "hat"), "what tells the shapes apart"),
        (Wardrobe, "all_of_it/3/colour", ("red", "blue"), "in a list"),
        (Wardrobe, "by_owner/.../", (), "a path that leads nowhere"),
        (Wardrobe, "by_owner/...", ("red", "blue"), "in a map"),
        (Wardrobe, "allowed/0", ("red", "blue"), "in a set, as the scopes of a key"),
        (Wardrobe, "side", ("left", "right"), "texts written out"),
        (Wardrobe, "name", (), "any text"),
        (Wardrobe, "", (), "an object"),
    ],
)
def test_what_is_allowed_where(kind: Any, path: str, choices: tuple[str, ...], why: str) -> None:
    assert choices_at(kind, path) == choices, why


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "offered"),
    [
        ("GET", "/v1/usage?meter=m&period=2026&format=xml", None, "format", "parquet"),
        ("GET", "/v1/quarantine?reason=hunger", None, "reason", "too_far_ahead"),
        ("PUT", "/v1/event-settings", {"type_naming": "shouty"}, "type_naming", "snake_case"),
        (
            "POST",
            "/v1/meters",
            {"key": "m", "name": "M", "event_type": "e", "aggregation": {"type": "median"}},
            "aggregation/type",
            "percentile",
        ),
    ],
)
def test_a_refusal_names_the_field_and_what_it_takes(
    api: TestClient[Litestar], method: str, path: str, body: Any, field: str, offered: str
) -> None:
    answer = api.request(method, path, json=body)
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert answer.json()["mend"].startswith("Send one of ")
    assert offered in answer.json()["mend"]
