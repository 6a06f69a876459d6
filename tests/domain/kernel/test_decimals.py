from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.kernel.decimals import (
    INTEGER_DIGITS,
    SCALE,
    bounded,
    exactly,
    parse_decimal,
    plain,
    widely,
)
from tallybook.domain.kernel.errors import Invalid

BIGGEST = "9" * INTEGER_DIGITS + "." + "9" * SCALE


@pytest.mark.parametrize(
    ("text", "number", "why"),
    [
        ("12.50", "12.5", "trailing zeros carry no value"),
        ("-0.1", "-0.1", "a negative quantity is a number"),
        (".5", "0.5", "a leading zero may be left out"),
        ("5.", "5", "so may the digits after a point"),
        ("+7", "7", "a plus sign is allowed"),
        ("1e3", "1000", "scientific notation is read"),
        ("1.5E-3", "0.0015", "in capitals too"),
        (BIGGEST, BIGGEST, "the largest number kept, to its last digit"),
        ("1e-12", "0.000000000001", "the smallest"),
        ("1.0000000000000", "1", "zeros beyond the scale lose nothing"),
    ],
)
def test_numbers_are_read_exactly(text: str, number: str, why: str) -> None:
    assert parse_decimal(text) == Decimal(number), why


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("", "not_a_number", "nothing is not zero"),
        ("1,000", "not_a_number", "a comma could be a point"),
        ("1_000", "not_a_number", "Python reads it, people do not send it"),
        (" 1", "not_a_number", "blanks hide mistakes"),
        ("NaN", "not_a_number", "not a number by its own word"),
        ("Infinity", "not_a_number", "nothing is that much"),
        ("0x10", "not_a_number", "hexadecimal is not a quantity"),
        ("٣", "not_a_number", "only the digits 0 to 9"),
        ("1e9999", "not_a_number", "an exponent nobody means"),
        ("1e-13", "too_precise", "the thirteenth place cannot be kept"),
        ("1e26", "too_large", "nor the twenty-seventh digit"),
        ("1e999", "too_large", "nor an exponent that would fill the memory"),
    ],
)
def test_what_cannot_be_kept_is_refused(text: str, code: str, why: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_decimal(text, field="properties/tokens")
    assert (refusal.value.code, refusal.value.field) == (code, "properties/tokens"), why
    assert refusal.value.mend


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E+3", "1000"),
        ("0.50", "0.5"),
        ("-0", "0"),
        ("0E-9", "0"),
        ("100", "100"),
        ("1.10", "1.1"),
    ],
)
def test_plain_notation(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_not_finite_is_refused_whatever_made_it() -> None:
    with pytest.raises(Invalid):
        bounded(Decimal("Infinity"))


def test_exact_arithmetic_raises_rather_than_loses() -> None:
    with exactly(), pytest.raises(decimal.Inexact):
        Decimal(1) / Decimal(3)
    with widely():
        assert str(Decimal(1) / Decimal(3)) == "0." + "3" * 100


@given(st.integers(-(10**38), 10**38), st.integers(-(10**38), 10**38))
def test_a_product_of_two_kept_numbers_loses_no_digit(one: int, other: int) -> None:
    """Any two numbers that can be kept multiply like the integers they are scaled from."""
    wide = decimal.Context(prec=100)
    with exactly():
        product = Decimal(one).scaleb(-SCALE) * Decimal(other).scaleb(-SCALE)
    assert int(product.scaleb(2 * SCALE, wide)) == one * other


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12
    )
)
def test_plain_reads_back_as_itself(number: Decimal) -> None:
    assert parse_decimal(plain(number)) == number
