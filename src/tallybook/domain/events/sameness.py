"""Whether two events of one identity say the same.

A sender that repeats itself may write the same event in other words: `1.0` for `1`, another order
of keys, another offset of the same instant. That is a duplicate. What differs in meaning is a
conflict, and the first event stays.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

from tallybook.domain.events.event import UsageEvent

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_nested = msgspec.json.Decoder(Any, float_hook=Decimal)


def difference(kept: UsageEvent, sent: UsageEvent) -> str:
    """The first field in which two events of one identity differ, such as `time`; "" if none."""
    if kept.type != sent.type:
        return "type"
    if kept.customer != sent.customer:
        return "customer"
    if kept.occurred_at != sent.occurred_at:
        return "time"
    if kept.actor != sent.actor:
        return "actor"
    for name in sorted(kept.properties.keys() | sent.properties.keys()):
        if not _say_the_same(kept.properties.get(name), sent.properties.get(name)):
            return f"properties/{name}"
    return ""


def _say_the_same(left: str | None, right: str | None) -> bool:
    """Compare as kept: equal texts, or numbers of one value, or JSON of one meaning.

    What was a number and what was its text in quotes is not told apart: both are kept alike.
    """
    if left == right:
        return True
    if left is None or right is None:
        return False
    try:
        if _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right):
            return Decimal(left) == Decimal(right)
        if left[:1] in {"{", "["} and right[:1] == left[:1]:
            return _mean_the_same(_nested.decode(left), _nested.decode(right))
    except (msgspec.MsgspecError, ArithmeticError, ValueError, RecursionError):
        pass  # then their texts are all there is to compare
    return False


def _mean_the_same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            _mean_the_same(value, right[name]) for name, value in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_mean_the_same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right  # in Python, 1 equals True
    return bool(left == right)
