"""The operators and functions of the language: each symbol with its meanings.

Where a symbol has several meanings, the first whose kinds fit is meant. A property by itself fits
every kind, so the first meaning of `==` says how two properties are compared: as texts.
"""

from __future__ import annotations

from tallybook.domain.metering.expressions.nodes import Kind, Primitive

_N, _T, _B = Kind.NUMBER, Kind.TEXT, Kind.TRUTH

NEGATE = Primitive("negate", (_N,), _N)
NOT = Primitive("not", (_B,), _B)
AND = Primitive("and", (_B, _B), _B)
OR = Primitive("or", (_B, _B), _B)
ADD = Primitive("add", (_N, _N), _N)
SUBTRACT = Primitive("subtract", (_N, _N), _N)
MULTIPLY = Primitive("multiply", (_N, _N), _N)
DIVIDE = Primitive("divide", (_N, _N), _N)
REMAINDER = Primitive("remainder", (_N, _N), _N)
JOIN = Primitive("join", (_T, _T), _T)
LESS = Primitive("less", (_N, _N), _B)
LESS_OR_EQUAL = Primitive("less_or_equal", (_N, _N), _B)
MORE = Primitive("more", (_N, _N), _B)
MORE_OR_EQUAL = Primitive("more_or_equal", (_N, _N), _B)
CEIL_TO = Primitive("ceil_to", (_N, _N), _N)
FLOOR_TO = Primitive("floor_to", (_N, _N), _N)
ROUND_TO = Primitive("round_to", (_N, _N), _N)
ABS = Primitive("abs", (_N,), _N)
MIN = Primitive("min", (_N, _N), _N, is_variadic=True)
MAX = Primitive("max", (_N, _N), _N, is_variadic=True)
SIZE = Primitive("size", (_T,), _N)
LOWER = Primitive("lower", (_T,), _T)
CONTAINS = Primitive("contains", (_T, _T), _B)
STARTS_WITH = Primitive("starts_with", (_T, _T), _B)
ENDS_WITH = Primitive("ends_with", (_T, _T), _B)
HAS = Primitive("has", (_T,), _B)

EQUAL = tuple(Primitive("equal", (kind, kind), _B) for kind in (_T, _N, _B))
UNEQUAL = tuple(Primitive("unequal", (kind, kind), _B) for kind in (_T, _N, _B))
AMONG = tuple(Primitive("among", (kind, kind), _B, is_variadic=True) for kind in (_T, _N))
CHOOSE = tuple(Primitive("choose", (_B, kind, kind), kind) for kind in (_N, _T, _B))

AS_NUMBER = Primitive("itself", (_N,), _N)
AS_TEXT = Primitive("itself", (_T,), _T)

BINARY: tuple[dict[str, tuple[Primitive, ...]], ...] = (
    {"||": (OR,)},
    {"&&": (AND,)},
    {
        "==": EQUAL,
        "!=": UNEQUAL,
        "<=": (LESS_OR_EQUAL,),
        ">=": (MORE_OR_EQUAL,),
        "<": (LESS,),
        ">": (MORE,),
        "in": AMONG,
    },
    {"+": (ADD, JOIN), "-": (SUBTRACT,)},
    {"*": (MULTIPLY,), "/": (DIVIDE,), "%": (REMAINDER,)},
)
"""Operators between two operands, the loosest first."""

UNARY = {"-": (NEGATE,), "!": (NOT,)}

FUNCTIONS = {
    "ceil_to": (CEIL_TO,),
    "floor_to": (FLOOR_TO,),
    "round_to": (ROUND_TO,),
    "abs": (ABS,),
    "min": (MIN,),
    "max": (MAX,),
    "size": (SIZE,),
    "lower": (LOWER,),
    "number": (AS_NUMBER,),
    "text": (AS_TEXT,),
    "has": (HAS,),
}
"""Written before their operands in parentheses: `ceil_to(seconds, 60)`."""

METHODS = {
    "contains": (CONTAINS,),
    "startsWith": (STARTS_WITH,),
    "endsWith": (ENDS_WITH,),
}
"""Written after their first operand: `model.startsWith("gpt")`."""

TERNARY = {"?": CHOOSE}

PREFIX = {f"{symbol}x": meanings for symbol, meanings in UNARY.items()}
"""Unary operators are kept apart from the binary ones of the same sign by the `x` behind them."""

MEANINGS: dict[str, tuple[Primitive, ...]] = {
    **{symbol: meanings for level in BINARY for symbol, meanings in level.items()},
    **PREFIX,
    **FUNCTIONS,
    **METHODS,
    **TERNARY,
}
"""Every symbol of the language."""

PRIMITIVES = frozenset(p.name for meanings in MEANINGS.values() for p in meanings)
"""The names that an interpretation of the language has to know."""
