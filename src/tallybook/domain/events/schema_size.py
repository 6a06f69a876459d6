"""How much a schema can cost: each part of it is looked at at most once for an event's value.

A few lines of references to references can ask for more steps than there are atoms. So a schema is
measured as if every reference were replaced by what it refers to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from tallybook.domain.kernel.errors import Invalid

MAX_PARTS = 5_000
"""Objects in a schema, those referred to counted as often as they are."""

MAX_LEVELS = 64


def check_parts(schema: dict[str, Any]) -> None:
    """Pass if a schema has not too many parts, and none that contains itself.

    `Invalid`, naming the place, also for references of other forms than `#/$defs/name`.
    """
    _Measure(schema).parts(schema, "schema", 0)


class _Measure:
    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._known: dict[str, int] = {}
        self._open: set[str] = set()

    def parts(self, part: Any, at: str, level: int) -> int:
        if level > MAX_LEVELS:
            _refuse(f"The schema has more than {MAX_LEVELS} levels.", at, "Flatten it.")
        count = 1 if isinstance(part, dict) else 0
        for name, inner in _inner(part):
            if isinstance(inner, dict | list):
                count += self.parts(inner, f"{at}/{name}", level + 1)
            elif isinstance(part, dict) and isinstance(inner, str):
                count += self._referred_to(name, inner, f"{at}/{name}", level)
            if count > MAX_PARTS:
                _refuse(
                    f"The schema has more than {MAX_PARTS:,} parts, those referred to counted "
                    "as often as they are.",
                    at,
                    "Refer to the same part less often.",
                )
        return count

    def _referred_to(self, name: str, text: str, at: str, level: int) -> int:
        if name in {"$dynamicRef", "$recursiveRef"} or (name == "$id" and at != "schema/$id"):
            _refuse(f"{name} is not read here.", at, "Refer by $ref, such as #/$defs/name.")
        if name != "$ref":
            return 0
        if text in self._open:
            _refuse(f"{text} contains itself.", at, "Write out as many levels as there are.")
        if text not in self._known:
            self._open.add(text)
            self._known[text] = self.parts(self._at(text, at), f"schema{text[1:]}", level + 1)
            self._open.discard(text)
        return self._known[text]

    def _at(self, text: str, at: str) -> Any:
        found: Any = self._schema
        start, *names = text.split("/")
        if start != "#" or not names:
            _refuse(f"{text[:60]!r} is no part of the schema.", at, "Refer to #/$defs/name.")
        for name in names:
            key = name.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, dict | bool):
            _refuse(f"There is nothing at {text[:60]!r}.", at, "Refer to #/$defs/name.")
        return found


def _inner(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        yield from part.items()
    elif isinstance(part, list):
        yield from ((str(number), inner) for number, inner in enumerate(part))


def _refuse(message: str, at: str, mend: str) -> NoReturn:
    raise Invalid("schema_too_complex", message, field=at, mend=mend)
