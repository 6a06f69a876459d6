"""From text to the parts of an expression.

choice   = or [ "?" choice ":" choice ]
or       = and { "||" and }
and      = relation { "&&" relation }
relation = sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum | "in" list ]
sum      = product { ("+" | "-") product }
product  = unary { ("*" | "/" | "%") unary }
unary    = ("-" | "!") unary | postfix
postfix  = primary { "." method "(" choice { "," choice } ")" }
primary  = number | text | "true" | "false" | function "(" … ")" | path | "(" choice ")"
path     = name { "." name | "[" (whole number | text) "]" }
list     = "[" literal { "," literal } "]"
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from tallybook.domain.kernel.decimals import parse_decimal
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.metering.expressions.nodes import (
    Attribute,
    Literal,
    Node,
    Operation,
    Property,
    refusal,
)
from tallybook.domain.metering.expressions.primitives import BINARY, FUNCTIONS, METHODS, UNARY

LONGEST = 2000
"""Characters that an expression may have."""

DEEPEST = 40
"""How deep parentheses, functions and choices may be nested in each other."""

ATTRIBUTES = ("actor", "customer", "id", "source", "type")
"""What of an event's envelope an expression can read, as `event.actor`."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<sign>&&|\|\||[=!<>]=|[-+*/%!<>?:()\[\],.])
      | (?P<end>$)
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_RELATION = len(BINARY) - 3


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Read an expression; `Invalid` names the column where it cannot be read."""
    if len(text) > LONGEST:
        raise refusal(text, LONGEST, f"The expression is longer than {LONGEST} characters")
    return _Parser(text).whole()


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Property | Attribute:
    """Read a property's name, or an attribute such as `event.actor`, and nothing else."""
    node = parse(text)
    if not isinstance(node, Property | Attribute):
        raise refusal(text, 1, "This is not the name of a property")
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._choice()
        if self._now.kind != "end":
            raise self._refusal(self._now, f"{self._now.text!r} does not belong here")
        return node

    def _unreadable(self, at: int) -> Invalid:
        sign = self._text[at]
        if sign in "'\"":
            return refusal(
                self._text,
                at + 1,
                "The text that begins here does not end",
                mend=f"End it by {sign}.",
            )
        named = 'Write a name with other signs than a-z, A-Z, 0-9 and _ as properties["..."].'
        return refusal(
            self._text,
            at + 1,
            f"{sign!r} does not belong here",
            mend=named if sign.isalpha() else "",
        )

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while not tokens or tokens[-1].kind != "end":
            found = _TOKEN.match(self._text, at)
            if found is None:
                raise self._unreadable(len(self._text) - len(self._text[at:].lstrip()))
            kind = found.lastgroup
            assert kind is not None
            tokens.append(_Token(kind, found[kind], found.start(kind) + 1))
            at = found.end()
        return tokens

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._now
        self._at += 1
        return token

    def _took(self, *signs: str) -> _Token | None:
        """The next token, taken, if it is one of `signs`."""
        token = self._now
        if token.text in signs and token.kind in ("sign", "name"):
            return self._next()
        return None

    def _expect(self, sign: str) -> None:
        if not self._took(sign):
            raise self._refusal(self._now, f"{sign!r} is missing here")

    def _choice(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._refusal(self._now, f"The expression is nested more than {DEEPEST} deep")
        condition = self._binary(0)
        mark = self._took("?")
        if mark:
            yes = self._choice()
            self._expect(":")
            condition = Operation("?", (condition, yes, self._choice()), mark.column)
        self._depth -= 1
        return condition

    def _binary(self, level: int) -> Node:
        if level == len(BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while sign := self._took(*BINARY[level]):
            if sign.text == "in":
                left = Operation("in", (left, *self._options()), sign.column)
            else:
                left = Operation(sign.text, (left, self._binary(level + 1)), sign.column)
            if level == _RELATION and self._now.text in BINARY[level]:
                raise self._refusal(
                    self._now, "Comparisons do not follow each other", mend="Use &&."
                )
        return left

    def _unary(self) -> Node:
        signs = []
        while sign := self._took(*UNARY):
            signs.append(sign)
        node = self._postfix()
        for sign in reversed(signs):
            node = Operation(f"{sign.text}x", (node,), sign.column)
        if len(signs) > DEEPEST:
            raise self._refusal(signs[0], "So many signs in a row mean nothing")
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        while self._now.text == "." and self._now.kind == "sign":
            self._next()
            name = self._next()
            if name.text not in METHODS:
                raise self._refusal(name, f"There is no method {name.text!r}", mend=_known(METHODS))
            self._expect("(")
            node = Operation(name.text, (node, *self._arguments()), name.column)
        return node

    def _primary(self) -> Node:
        token = self._next()
        if token.kind in ("number", "text"):
            return self._literal(token)
        if token.kind == "name" and token.text != "in":
            return self._named(token)
        if token.text == "(" and token.kind == "sign":
            node = self._choice()
            self._expect(")")
            return node
        if token.kind == "end":
            raise self._refusal(token, "The expression ends where a value should stand")
        raise self._refusal(token, f"A value should stand here, not {token.text!r}")

    def _named(self, token: _Token) -> Node:
        if token.text in ("true", "false"):
            return Literal(token.text == "true", token.column)
        if self._now.text != "(":
            return self._path(token)
        if token.text not in FUNCTIONS:
            raise self._refusal(
                token, f"There is no function {token.text!r}", mend=_known(FUNCTIONS)
            )
        self._next()
        operands = self._arguments()
        if token.text == "has" and not all(isinstance(each, Property) for each in operands):
            raise self._refusal(token, "has() takes the name of a property")
        return Operation(token.text, operands, token.column)

    def _arguments(self) -> tuple[Node, ...]:
        operands = [self._choice()]
        while self._took(","):
            operands.append(self._choice())
        self._expect(")")
        return tuple(operands)

    def _options(self) -> tuple[Node, ...]:
        self._expect("[")
        options = [self._option()]
        while self._took(","):
            options.append(self._option())
        self._expect("]")
        return tuple(options)

    def _option(self) -> Node:
        minus = self._took("-")
        token = self._next()
        if token.kind not in ("number", "text") or (minus and token.kind == "text"):
            raise self._refusal(token, "A list after `in` holds numbers or texts only")
        literal = self._literal(token)
        if minus and isinstance(literal.value, Decimal):
            return Literal(-literal.value, minus.column)
        return literal

    def _path(self, first: _Token) -> Node:
        steps: list[str | int] = [first.text]
        while True:
            if self._now.text == "." and self._is_step():
                self._next()
                steps.append(self._next().text)
            elif self._took("["):
                steps.append(self._index())
                self._expect("]")
            else:
                break
        if steps[0] == "event":
            return self._attribute(first, steps[1:])
        if steps[0] == "properties" and len(steps) > 1:
            steps = steps[1:]
            if isinstance(steps[0], int):
                raise self._refusal(first, "Properties have names, not numbers")
        return Property(tuple(steps), first.column)

    def _is_step(self) -> bool:
        """Whether a further name follows the point, and not a method."""
        name = self._tokens[self._at + 1]
        return name.kind == "name" and self._tokens[self._at + 2].text != "("

    def _index(self) -> str | int:
        token = self._next()
        if token.kind == "number" and token.text.isdigit() and len(token.text) < 7:
            return int(token.text)
        if token.kind == "text":
            value = self._literal(token).value
            assert isinstance(value, str)
            return value
        raise self._refusal(token, "In [ ] stands a whole number or a name in quotes")

    def _attribute(self, first: _Token, steps: list[str | int]) -> Node:
        if len(steps) != 1 or steps[0] not in ATTRIBUTES:
            raise self._refusal(
                first,
                "`event` has no such part",
                mend=f"Use one of {', '.join(f'event.{name}' for name in ATTRIBUTES)}; "
                "a property of the name `event` is written properties.event.",
            )
        return Attribute(str(steps[0]), first.column)

    def _literal(self, token: _Token) -> Literal:
        if token.kind == "text":
            return Literal(self._unescaped(token), token.column)
        try:
            return Literal(parse_decimal(token.text), token.column)
        except Invalid as trouble:
            raise self._refusal(
                token, trouble.message.removesuffix("."), mend=trouble.mend
            ) from None

    def _unescaped(self, token: _Token) -> str:
        def meant(found: re.Match[str]) -> str:
            code = found[1]
            if len(code) == 5 and not 0xD800 <= int(code[1:], 16) < 0xE000:
                return chr(int(code[1:], 16))
            if code not in _ESCAPED:
                mend = r"Use \n \t \r \\ \' \" or \uXXXX."
                raise self._refusal(token, f"{found[0]!r} is no escape", mend=mend)
            return _ESCAPED[code]

        return _ESCAPE.sub(meant, token.text[1:-1])

    def _refusal(self, token: _Token, trouble: str, *, mend: str = "") -> Invalid:
        return refusal(self._text, token.column, trouble, mend=mend)


def _known(symbols: Iterable[str]) -> str:
    return f"Use one of {', '.join(symbols)}."
