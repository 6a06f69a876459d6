"""The two interpretations of the meters' language agree, to the last digit."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybook.domain.events.event import UsageEvent
from tallybook.domain.metering.expressions.check import checked
from tallybook.domain.metering.expressions.evaluate import INTERPRETED, Unknown, evaluate
from tallybook.domain.metering.expressions.nodes import Kind
from tallybook.domain.metering.expressions.primitives import PRIMITIVES
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.expression_sql import COMPILED, expression_sql
from tallybook.stores.columnar.parameters import Parameters

NAMES = ("a", "b", "t")

NUMBERS = [
    "0",
    "-0",
    "1",
    "-1",
    "60",
    "1e3",
    "-2.5E-1",
    "0.5",
    ".5",
    "5.",
    "+7",
    "1e-12",
    "5e-13",
    "4.9e-13",
    "-5e-13",
    "1e12",
    "1e25",
    "1e26",
    "1.8e26",
    "1e62",
    "1e63",
    "1e999",
    "1e-400",
    "0.1234567890125",
    "-0.0000000000005",
    "99999999999999999999999999",
    "99999999999999999999999999.9999999999995",
    "000000000000000000000000000000000000000007",
    "170141183460469231731687303.715884105727",
    "170141183460469231731687303.7158841057275",
    "-170141183460469231731687303.715884105727",
    "-170141183460469231731687303.715884105728",
]
"""Numbers at the edges of what can be read and computed with."""

TEXTS = (
    *("", " 5", "5 ", '{"x": 1.10, "y": ["2", true]}', "ÄÖ é😀", "١"),
    *[
        "true",
        "false",
        "null",
        "gpt-4",
        "GPT",
        "1.2.3",
        "-",
        "e5",
        ".",
        "1e",
        "NaN",
        "inf",
        "1_000",
        "0x10",
        "1,5",
        "+-5",
        "1..2",
        "1e5e5",
    ],
)
"""Texts that are no numbers, some nearly."""

numbers = st.one_of(
    st.sampled_from(NUMBERS),
    st.integers(-(10**6), 10**6).map(str),
    st.decimals(-(10**9), 10**9, places=4).map(str),
    st.decimals(-100, 100, places=14).map(lambda number: format(number, "f")),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)
texts = st.one_of(
    st.sampled_from(TEXTS),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6),
)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


json_numbers = numbers.filter(_is_json)
documents = st.builds(
    lambda x, y, s: f'{{"x": {x}, "y": [{y}, {json.dumps(s)}, null], "z": {{"x": true}}}}',
    json_numbers,
    json_numbers,
    texts,
)
properties = st.dictionaries(st.sampled_from(NAMES), st.one_of(numbers, numbers, texts, documents))


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else '"x"'


leaves = {
    Kind.NUMBER: st.one_of(
        st.sampled_from([*NAMES, "t.x", "t.y[0]", "t.y[1]", "t.z.x", "q"]),
        st.sampled_from(["0", "1", "2.5", "60", "1e12", "0.000000000001", "1e25"]),
    ),
    Kind.TEXT: st.one_of(
        st.sampled_from([*NAMES, "t.y[1]", "t.x", "q", "event.actor", "event.source"]),
        texts.map(_quote),
    ),
    Kind.TRUTH: st.sampled_from([*NAMES, "t.z.x", "q", "true", "false"]),
}


def _binary(signs: list[str], left: Any, right: Any) -> Any:
    return st.builds(lambda a, sign, b: f"({a} {sign} {b})", left, st.sampled_from(signs), right)


def _called(names: list[str], *operands: Any) -> Any:
    joined = st.tuples(*operands).map(", ".join)
    return st.builds(lambda name, given: f"{name}({given})", st.sampled_from(names), joined)


def _numeric(text: str) -> str:
    return f"number({text})"


def _textual(text: str) -> str:
    return f"text({text})"


@functools.cache  # made anew for every example, the strategies cost ten times the engine's answers
def _expressions(kind: Kind, depth: int) -> st.SearchStrategy[str]:
    """Texts of expressions that give `kind`."""
    if not depth:
        return leaves[kind]
    number, text, truth = (_expressions(kind, depth - 1) for kind in Kind)
    itself = _expressions(kind, depth - 1)
    choices = [itself, st.builds(lambda c, y, n: f"({c} ? {y} : {n})", truth, itself, itself)]
    if kind is Kind.NUMBER:
        step = leaves[kind].filter(lambda leaf: leaf != "0")
        choices += [
            _binary(["+", "-", "*", "/", "%", "*", "/", "+"], number, number),
            _called(["ceil_to", "floor_to", "round_to"], number, step.map(_numeric)),
            _called(["min", "max"], number, number, st.just("7")),
            number.map(lambda a: f"abs(-{a})"),
            text.map(lambda a: f"size({a})"),
        ]
    elif kind is Kind.TEXT:
        choices += [text.map(lambda a: f"lower({a})"), _binary(["+"], text.map(_textual), text)]
    else:
        methods = st.sampled_from(["contains", "startsWith", "endsWith"])
        choices += [
            _binary(["&&", "||"], truth, truth),
            truth.map(lambda a: f"(!{a})"),
            _binary(["==", "!=", "<", "<=", ">", ">="], number.map(_numeric), number),
            _binary(["==", "!="], text.map(_textual), text),
            st.sampled_from(["has(a)", "has(t.y)", "has(t.y[1])"]),
            st.sampled_from(["(a in [1, -2.5, 1e3])", '(b in ["true", "gpt-4"])']),
            st.builds(lambda a, m, b: f"text({a}).{m}({b})", text, methods, text),
        ]
    return st.one_of(choices)


expressions = st.one_of(
    [
        st.tuples(st.just(kind), _expressions(kind, 3).filter(lambda text: len(text) < 900))
        for kind in Kind
    ]
)


@pytest.fixture(scope="module")
def engine(engines_home: Path) -> Iterator[Columnar]:
    """The embedded engine; nothing is stored."""
    store = Columnar(f"chdb://{engines_home / 'events'}", database="expressions")
    yield store
    store.close()


def compute(engine: Columnar, text: str, kind: Kind, given: dict[str, str]) -> Any:
    """What the engine makes of an expression for an event with these properties."""
    parameters = Parameters()
    sql = expression_sql(checked(text, kind), parameters)
    keys, values = parameters.texts(list(given)), parameters.texts(list(given.values()))
    shown = f"toString({sql})" if kind is not Kind.TRUTH else f"toUInt8({sql})"
    event = (
        f"SELECT mapFromArrays({keys}, {values}) AS properties, '' AS actor, 'api' AS source "
        "FROM numbers(1)"
    )
    with engine.client() as client:
        rows = client.query(f"SELECT {shown} FROM ({event})", parameters=parameters.values)
    return rows.result_rows[0][0]


def both(engine: Columnar, text: str, kind: Kind, given: dict[str, str]) -> tuple[Any, Any]:
    """The domain's value and the engine's, both of the same Python type; None if there is none."""
    event = UsageEvent(
        type="t",
        customer="c",
        id="1",
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        properties=given,
    )
    wanted = evaluate(checked(text, kind), event)
    found = compute(engine, text, kind, given)
    reads = {Kind.NUMBER: Decimal, Kind.TRUTH: bool, Kind.TEXT: str}[kind]
    domain = None if isinstance(wanted, Unknown) else wanted
    return domain, None if found is None else reads(found)


@given(expressions, properties)
@settings(max_examples=300, deadline=None)
def test_the_engine_computes_what_the_domain_computes(
    engine: Columnar, expression: tuple[Kind, str], given: dict[str, str]
) -> None:
    """Any expression over any event: the same value, or none in both."""
    kind, text = expression
    domain, engines = both(engine, text, kind, given)
    assert engines == domain, f"{text} of {given}"
    assert type(engines) is type(domain)


@given(st.one_of(numbers, texts))
@settings(max_examples=300, deadline=None)
def test_a_number_is_read_alike(engine: Columnar, text: str) -> None:
    """Any text: the same number, or none in both."""
    domain, engines = both(engine, "a", Kind.NUMBER, {"a": text})
    assert engines == domain


def test_every_primitive_has_two_interpretations() -> None:
    assert INTERPRETED == PRIMITIVES
    assert COMPILED == PRIMITIVES
