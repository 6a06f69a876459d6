"""Compute an expression for one event, exactly, or say why it cannot be computed.

Numbers have `SCALE` decimal places, like every quantity: each operation computes exactly and rounds
its result half away from zero to that many. What cannot be computed is `Unknown`; so is everything
made from it, but that `false && unknown` is false and `true || unknown` is true.
"""

from __future__ import annotations

import decimal
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tallybook.domain.events.event import UsageEvent
from tallybook.domain.kernel.decimals import INTEGER_DIGITS, SCALE, widely
from tallybook.domain.metering.expressions.nodes import (
    Application,
    Attribute,
    Expression,
    Kind,
    Literal,
    Reading,
    spelled,
)

LARGEST = Decimal(2**127 - 1).scaleb(-SCALE, decimal.Context(prec=100))
SMALLEST = Decimal(-(2**127)).scaleb(-SCALE, decimal.Context(prec=100))
"""The bounds of every number, read or computed: 128 bits of units of the last decimal place."""

_QUANTUM = Decimal(1).scaleb(-SCALE)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why there is no value: a stable `code`, and a sentence about this event."""

    code: str
    sentence: str


Value = Decimal | str | bool


def evaluate(expression: Expression, event: UsageEvent) -> Value | Unknown:
    """The value of `expression` for `event`."""
    match expression:
        case Literal(value):
            return value
        case Attribute(name):
            found = getattr(event, name)
            assert isinstance(found, str)
            return found or Unknown("missing", f"event.{name} is empty")
        case Reading(path, kind):
            return read(event.properties, path, kind)
        case Application(primitive, operands):
            if primitive.name in _LAZY:
                return _LAZY[primitive.name](operands, event)
            values: list[Value] = []
            for operand in operands:
                computed = evaluate(operand, event)
                if isinstance(computed, Unknown):
                    return computed
                values.append(computed)
            with widely():
                return _bounded(_EAGER[primitive.name](*values))


def read(properties: Mapping[str, str], path: tuple[str | int, ...], kind: Kind) -> Value | Unknown:
    """The property at `path` as a value of `kind`. An empty text is as good as none."""
    text = _text(properties, path)
    if not text:
        return Unknown("missing", f"there is no property {spelled(path)}")
    if kind is Kind.TEXT:
        return text
    if kind is Kind.TRUTH:
        not_truth = Unknown("not_true_or_false", f"{spelled(path)} is {text[:40]!r}, not a truth")
        return _TRUTHS.get(text, not_truth)
    return read_number(text, spelled(path))


def read_number(text: str, name: str) -> Decimal | Unknown:
    """The number that `text` says, in plain or scientific notation, at `SCALE` places."""
    if not _NUMBER.fullmatch(text):
        return Unknown("not_a_number", f"{name} is {text[:40]!r}, not a number")
    with widely():
        exact = Decimal(text)
        number = LARGEST + 1 if exact and exact.adjusted() > INTEGER_DIGITS else _settled(exact)
    if SMALLEST <= number <= LARGEST:
        return number
    return Unknown("too_large", f"{name} is larger than a quantity can be")


def _settled(number: Decimal) -> Decimal:
    if number.adjusted() < -SCALE - 1:
        return Decimal(0)  # below half a unit of the last place, however small
    return number.quantize(_QUANTUM, rounding=decimal.ROUND_HALF_UP)


def _bounded(value: Value | Unknown) -> Value | Unknown:
    if not isinstance(value, Decimal):
        return value
    settled = _settled(value)
    if SMALLEST <= settled <= LARGEST:
        return settled
    return Unknown("too_large", "a result is larger than a quantity can be")


def _text(properties: Mapping[str, str], path: tuple[str | int, ...]) -> str:
    """The text at `path`, "" if there is none; a part of a list or object is found in its JSON."""
    text = properties.get(str(path[0]), "")
    if len(path) == 1 or not text:
        return text
    try:
        part = json.loads(text, parse_int=_Digits, parse_float=_Digits, parse_constant=_no_constant)
        for step in path[1:]:
            part = _step(part, step)
    except (ValueError, LookupError, RecursionError):
        return ""
    if isinstance(part, bool):
        return "true" if part else "false"
    return part if isinstance(part, str) else ""


def _step(part: Any, step: str | int) -> Any:
    if isinstance(part, dict) and isinstance(step, str):
        return part[step]
    if isinstance(part, list) and isinstance(step, int):
        return part[step]
    raise LookupError


class _Digits(str):
    """A number in JSON, as it is written."""

    __slots__ = ()


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _and(operands: tuple[Expression, ...], event: UsageEvent) -> Value | Unknown:
    return _connected(operands, event, decisive=False)


def _or(operands: tuple[Expression, ...], event: UsageEvent) -> Value | Unknown:
    return _connected(operands, event, decisive=True)


def _connected(
    operands: tuple[Expression, ...], event: UsageEvent, *, decisive: bool
) -> Value | Unknown:
    values = [evaluate(operand, event) for operand in operands]
    if decisive in values:
        return decisive
    return next((value for value in values if isinstance(value, Unknown)), not decisive)


def _choose(operands: tuple[Expression, ...], event: UsageEvent) -> Value | Unknown:
    condition = evaluate(operands[0], event)
    if isinstance(condition, Unknown):
        return condition
    return evaluate(operands[1] if condition else operands[2], event)


def _has(operands: tuple[Expression, ...], event: UsageEvent) -> Value | Unknown:
    return not isinstance(evaluate(operands[0], event), Unknown)


def _divide(dividend: Decimal, divisor: Decimal) -> Decimal | Unknown:
    if not divisor:
        return Unknown("division_by_zero", "a division by zero")
    return dividend / divisor


def _remainder(dividend: Decimal, divisor: Decimal) -> Decimal | Unknown:
    if not divisor:
        return Unknown("division_by_zero", "a division by zero")
    return dividend % divisor


def _stepped(rounding: str) -> Callable[[Decimal, Decimal], Decimal | Unknown]:
    def to_step(number: Decimal, step: Decimal) -> Decimal | Unknown:
        if step <= 0:
            return Unknown("bad_step", "a step that is not larger than 0")
        whole, rest = divmod(abs(number), step)
        if rest and _goes_up(rounding, rest * 2 >= step, number < 0):
            whole += 1
        return (whole * step).copy_sign(number)

    return to_step


def _goes_up(rounding: str, is_half: bool, is_negative: bool) -> bool:
    """Whether a magnitude between two steps goes to the larger one."""
    if rounding == decimal.ROUND_HALF_UP:
        return is_half
    return is_negative if rounding == decimal.ROUND_FLOOR else not is_negative


_LAZY: Mapping[str, Callable[[tuple[Expression, ...], UsageEvent], Value | Unknown]] = {
    "and": _and,
    "or": _or,
    "choose": _choose,
    "has": _has,
}
"""Primitives that can have a value though an operand has none."""

_EAGER: Mapping[str, Callable[..., Value | Unknown]] = {
    "itself": lambda value: value,
    "negate": lambda number: -number,
    "not": lambda truth: not truth,
    "add": lambda left, right: left + right,
    "subtract": lambda left, right: left - right,
    "multiply": lambda left, right: left * right,
    "divide": _divide,
    "remainder": _remainder,
    "join": lambda left, right: left + right,
    "equal": lambda left, right: left == right,
    "unequal": lambda left, right: left != right,
    "less": lambda left, right: left < right,
    "less_or_equal": lambda left, right: left <= right,
    "more": lambda left, right: left > right,
    "more_or_equal": lambda left, right: left >= right,
    "among": lambda value, *options: value in options,
    "ceil_to": _stepped(decimal.ROUND_CEILING),
    "floor_to": _stepped(decimal.ROUND_FLOOR),
    "round_to": _stepped(decimal.ROUND_HALF_UP),
    "abs": abs,
    "min": min,
    "max": max,
    "size": lambda text: Decimal(len(text)),
    "lower": lambda text: text.translate(_LOWER),
    "contains": lambda text, part: part in text,
    "starts_with": lambda text, part: text.startswith(part),
    "ends_with": lambda text, part: text.endswith(part),
}

INTERPRETED = frozenset(_LAZY) | frozenset(_EAGER)
"""The primitives that this interpretation knows."""
