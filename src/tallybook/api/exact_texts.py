"""Numbers and times that a body gives as text, held to what they are read as.

The JSON decoder reads a number in quotes by Python's rules, which take `1_000`, blanks around it
and the digits of every script; and it rounds a time to the microsecond. Such texts are refused:
what is kept is what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from tallybook.domain.kernel.decimals import parse_decimal
from tallybook.domain.kernel.errors import Invalid

Check = Callable[[Any, str], None]
"""Looks at a part of a plain JSON document, at a path."""

_TOO_FINE = re.compile(r"[.,][0-9]{7,}")
_LISTS = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType)


@cache
def texts_check(kind: Any) -> Check:
    """What looks at every text of a document where `kind` has a decimal or a time."""
    return _Checks().of(inspect.type_info(kind))


class _Checks:
    """Checks by type; those of structs are kept, since a rule may hold rules."""

    def __init__(self) -> None:
        self._of_structs: dict[type, Check] = {}

    def of(self, kind: inspect.Type) -> Check:
        """The check of any type."""
        found: Check = _nothing
        match kind:
            case inspect.Metadata(type=inner):
                found = self.of(inner)
            case inspect.DecimalType():
                found = _check_decimal
            case inspect.DateTimeType():
                found = _check_time
            case inspect.StructType():
                found = self._of_struct(kind)
            case inspect.UnionType(types=types):
                found = self._of_union(types)
            case inspect.DictType(value_type=inner):
                found = _each_value(self.of(inner))
            case inspect.TupleType(item_types=types):
                found = _each_of(list(map(self.of, types)))
            case _ if isinstance(kind, _LISTS):
                found = _each(self.of(kind.item_type))
        return found

    def _of_struct(self, kind: inspect.StructType) -> Check:
        found = self._of_structs.get(kind.cls)
        if found is not None:
            return found
        fields: list[tuple[str, Check]] = []

        def check(part: Any, path: str) -> None:
            if isinstance(part, dict):
                for name, of_field in fields:
                    if name in part:
                        of_field(part[name], f"{path}/{name}" if path else name)

        self._of_structs[kind.cls] = check
        for field in kind.fields:
            of_field = self.of(field.type)
            if of_field is not _nothing:
                fields.append((field.encode_name, of_field))
        return check

    def _of_union(self, types: Iterable[inspect.Type]) -> Check:
        structs = [kind for kind in types if isinstance(kind, inspect.StructType)]
        tagged = {kind.tag: self.of(kind) for kind in structs}
        tag_field = structs[0].tag_field if structs else None
        others = [self.of(kind) for kind in types if not isinstance(kind, inspect.StructType)]
        others = [check for check in others if check is not _nothing]
        if not structs and not others:
            return _nothing

        def check(part: Any, path: str) -> None:
            if structs and isinstance(part, dict):
                of = tagged.get(part.get(tag_field)) if tag_field else self.of(structs[0])
                if of is not None:
                    of(part, path)
                return
            for other in others:
                other(part, path)

        return check


def _nothing(_part: Any, _path: str) -> None:
    """There is nothing to look at."""


def _check_decimal(part: Any, path: str) -> None:
    if isinstance(part, str):
        parse_decimal(part, field=path)


def _check_time(part: Any, path: str) -> None:
    if isinstance(part, str) and _TOO_FINE.search(part):
        raise Invalid(
            "time_too_fine",
            f"{part[:40]!r} has more than 6 decimals of a second.",
            field=path,
            mend="Send at most 6, such as 2026-03-01T12:30:00.123456Z.",
        )


def _each(inner: Check) -> Check:
    if inner is _nothing:
        return _nothing

    def check(part: Any, path: str) -> None:
        if isinstance(part, list):
            for place, one in enumerate(part):
                inner(one, f"{path}/{place}" if path else str(place))

    return check


def _each_of(inner: list[Check]) -> Check:
    if all(check is _nothing for check in inner):
        return _nothing

    def check(part: Any, path: str) -> None:
        if isinstance(part, list):
            for place, (one, of) in enumerate(zip(part, inner, strict=False)):
                of(one, f"{path}/{place}")

    return check


def _each_value(inner: Check) -> Check:
    if inner is _nothing:
        return _nothing

    def check(part: Any, path: str) -> None:
        if isinstance(part, dict):
            for name, one in part.items():
                inner(one, f"{path}/{name}" if path else name)

    return check


def check_texts(body: bytes, kind: Any) -> None:
    """Refuse a body of this kind with a number or a time as text that would be read otherwise."""
    check = texts_check(kind)
    if check is not _nothing:
        check(msgspec.json.decode(body), "")
