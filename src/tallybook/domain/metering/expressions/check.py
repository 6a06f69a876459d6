"""Give every part of an expression its kind, or say at which column the kinds do not fit."""

from __future__ import annotations

from functools import lru_cache

from tallybook.domain.metering.expressions.nodes import (
    Application,
    Attribute,
    Expression,
    Kind,
    Literal,
    Node,
    Operation,
    Primitive,
    Property,
    Reading,
    kind_of,
    refusal,
)
from tallybook.domain.metering.expressions.parser import parse
from tallybook.domain.metering.expressions.primitives import CEIL_TO, FLOOR_TO, MEANINGS, ROUND_TO

MOST_PARTS = 200
"""How many parts an expression may have."""

_STEPPED = frozenset({CEIL_TO, FLOOR_TO, ROUND_TO})
_WRITTEN = {"-x": "-", "!x": "!", "?": "? :"}
_A = {Kind.NUMBER: "a number", Kind.TEXT: "a text", Kind.TRUTH: "true or false"}


@lru_cache(maxsize=4096)
def checked(text: str, wanted: Kind) -> Expression:
    """The expression that `text` says, giving `wanted`; `Invalid` names the column of what is off.

    A property is read as the kind that its place asks for. Where two properties meet and nothing
    tells their kind they are compared as texts.
    """
    node = parse(text)
    checker = _Checker(text)
    if checker.count(node) > MOST_PARTS:
        raise refusal(text, 1, f"The expression has more than {MOST_PARTS} parts")
    return checker.resolve(node, wanted)


class _Checker:
    def __init__(self, text: str) -> None:
        self._text = text
        self._hints: dict[Node, Kind | None] = {}

    def count(self, node: Node) -> int:
        if isinstance(node, Operation):
            return 1 + sum(self.count(operand) for operand in node.operands)
        return 1

    def resolve(self, node: Node, wanted: Kind) -> Expression:
        """`node` as an expression that gives `wanted`."""
        match node:
            case Property(path, column):
                return Reading(path, wanted, column)
            case Operation():
                return self._resolve_operation(node, wanted)
        given = kind_of(node)
        if given is not wanted:
            raise refusal(
                self._text, node.column, f"Here should stand {_A[wanted]}, not {_A[given]}"
            )
        return node

    def _resolve_operation(self, node: Operation, wanted: Kind) -> Application:
        fitting = self._fitting(node)
        for primitive in fitting:
            if primitive.gives is wanted:
                kinds = primitive.kinds(len(node.operands))
                assert kinds is not None, "fitting meanings take that many operands"
                operands = zip(node.operands, kinds, strict=True)
                resolved = tuple(self.resolve(operand, kind) for operand, kind in operands)
                self._check_step(primitive, resolved)
                return Application(primitive, resolved, node.column)
        gives = _A[fitting[0].gives]
        raise refusal(
            self._text,
            node.column,
            f"{_written(node)!r} gives {gives}, and here should stand {_A[wanted]}",
        )

    def _fitting(self, node: Operation) -> list[Primitive]:
        """The meanings of a symbol that its operands allow; a refusal if there is none."""
        meanings = MEANINGS[node.symbol]
        counted = [meaning for meaning in meanings if meaning.kinds(len(node.operands))]
        if not counted:
            needs = f"{len(meanings[0].takes)}{' or more' if meanings[0].is_variadic else ''}"
            raise refusal(
                self._text,
                node.column,
                f"{_written(node)!r} takes {needs} operands, not {len(node.operands)}",
            )
        hints = [self._hint(operand) for operand in node.operands]
        fitting = [meaning for meaning in counted if _fits(meaning, hints)]
        if fitting:
            return fitting
        kinds = counted[0].kinds(len(hints)) or ()
        for operand, hint, kind in zip(node.operands, hints, kinds, strict=True):
            if len(counted) == 1 and hint not in (None, kind):
                raise refusal(
                    self._text,
                    operand.column,
                    f"{_written(node)!r} takes {_A[kind]} here, not {_A[hint]}",
                )
        found = " and ".join(dict.fromkeys(_A[hint] for hint in hints if hint))
        raise refusal(self._text, node.column, f"{_written(node)!r} does not go with {found}")

    def _hint(self, node: Node) -> Kind | None:
        """The kind a part has by itself; None for a property, which may be read as any."""
        match node:
            case Literal():
                return node.kind
            case Attribute():
                return Kind.TEXT
            case Property():
                return None
        if node not in self._hints:
            gives = {meaning.gives for meaning in self._fitting(node)}
            self._hints[node] = gives.pop() if len(gives) == 1 else None
        return self._hints[node]

    def _check_step(self, primitive: Primitive, operands: tuple[Expression, ...]) -> None:
        if primitive not in _STEPPED:
            return
        step = operands[1]
        if isinstance(step, Literal) and not isinstance(step.value, str) and step.value <= 0:
            raise refusal(self._text, step.column, "A step is larger than 0")


def _fits(meaning: Primitive, hints: list[Kind | None]) -> bool:
    kinds = meaning.kinds(len(hints))
    assert kinds is not None, "only meanings that take that many are asked"
    return all(hint in (None, kind) for hint, kind in zip(hints, kinds, strict=True))


def _written(node: Operation) -> str:
    return _WRITTEN.get(node.symbol, node.symbol)
