"""Numbers in answers as people write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")


def plainly(answer: T) -> T:
    """The same answer with every decimal as text without an exponent: 1E-7 is 0.0000001.

    What comes back is the answer as it is encoded, no longer of its own type; it is for returning
    from a handler and for nothing else. Zeros at the end stay.
    """
    return cast("T", _plain(msgspec.to_builtins(answer, builtin_types=(Decimal,))))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
