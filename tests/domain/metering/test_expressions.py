"""The meters' language: what is read, what is refused and at which column, what comes out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_rows import event
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.metering.expressions.check import MOST_PARTS, checked
from tallybook.domain.metering.expressions.evaluate import Unknown, evaluate
from tallybook.domain.metering.expressions.nodes import Kind, kind_of
from tallybook.domain.metering.expressions.parser import DEEPEST, LONGEST, parse_path
from tallybook.domain.metering.expressions.sense import check_sense

NUMBER, TEXT, TRUTH = Kind.NUMBER, Kind.TEXT, Kind.TRUTH

CALL = event(
    "2026-03-01T00:00:00Z",
    {
        "seconds": 61,
        "input": 1000,
        "output": "2.5",
        "model": "gpt-4o",
        "cached": "true",
        "zero": 0,
        "half": "0.0000000000005",
        "version": "1.2.3",
        "float": "0.30000000000000004",
        "usage": '{"tokens":1.10,"parts":[{"size":5},{"size":"7"}],"free":true,"none":null,'
        '"a b":3}',
        "empty": "",
        "a b": 9,
    },
    actor="ann",
)


@pytest.mark.parametrize(
    ("text", "kind", "value", "why"),
    [
        ("input + 4 * output", NUMBER, "1010", "products before sums"),
        ("(input + 4) * output", NUMBER, "2510", "parentheses first"),
        ("10 - 2 - 3", NUMBER, "5", "from the left"),
        ("-2 * -output", NUMBER, "5", "signs bind tightest"),
        ("7 / 2 * 2", NUMBER, "7", "from the left"),
        ("2 / 3", NUMBER, "0.666666666667", "rounded to 12 places, half away from zero"),
        ("-2 / 3", NUMBER, "-0.666666666667", "away from zero on both sides"),
        ("half", NUMBER, "0.000000000001", "half a unit of the last place goes up"),
        ("float", NUMBER, "0.3", "a sender's rounding error is no reason not to count"),
        ("-7.5 % 2", NUMBER, "-1.5", "the sign of the dividend"),
        ("7.5 % -2", NUMBER, "1.5", "the sign of the dividend"),
        ("ceil_to(seconds, 60)", NUMBER, "120", "a minute begun"),
        ("ceil_to(60, 60)", NUMBER, "60", "a minute full"),
        ("ceil_to(0, 60)", NUMBER, "0", "none begun"),
        ("ceil_to(-61, 60)", NUMBER, "-60", "up is towards more"),
        ("max(60, ceil_to(seconds, 6))", NUMBER, "66", "60/6"),
        ("floor_to(-61, 60)", NUMBER, "-120", "down is towards less"),
        ("round_to(90, 60)", NUMBER, "120", "half goes away from zero"),
        ("round_to(-90, 60)", NUMBER, "-120", "half goes away from zero"),
        ("ceil_to(0.3, 0.1)", NUMBER, "0.3", "no binary fraction is in the way"),
        ("min(3, seconds, 2)", NUMBER, "2", "of any number"),
        ("abs(-output)", NUMBER, "2.5", ""),
        ("1e3 + 1E-2", NUMBER, "1000.01", "scientific notation"),
        ("usage.tokens * 2", NUMBER, "2.2", "a path into an object"),
        ("usage.parts[0].size + usage.parts[1].size", NUMBER, "12", "and into a list"),
        ('usage["a b"]', NUMBER, "3", "a name in quotes"),
        ('properties["a b"]', NUMBER, "9", "a property of a name with a blank"),
        ("properties.seconds", NUMBER, "61", "the long way"),
        ("cached ? output : input", NUMBER, "2.5", "a property as a truth"),
        ("usage.free ? 1 : 2", NUMBER, "1", "a truth inside an object"),
        ('model == "gpt-4o" && seconds > 60', TRUTH, True, ""),
        ("!(seconds >= 61)", TRUTH, False, ""),
        ("seconds == 61.0", TRUTH, True, "compared as numbers"),
        ('seconds == "61.0"', TRUTH, False, "compared as texts"),
        ("seconds in [60, 61]", TRUTH, True, ""),
        ('model in ["a", \'gpt-4o\']', TRUTH, True, "either quotes"),
        ("seconds in [-61]", TRUTH, False, "a negative literal"),
        ('model.startsWith("gpt") || zero > 1', TRUTH, True, ""),
        ('lower("GPT").contains("pt")', TRUTH, True, ""),
        ('model.endsWith("4")', TRUTH, False, ""),
        ("cached == true", TRUTH, True, ""),
        ("has(model) && !has(nothing) && !has(empty)", TRUTH, True, "empty is as good as none"),
        ("has(usage.parts[1].size) && !has(usage.parts[2])", TRUTH, True, ""),
        ('model + "/" + event.actor', TEXT, "gpt-4o/ann", "a text among the operands joins"),
        ("text(input) + text(output)", TEXT, "10002.5", "said to be texts"),
        ("size(model) * 2", NUMBER, "12", ""),
        ('"tab\\t\\u00e9"', TEXT, "tab\té", "escapes"),
        ("false && nothing > 1", TRUTH, False, "false whatever the other is"),
        ("nothing > 1 || true", TRUTH, True, "true whatever the other is"),
    ],
)  # fmt: skip
def test_what_an_expression_gives(text: str, kind: Kind, value: Any, why: str) -> None:
    expression = checked(text, kind)
    assert kind_of(expression) is kind
    found = evaluate(expression, CALL)
    assert found == (Decimal(value) if kind is NUMBER else value), why


@pytest.mark.parametrize(
    ("text", "code", "sentence", "why"),
    [
        ("nothing", "missing", "there is no property nothing", ""),
        ("empty", "missing", "there is no property empty", "empty is as good as none"),
        ("usage.none", "missing", "there is no property usage.none", "null too"),
        ("usage.parts", "missing", "there is no property usage.parts", "a list is no number"),
        ("model.more", "missing", "there is no property model.more", "no object to look into"),
        ("model", "not_a_number", "model is 'gpt-4o', not a number", ""),
        ("version", "not_a_number", "version is '1.2.3', not a number", "not 1.23"),
        ("cached", "not_a_number", "cached is 'true', not a number", "not 1"),
        ("input / zero", "division_by_zero", "a division by zero", ""),
        ("input % zero", "division_by_zero", "a division by zero", ""),
        ("ceil_to(input, zero)", "bad_step", "a step that is not larger than 0", ""),
        ("model ? 1 : 2", "not_true_or_false", "model is 'gpt-4o', not a truth", ""),
        ("1e25 * 100", "too_large", "a result is larger than a quantity can be", ""),
        ("zero > 1 ? 1 : nothing", "missing", "there is no property nothing", "the branch taken"),
        ("max(1, nothing)", "missing", "there is no property nothing", "not the other one"),
    ],
)
def test_why_there_is_no_value(text: str, code: str, sentence: str, why: str) -> None:
    assert evaluate(checked(text, NUMBER), CALL) == Unknown(code, sentence), why


@pytest.mark.parametrize(
    ("text", "kind", "column", "trouble"),
    [
        ("", NUMBER, 1, "ends where a value should stand"),
        ("   ", NUMBER, 4, "ends where a value should stand"),
        ("tokens +", NUMBER, 9, "ends where a value should stand"),
        ("tokens +* 2", NUMBER, 9, "not '*'"),
        ("tokens tokens", NUMBER, 8, "'tokens' does not belong here"),
        ("tokens # 2", NUMBER, 8, "'#' does not belong here"),
        ("(tokens", NUMBER, 8, "')' is missing here"),
        ("a ? b", NUMBER, 6, "':' is missing here"),
        ("ceil(a, 2)", NUMBER, 1, "no function 'ceil'"),
        ("model.matches('x')", TRUTH, 7, "no method 'matches'"),
        ("ceil_to(a)", NUMBER, 1, "'ceil_to' takes 2 operands, not 1"),
        ("ceil_to(a, 0)", NUMBER, 12, "A step is larger than 0"),
        ("has(1)", TRUTH, 1, "has() takes the name of a property"),
        ("a < b < c", TRUTH, 7, "do not follow each other"),
        ("a in [b]", TRUTH, 7, "numbers or texts only"),
        ("a in 5", TRUTH, 6, "'[' is missing here"),
        ('a in [1, "x"]', TRUTH, 3, "does not go with a number and a text"),
        ("1 + 'x'", NUMBER, 3, "does not go with a number and a text"),
        ("a && 1", TRUTH, 6, "takes true or false here, not a number"),
        ("a + b", TRUTH, 3, "'+' gives a number"),
        ("'x'", NUMBER, 1, "should stand a number, not a text"),
        ("true", NUMBER, 1, "should stand a number, not true or false"),
        ("event.time", TEXT, 1, "`event` has no such part"),
        ("a[-1]", NUMBER, 3, "a whole number or a name in quotes"),
        ("'open", TEXT, 1, "The text that begins here does not end"),
        ('lower(a + "open)', TEXT, 11, "The text that begins here does not end"),
        ("größe + 1", NUMBER, 3, "'ö' does not belong here"),
        (r"'\q'", TEXT, 1, "is no escape"),
        (r"'\ud800'", TEXT, 1, "is no escape"),
        ("1e400", NUMBER, 1, "digits before the point"),
        ("0.0000000000001", NUMBER, 1, "decimal places"),
        ("(" * (DEEPEST + 1) + "a", NUMBER, DEEPEST + 1, "nested more than"),
        ("-" * (DEEPEST + 1) + "a", NUMBER, 1, "signs in a row"),
        ("a" * (LONGEST + 1), NUMBER, LONGEST, "longer than"),
        ("+".join("a" * MOST_PARTS), NUMBER, 1, "parts"),
    ],
)
def test_what_is_refused_and_where(text: str, kind: Kind, column: int, trouble: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked(text, kind)
    assert refused.value.code == "bad_expression"
    assert f"(column {column} of " in refused.value.message
    assert trouble in refused.value.message
    assert refused.value.mend


@pytest.mark.parametrize(
    ("text", "kind", "column", "trouble", "why"),
    [
        ("input / 0", NUMBER, 9, "This is zero", "no event has a value"),
        ("input % 0.0", NUMBER, 9, "This is zero", "however it is written"),
        ("input / (1 - 1)", NUMBER, 12, "This is zero", "nor what comes to it"),
        ("input / (1e-12 / 10)", NUMBER, 16, "This is zero", "rounded to 12 places it is"),
        ("1 + -(input / -0)", NUMBER, 15, "This is zero", "within what is more"),
        ("has(input) ? input : 1 / 0", NUMBER, 26, "This is zero", "in a branch seldom taken"),
        ("false && 1 / 0 > 1", TRUTH, 14, "This is zero", "where it would not matter"),
        ("ceil_to(input, -60)", NUMBER, 16, "A step is larger than 0", "not backwards"),
        ("round_to(input, 2 - 2)", NUMBER, 19, "A step is larger than 0", "not on the spot"),
        ("input + 1e25 * 100", NUMBER, 14, "larger than a quantity can be", "it never fits"),
        ("input * 1e27", NUMBER, 9, "digits before the point", "nor does this by itself"),
        ("'a' * 2", NUMBER, 1, "takes a number here, not a text", "unlike kinds"),
        ("input < 'a'", TRUTH, 9, "takes a number here, not a text", "of texts none is less"),
        ("1 == 'a'", TRUTH, 3, "does not go with", "unlike kinds are never compared"),
        ("true != 1", TRUTH, 6, "does not go with", "nor these"),
        ("event.actor == 5", TRUTH, 13, "does not go with", "an actor is a text"),
        ("size(model) in ['a']", TRUTH, 13, "does not go with", "a size is a number"),
        ("number('abc') > 1", TRUTH, 8, "takes a number here", "a text stays one"),
    ],
)
def test_what_never_has_a_value_is_refused_and_where(
    text: str, kind: Kind, column: int, trouble: str, why: str
) -> None:
    with pytest.raises(Invalid) as refused:
        check_sense(text, kind)
    assert refused.value.code == "bad_expression"
    assert f"(column {column} of " in refused.value.message, (refused.value.message, why)
    assert trouble in refused.value.message, why
    assert refused.value.mend, why


@pytest.mark.parametrize(
    ("text", "kind", "value", "why"),
    [
        ("input / zero", NUMBER, None, "zero is a property, and another in another event"),
        ("0 / input", NUMBER, None, "nothing divided"),
        ("input / 0.000000000001", NUMBER, None, "small is not zero"),
        ("nothing > 1", TRUTH, None, "a property that may come"),
        ("7 / 2", NUMBER, Decimal("3.5"), "the same for every event"),
        ("1 == 2", TRUTH, False, "never true, but it has a value"),
        ("'a' + 'b'", TEXT, "ab", "the same for every event"),
    ],
)
def test_what_may_have_a_value_is_taken(text: str, kind: Kind, value: Any, why: str) -> None:
    assert check_sense(text, kind) == value, why


def test_a_meter_that_is_kept_is_measured_as_ever() -> None:
    """What is refused in a new definition is still read: it has no value, and counts nothing."""
    found = evaluate(checked("input / 0", NUMBER), CALL)
    assert found == Unknown("division_by_zero", "a division by zero")


def test_a_name_that_needs_quotes_is_told_how() -> None:
    with pytest.raises(Invalid) as refused:
        checked("größe", NUMBER)
    assert 'properties["..."]' in refused.value.mend
    checked('properties["größe"]', NUMBER)


def test_the_longest_expression_is_computed() -> None:
    """What is allowed does not exhaust the stack."""
    text = "+".join(["seconds"] * (MOST_PARTS // 2))
    assert evaluate(checked(text, NUMBER), CALL) == 61 * (MOST_PARTS // 2)


@pytest.mark.parametrize("text", ["a", "a.b[0].c", 'properties["a b"].c', "event.actor"])
def test_a_path_is_a_name(text: str) -> None:
    assert parse_path(text).column == 1


@pytest.mark.parametrize("text", ["a + b", "1", "has(a)", "'a'", ""])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(Invalid):
        parse_path(text)


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.sampled_from(Kind))
def test_any_text_is_computed_or_refused(text: str, kind: Kind) -> None:
    """Whatever is written, nothing worse happens than a refusal."""
    _compute_or_refuse(text, kind)


def _compute_or_refuse(text: str, kind: Kind) -> None:
    """Compute it. What is said to be the same for every event is that for this one."""
    try:
        value = evaluate(checked(text, kind), CALL)
        constant = check_sense(text, kind)
    except Invalid:
        return
    assert constant is None or constant == value


@given(
    st.lists(
        st.sampled_from(
            [*"1+-*/%()?:!<[],.", "seconds", "model", "'x'", "&&", "||", "==", "in", "has"]
        ),
        max_size=12,
    )
)
def test_any_row_of_words_is_computed_or_refused(words: list[str]) -> None:
    for kind in Kind:
        _compute_or_refuse(" ".join(words), kind)


@given(st.decimals(-1000, 1000, places=3), st.decimals(min_value="0.001", max_value=100, places=3))
def test_steps_enclose_a_number(number: Decimal, step: Decimal) -> None:
    """The step below is not above, the step above not below, both whole, less than a step apart."""
    sent = event("2026-03-01T00:00:00Z", {"n": number, "s": step})
    below, above = (
        evaluate(checked(f"{function}(n, s)", NUMBER), sent) for function in ("floor_to", "ceil_to")
    )
    assert isinstance(below, Decimal)
    assert isinstance(above, Decimal)
    assert below <= number <= above
    assert above - below in (0, step)
    assert below % step == above % step == 0
