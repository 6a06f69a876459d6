"""Properties of which a schema says, of a number, nothing but its limits.

Such a number is compared here, as a `Decimal`. Whoever then judges the event as a whole is handed
another within the same limits, a whole one if there is any: those are judged four times as fast.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

_KEEPS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
_SAYING_NOTHING = {"title", "description", "examples", "default", "deprecated", "$comment"}
_ONE_BY_ONE = {"$schema", "type", "required", "properties", "additionalProperties"}
_WIDEST = 2**53
"""Limits beyond are left to the validator, which may know but the double next to them."""


class NumberLimits(msgspec.Struct, frozen=True):
    """What a number must keep, and one that does."""

    tests: tuple[tuple[Callable[[Decimal, Decimal], bool], Decimal], ...]
    inside: int | Decimal

    def keep(self, number: Decimal) -> bool:
        """Whether the number is within the limits."""
        for keeps, limit in self.tests:  # noqa: SIM110 - asked of every event: no generator
            if not keeps(number, limit):
                return False
        return True


def number_limits(schema: Mapping[str, Any]) -> dict[str, NumberLimits]:
    """By property; none where the schema looks at properties in other ways than one by one."""
    properties = schema.get("properties", {})
    if not schema.keys() <= _ONE_BY_ONE | _SAYING_NOTHING or not isinstance(properties, dict):
        return {}
    found = {name: _limits(part) for name, part in properties.items() if isinstance(part, dict)}
    return {name: limits for name, limits in found.items() if limits is not None}


def _limits(part: Mapping[str, Any]) -> NumberLimits | None:
    """What a part of a schema asks of a number, if that is all it asks and there is one."""
    if part.get("type") != "number" or not part.keys() <= {"type", *_KEEPS, *_SAYING_NOTHING}:
        return None
    if not all(-_WIDEST < part[name] < _WIDEST for name in _KEEPS if name in part):
        return None
    tests = tuple((_KEEPS[name], Decimal(str(part[name]))) for name in _KEEPS if name in part)
    for number in _candidates([limit for _, limit in tests]):
        if all(keeps(number, limit) for keeps, limit in tests):
            return NumberLimits(tests, int(number) if number == number.to_integral() else number)
    return None


def _candidates(limits: list[Decimal]) -> Iterator[Decimal]:
    """Numbers one of which is within these limits, if any is, the simplest first."""
    yield Decimal(0)
    for limit in limits:
        yield from (limit, limit.to_integral() + 1, limit.to_integral() - 1)
    for low in limits:
        yield from ((low + high) / 2 for high in limits)
