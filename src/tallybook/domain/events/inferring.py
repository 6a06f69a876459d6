"""From the events that are there to a schema that all of them keep.

What was a number and what was its text in quotes is kept alike, so a schema that is inferred takes
either. It is a draft: a person says what is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tallybook.domain.events.quality import PropertySeen, TypeSeen

INTEGER = "^-?(0|[1-9][0-9]*)$"
NUMBER = r"^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?$"

_READ_AS_NUMBER = 15
"""Characters of a whole number that every reader of JSON reads exactly."""


def inferred_schema(seen: TypeSeen, properties: Iterable[PropertySeen]) -> dict[str, Any]:
    """A schema of the properties that were seen; required are those that every event has.

    Others stay allowed.
    """
    known = sorted(properties, key=lambda each: each.name)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {each.name: _of_values(each.kinds) for each in known},
    }
    required = [each.name for each in known if each.events >= seen.events]
    return schema | ({"required": required} if required else {})


def inferred_example(example: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """An event's properties as they may have been sent: numbers as numbers where all are."""
    properties = schema["properties"]
    return {
        name: _as_sent(text, properties[name])
        for name, text in example.items()
        if name in properties
    }


_BY_KINDS: Mapping[frozenset[str], dict[str, Any]] = {
    frozenset({"integer"}): {"type": ["integer", "string"], "pattern": INTEGER},
    frozenset({"number"}): {"type": ["number", "string"], "pattern": NUMBER},
    frozenset({"integer", "number"}): {"type": ["number", "string"], "pattern": NUMBER},
    frozenset({"boolean"}): {"enum": [True, False, "true", "false"]},
    frozenset({"object"}): {"type": ["object", "string"]},
    frozenset({"list"}): {"type": ["array", "string"]},
    frozenset({"text"}): {"type": "string"},
}
"""What values allow that read as one kind; of several kinds, everything."""


def _of_values(kinds: Mapping[str, int]) -> dict[str, Any]:
    return dict(_BY_KINDS.get(frozenset(kinds), {}))


def _as_sent(text: str, schema: Mapping[str, Any]) -> Any:
    if schema.get("pattern") == INTEGER and len(text) <= _READ_AS_NUMBER:
        return int(text)
    if "enum" in schema:
        return text == "true"
    return text
