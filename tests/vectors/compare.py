"""Whether an answer is the one expected, by the rules of the vector format.

Decimals compare as decimals, instants as instants; `null` means absent. A field that `expect` does
not name is not asserted, neither at the top nor inside a map. `expect.scale` rounds the answer half
away from zero; a field whose name ends in `_6dp` is compared at that many places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

UNORDERED = frozenset({"groups", "lines", "currencies", "contains"})
"""Lists whose order the format leaves open: rows are named by what they hold."""

PLACES = {"per_fee_5dp": 4, "coefficient_16dp": 15}
"""Where the format asks for another precision than the field's name tells."""

NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?")
"""A decimal in JSON text. Codes such as `008` are names, not numbers."""

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT.*")
MIDNIGHT = time()
MISSING = "nothing"


class NotSupported(Exception):  # noqa: N818 - it is no error: a verdict on the case
    """The case needs a rule that the project does not have yet; say which."""


@dataclass(frozen=True)
class Precision:
    """At how many places decimals are compared, and whether what is expected is rounded too."""

    places: int | None = None
    rounds_both: bool = False

    def is_same(self, wanted: Any, got: Any) -> bool:
        """Whether one value is the other: as decimals, as instants, else as text."""
        if isinstance(wanted, bool) or isinstance(got, bool) or wanted is None or got is None:
            return wanted is got
        expected, answered = _number(wanted), _number(got)
        if expected is not None and answered is not None:
            return self._rounded(expected) == self._rounded(answered, always=True)
        if isinstance(wanted, str) and INSTANT.fullmatch(wanted):
            return _instant(wanted) == _instant(got)
        return str(wanted) == str(got)

    def _rounded(self, number: Decimal, *, always: bool = False) -> Decimal:
        if self.places is None or not (always or self.rounds_both):
            return number
        with localcontext(prec=200):
            return number.quantize(Decimal(1).scaleb(-self.places), rounding=ROUND_HALF_UP)


def differences(
    expect: Mapping[str, Any], answer: Mapping[str, Any], given: Mapping[str, Any]
) -> list[str]:
    """What of `answer` is not as expected, a sentence each; empty if all is."""
    assert isinstance(answer, Mapping), f"an adapter answers a mapping, not {answer!r}"
    stated = dict(_claims(answer, given)) | dict(answer)
    found: list[str] = []
    for field, wanted in expect.items():
        if field == "scale":
            continue
        if field not in stated and wanted is not None:
            found.append(f"{field}: expected {_shown(wanted)}, no answer")
            continue
        precision = _precision(field, expect.get("scale"))
        found += _differ(field, wanted, stated.get(field), precision)
    return found


def _precision(field: str, scale: int | None) -> Precision:
    named = re.search(r"_(\d+)dp$", field)
    if named:
        return Precision(PLACES.get(field, int(named[1])), rounds_both=True)
    return Precision(scale)


def _claims(answer: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the format asserts of a list of buckets instead of listing them all."""
    buckets = answer.get("buckets")
    if buckets is None:
        return
    starts = [_instant(bucket["start"]) for bucket in buckets]
    ends = [_instant(bucket["end"]) for bucket in buckets]
    zone = ZoneInfo(given.get("bucket", {}).get("tz", "UTC"))
    yield "bucket_count", len(buckets)
    yield "contains", buckets
    yield "contiguous", ends[:-1] == starts[1:]
    local = [start.astimezone(zone).time() for start in starts if start is not None]
    yield "starts_at_local_midnight", all(clock == MIDNIGHT for clock in local)


def _differ(path: str, wanted: Any, got: Any, precision: Precision) -> list[str]:
    if isinstance(wanted, Mapping) and isinstance(got, Mapping):
        parts = [_differ(f"{path}.{key}", wanted[key], got.get(key), precision) for key in wanted]
        return [line for part in parts for line in part]
    if isinstance(wanted, list) and isinstance(got, list | tuple | set | frozenset):
        return _differ_in_order(path, wanted, list(got), precision)
    if not isinstance(wanted, Mapping | list) and precision.is_same(wanted, got):
        return []
    return [f"{path}: expected {_shown(wanted)}, got {_shown(got)}"]


def _differ_in_order(
    path: str, wanted: list[Any], got: list[Any], precision: Precision
) -> list[str]:
    if path in UNORDERED:
        return _differ_in_any_order(path, wanted, got, precision)
    if len(wanted) != len(got):
        return [f"{path}: expected {_shown(wanted)}, got {_shown(got)}"]
    pairs = enumerate(zip(wanted, got, strict=True))
    parts = [_differ(f"{path}[{n}]", one, other, precision) for n, (one, other) in pairs]
    return [line for part in parts for line in part]


def _differ_in_any_order(
    path: str, wanted: list[Any], got: list[Any], precision: Precision
) -> list[str]:
    left = list(got)
    lines = []
    for part in wanted:
        match = next((found for found in left if not _differ(path, part, found, precision)), None)
        if match is None:
            lines.append(f"{path}: expected {_shown(part)}, not among {_shown(got)}")
        else:
            left.remove(match)
    if left and path != "contains":
        lines.append(f"{path}: {_shown(left)} not expected")
    return lines


def _number(value: Any) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float: an answer is an exact decimal")
    return Decimal(value) if isinstance(value, str) and NUMBER.fullmatch(value) else None


def _instant(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    return value.astimezone(UTC)


def _shown(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(part) for part in value) + "]"
    return str(value)
