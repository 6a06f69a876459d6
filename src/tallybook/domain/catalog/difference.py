"""What differs between two versions of a plan, named as a person would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from tallybook.domain.catalog.plan import PlanTerms, terms_of
from tallybook.domain.kernel.decimals import plain


class Change(StrEnum):
    """What became of a part of a plan."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that differs, where, and the texts before and after.

    `path` leads to it by names: a price by its key, a tier by its place from 0
    (`prices/tokens/rule/tiers/0/unit_amount`). A part that was added or removed as a whole is one
    difference with its JSON text.
    """

    change: Change
    path: str
    before: str | None = None
    after: str | None = None


def compare_versions(before: PlanTerms | None, after: PlanTerms) -> tuple[Difference, ...]:
    """What `after` says otherwise than `before`, in the order of the plan; nothing if the same.

    Amounts are compared as numbers: 0.10 is 0.1. None before means a plan that is new.
    """
    if before is None:
        return (Difference(Change.ADDED, "", after=_text(_parts(after))),)
    return tuple(_compare("", _parts(before), _parts(after)))


def _parts(terms: PlanTerms) -> dict[str, Any]:
    """The terms as plain maps, prices by key."""
    parts: dict[str, Any] = msgspec.to_builtins(terms_of(terms), builtin_types=(Decimal,))
    parts["prices"] = {price.pop("key"): price for price in parts["prices"]}
    for name in ("shared_allowances", "commitments", "spend_limits"):
        parts[name] = {part.pop("key"): part for part in parts[name]}
    parts["grants"] = {grant.pop("feature"): grant for grant in parts["grants"]}
    return parts


def _compare(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after and path not in {"", "prices"}:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _compare_maps(path, before, after)
    elif _is_list(before) and _is_list(after):
        yield from _compare_maps(path, dict(_numbered(before)), dict(_numbered(after)))
    else:
        yield Difference(Change.CHANGED, path, _text(before), _text(after))


def _compare_maps(
    path: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Difference]:
    if before.get("model") != after.get("model"):
        yield Difference(Change.CHANGED, path, _text(before), _text(after))
        return
    for name in [*before, *(name for name in after if name not in before)]:
        below = f"{path}/{name}" if path else str(name)
        if name not in after:
            yield Difference(Change.REMOVED, below, before=_text(before[name]))
        elif name not in before:
            yield Difference(Change.ADDED, below, after=_text(after[name]))
        else:
            yield from _compare(below, before[name], after[name])
    if path == "prices":
        old = [key for key in before if key in after]
        new = [key for key in after if key in before]
        if old != new:
            yield Difference(Change.MOVED, path, ", ".join(old), ", ".join(new))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _numbered(values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    return ((str(index), value) for index, value in enumerate(values))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    return msgspec.json.encode(value).decode()
