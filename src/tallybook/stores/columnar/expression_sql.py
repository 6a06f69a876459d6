"""A checked expression as SQL over the columns of an event, its values bound as parameters.

It computes what `domain.metering.expressions.evaluate` computes, to the last digit; where that says
`Unknown` this gives NULL. Numbers are `Nullable(Decimal(38, 12))`: each operation is carried out in
256 bits, rounded to 12 places and brought back, or to NULL where it does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from tallybook.domain.metering.expressions.nodes import (
    Application,
    Attribute,
    Expression,
    Kind,
    Literal,
    Property,
    Reading,
)
from tallybook.stores.columnar.parameters import DECIMAL, Parameters

_PLAIN_NUMBER = r"'^[+-]?[0-9]{1,26}(\\.[0-9]{1,12})?$'"
_ANY_NUMBER = r"'^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?$'"
_TEXT_OR_DIGITS = r"""'"((?:[^"\\\\]|\\\\.)*)"|(-?[0-9][0-9.eE+-]*)'"""


def text_sql(source: Property | Reading | Attribute, parameters: Parameters) -> str:
    """The text of a property or attribute; "" where there is none."""
    if isinstance(source, Attribute):
        return f"toString({source.name})"
    name, *steps = source.path
    text = f"properties[{parameters.text(str(name))}]"
    if not steps:
        return text
    # Numbers in JSON would pass through a binary float: they are put in quotes before it is read.
    quoted = f"""replaceRegexpAll({text}, {_TEXT_OR_DIGITS}, '"\\\\1\\\\2"')"""
    way = ", ".join(
        parameters.whole(step + 1) if isinstance(step, int) else parameters.text(step)
        for step in steps
    )
    kind = f"JSONType({quoted}, {way})"
    return (
        f"multiIf({kind} = 'String', JSONExtractString({quoted}, {way}), "
        f"{kind} = 'Bool', JSONExtractRaw({quoted}, {way}), '')"
    )


def expression_sql(expression: Expression, parameters: Parameters) -> str:
    """The SQL of an expression; NULL where the event gives it no value."""
    match expression:
        case Literal(value):
            return _literal(value, parameters)
        case Attribute():
            return f"nullIf({text_sql(expression, parameters)}, '')"
        case Reading():
            return _READINGS[expression.kind](text_sql(expression, parameters))
        case Application(primitive, operands):
            if primitive.name == "has":
                assert isinstance(operands[0], Reading)
                return f"notEmpty({text_sql(operands[0], parameters)})"
            return _SQL[primitive.name](
                *(expression_sql(operand, parameters) for operand in operands)
            )


def _literal(value: Decimal | str | bool, parameters: Parameters) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return parameters.text(value) if isinstance(value, str) else parameters.number(value)


def _number(text: str) -> str:
    """A text as a number. Most are plain and short, and are read at once."""
    exact = f"toDecimal256OrNull(if(match({text}, {_ANY_NUMBER}), {text}, ''), 13)"
    return (
        f"if(match({text}, {_PLAIN_NUMBER}), toDecimal128OrNull({text}, 12), "
        f"{_settled(f'round({exact}, 12)')})"
    )


_READINGS: Mapping[Kind, Callable[[str], str]] = {
    Kind.NUMBER: _number,
    Kind.TEXT: lambda text: f"nullIf({text}, '')",
    Kind.TRUTH: lambda text: f"multiIf({text} = 'true', true, {text} = 'false', false, NULL)",
}


def _wide(number: str) -> str:
    return f"toDecimal256({number}, 12)"


def _settled(wide: str) -> str:
    """A result in 256 bits, back in 128 at 12 places, or NULL if it is too large."""
    return f"accurateCastOrNull({wide}, '{DECIMAL}')"


def _given(names: str, values: tuple[str, ...], result: str) -> str:
    """`result` with each of `names` standing for one of `values`, which is computed once."""
    lists = ", ".join(f"[{value}]" for value in values)
    return f"arrayMap(({names}) -> {result}, {lists})[1]"


def _divide(dividend: str, divisor: str) -> str:
    # One place more than is kept, cut off: enough to round by.
    quotient = f"toDecimal256({dividend}, 13) / nullIf({_wide(divisor)}, toDecimal256(0, 12))"
    return _settled(f"round({quotient}, 12)")


def _remainder(dividend: str, divisor: str) -> str:
    whole = "toDecimal256(truncate(a / nullIf(b, toDecimal256(0, 12))), 0)"
    return _given("a, b", (_wide(dividend), _wide(divisor)), _settled(f"a - b * {whole}"))


def _stepped(goes_up: str) -> Callable[[str, str], str]:
    """The step above the magnitude where there is a rest and `goes_up`, else the one below."""

    def to_step(number: str, step: str) -> str:
        positive = f"if(({step}) > 0, {_wide(step)}, NULL)"
        whole = "toDecimal256(truncate(abs(a) / b), 0)"
        rest = f"(abs(a) - b * {whole})"
        up = f"if({rest} > 0 AND {goes_up.format(rest=rest)}, 1, 0)"
        magnitude = f"b * ({whole} + toDecimal256({up}, 0))"
        return _given(
            "a, b", (_wide(number), positive), _settled(f"if(a < 0, -{magnitude}, {magnitude})")
        )

    return to_step


def _extreme(sign: str) -> Callable[..., str]:
    def extreme(first: str, *others: str) -> str:
        result = first
        for other in others:
            chosen = f"multiIf(isNull(a) OR isNull(b), NULL, a {sign} b, a, b)"
            result = _given("a, b", (result, other), chosen)
        return result

    return extreme


def _choose(condition: str, yes: str, no: str) -> str:
    return f"multiIf(isNull({condition}), NULL, {condition}, {yes}, {no})"


_SQL: Mapping[str, Callable[..., str]] = {
    "itself": lambda value: value,
    "negate": lambda number: _settled(f"-{_wide(number)}"),
    "not": lambda truth: f"(NOT {truth})",
    "and": lambda left, right: f"({left} AND {right})",
    "or": lambda left, right: f"({left} OR {right})",
    "choose": _choose,
    "add": lambda left, right: _settled(f"{_wide(left)} + {_wide(right)}"),
    "subtract": lambda left, right: _settled(f"{_wide(left)} - {_wide(right)}"),
    "multiply": lambda left, right: _settled(f"round({_wide(left)} * {_wide(right)}, 12)"),
    "divide": _divide,
    "remainder": _remainder,
    "join": lambda left, right: f"concat({left}, {right})",
    "equal": lambda left, right: f"({left} = {right})",
    "unequal": lambda left, right: f"({left} != {right})",
    "less": lambda left, right: f"({left} < {right})",
    "less_or_equal": lambda left, right: f"({left} <= {right})",
    "more": lambda left, right: f"({left} > {right})",
    "more_or_equal": lambda left, right: f"({left} >= {right})",
    "among": lambda value, *options: f"({value} IN ({', '.join(options)},))",
    "ceil_to": _stepped("a > 0"),
    "floor_to": _stepped("a < 0"),
    "round_to": _stepped("{rest} * 2 >= b"),
    "abs": lambda number: _settled(f"abs({_wide(number)})"),
    "min": _extreme("<="),
    "max": _extreme(">="),
    "size": lambda text: f"toDecimal128(lengthUTF8({text}), 12)",
    "lower": lambda text: f"lower({text})",
    "contains": lambda text, part: f"(position({text}, {part}) > 0)",
    "starts_with": lambda text, part: f"startsWith({text}, {part})",
    "ends_with": lambda text, part: f"endsWith({text}, {part})",
}

COMPILED = frozenset(_SQL) | {"has"}
"""The primitives that this interpretation knows."""
