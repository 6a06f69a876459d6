"""The parts of an expression, as read and as checked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tallybook.domain.kernel.errors import Invalid


class Kind(StrEnum):
    """What an expression gives."""

    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the text itself."""

    value: Decimal | str | bool
    column: int

    @property
    def kind(self) -> Kind:
        """What it is written as."""
        if isinstance(self.value, bool):
            return Kind.TRUTH
        return Kind.TEXT if isinstance(self.value, str) else Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Property:
    """A property of the event, by its name and the way into it (`usage.tokens`, `parts[0].size`).

    How its text is to be read is not known from itself: it follows from where it stands.
    """

    path: tuple[str | int, ...]
    column: int

    def __str__(self) -> str:
        return spelled(self.path)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A part of the event's envelope: `event.actor`."""

    name: str
    column: int

    def __str__(self) -> str:
        return f"event.{self.name}"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator or function over its operands, as read; `symbol` is how it is written."""

    symbol: str
    operands: tuple[Node, ...]
    column: int


Node = Literal | Property | Attribute | Operation


@dataclass(frozen=True, slots=True)
class Primitive:
    """One meaning of a symbol: a name, the kinds it takes and the kind it gives.

    If `is_variadic`, the last kind may be taken any number of times more.
    """

    name: str
    takes: tuple[Kind, ...]
    gives: Kind
    is_variadic: bool = False

    def kinds(self, count: int) -> tuple[Kind, ...] | None:
        """The kind of each of `count` operands; None if it does not take that many."""
        missing = count - len(self.takes)
        if missing and not (self.is_variadic and missing > 0):
            return None
        return self.takes + self.takes[-1:] * missing


@dataclass(frozen=True, slots=True)
class Reading:
    """A property whose text is read as a value of `kind`."""

    path: tuple[str | int, ...]
    kind: Kind
    column: int

    def __str__(self) -> str:
        return spelled(self.path)


@dataclass(frozen=True, slots=True)
class Application:
    """A primitive over operands of the kinds that it takes."""

    primitive: Primitive
    operands: tuple[Expression, ...]
    column: int


Expression = Literal | Reading | Attribute | Application
"""A checked expression: every part has a kind, and nothing in it can fail but for its event."""


def kind_of(expression: Expression) -> Kind:
    """What a checked expression gives."""
    match expression:
        case Literal() | Reading():
            return expression.kind
        case Attribute():
            return Kind.TEXT
        case Application(primitive):
            return primitive.gives


def spelled(path: tuple[str | int, ...]) -> str:
    """A path as it is written."""
    rest = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path[1:])
    return f"{path[0]}{rest}"


def refusal(text: str, column: int, trouble: str, *, mend: str = "") -> Invalid:
    """What is wrong with an expression, and at which column of it."""
    return Invalid(
        "bad_expression",
        f"{trouble} (column {column} of {text[:200]!r})",
        mend=mend or "Mend the expression at that column.",
    )
