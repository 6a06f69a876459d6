"""What a field of a request can be, to be told to who sent something else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec.inspect as shapes

_MOST = 40


def choices_at(kind: Any, path: str = "") -> tuple[str, ...]:
    """The texts that `kind` allows at `path`, such as `rule/model`; none where any text will do.

    Also none where shapes that are told apart allow different ones: which was meant is unknown.
    """
    found: list[shapes.Type] = [shapes.type_info(kind)]
    *parts, last = path.split("/") if path else [""]
    for part in parts:
        found = [below for each in _each(found) for below in _below(each, part)]
    tags = [str(each.tag) for each in _each(found) if _has_tag(each, last)]
    if tags:
        return tuple(sorted(set(tags)))[:_MOST]
    if path:
        found = [below for each in _each(found) for below in _below(each, last)]
    allowed = {texts for each in _each(found) if (texts := _texts(each))}
    return allowed.pop()[:_MOST] if len(allowed) == 1 else ()


def _each(found: list[shapes.Type]) -> Iterator[Any]:
    for each in found:
        if isinstance(each, shapes.UnionType):
            yield from _each(list(each.types))
        elif isinstance(each, shapes.Metadata):
            yield from _each([each.type])
        else:
            yield each


def _has_tag(kind: Any, name: str) -> bool:
    return isinstance(kind, shapes.StructType) and kind.tag_field == name


def _below(kind: Any, part: str) -> Iterator[shapes.Type]:
    """The shapes of the field or element that `part` leads to."""
    match kind:
        case shapes.StructType():
            yield from (field.type for field in kind.fields if field.encode_name == part)
        case shapes.ListType() | shapes.VarTupleType() | shapes.SetType() | shapes.FrozenSetType():
            yield kind.item_type
        case shapes.DictType():
            yield kind.value_type


def _texts(kind: Any) -> tuple[str, ...]:
    match kind:
        case shapes.EnumType():
            return tuple(str(member.value) for member in kind.cls)
        case shapes.LiteralType():
            return tuple(str(value) for value in kind.values)
    return ()
