"""Rounding, minor units and splitting: the rules of docs/semantics/rounding.md."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.kernel.currencies import MINOR_DIGITS, NUMERIC_CODES, PROVIDER_DIGITS
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.money import (
    CurrencyMismatchError,
    Leftover,
    Money,
    Rounding,
    allocate,
    allocate_units,
    minor_digits,
    round_decimal,
    to_major_units,
    to_minor_units,
)


@pytest.mark.parametrize(
    ("amount", "currency", "minor", "why"),
    [
        ("0.125", "USD", 13, "half goes away from zero"),
        ("-0.125", "USD", -13, "below zero too: what takes back takes back the same"),
        ("0.1249999999999999999999", "USD", 12, "just below a half is below it, however close"),
        ("0.5", "JPY", 1, "no decimals"),
        ("1.2345", "KWD", 1235, "three decimals"),
        ("1.23455", "CLF", 12346, "four decimals"),
        ("99999999999999999999999999.995", "EUR", 10**28, "more digits than a float or an int64"),
        ("0", "EUR", 0, "zero is zero"),
    ],
)
def test_to_minor_units(amount: str, currency: str, minor: int, why: str) -> None:
    assert to_minor_units(Decimal(amount), currency) == Money(minor, currency), why


@pytest.mark.parametrize(
    ("mode", "of_2_5", "of_minus_2_5", "of_3_5"),
    [
        (Rounding.HALF_UP, "3", "-3", "4"),
        (Rounding.HALF_DOWN, "2", "-2", "3"),
        (Rounding.HALF_EVEN, "2", "-2", "4"),
        (Rounding.UP, "3", "-3", "4"),
        (Rounding.DOWN, "2", "-2", "3"),
        (Rounding.CEILING, "3", "-2", "4"),
        (Rounding.FLOOR, "2", "-3", "3"),
    ],
)
def test_every_mode_at_a_half(mode: Rounding, of_2_5: str, of_minus_2_5: str, of_3_5: str) -> None:
    rounded = [str(round_decimal(Decimal(n), 0, mode)) for n in ("2.5", "-2.5", "3.5")]
    assert rounded == [of_2_5, of_minus_2_5, of_3_5]


def test_a_negative_scale_rounds_to_tens_and_hundreds() -> None:
    assert round_decimal(Decimal(1250), -2) == Decimal(1300)


@pytest.mark.parametrize(
    ("total", "weights", "leftover", "parts", "why"),
    [
        (5, (1, 1), "largest_remainder", (3, 2), "of equal remainders the first"),
        (10, (1, 1, 2), "largest_remainder", (3, 2, 5), "a half unit each: the first again"),
        (100, (1, 2, 3), "largest_remainder", (17, 33, 50), "16.7 is nearer its unit than 33.3"),
        (100, (2, 1, 3), "in_order", (34, 16, 50), "in order does not ask who is nearer"),
        (5, (0, 1, 1), "in_order", (0, 3, 2), "weight zero gets nothing"),
        (-5, (1, 1), "largest_remainder", (-3, -2), "what is taken back mirrors what was given"),
        (0, (1, 1), "largest_remainder", (0, 0), "nothing to split"),
    ],
)
def test_allocate(
    total: int, weights: tuple[int, ...], leftover: str, parts: tuple[int, ...], why: str
) -> None:
    assert allocate_units(total, weights, Leftover(leftover)) == parts, why


WEIGHTS = st.lists(
    st.integers(0, 1000) | st.decimals(0, 1000, places=3), min_size=1, max_size=12
).filter(any)


@given(st.integers(-(10**20), 10**20), WEIGHTS, st.sampled_from(Leftover))
def test_the_parts_of_a_split_are_the_whole(
    minor: int, weights: list[int | Decimal], leftover: Leftover
) -> None:
    parts = allocate(Money(minor, "EUR"), weights, leftover)
    assert sum(part.minor for part in parts) == minor
    back = allocate(Money(-minor, "EUR"), weights, leftover)
    assert [part.minor for part in back] == [-part.minor for part in parts]


@given(st.integers(0, 10**12), WEIGHTS)
def test_no_part_is_a_unit_away_from_its_share(minor: int, weights: list[int | Decimal]) -> None:
    whole = sum(Decimal(weight) for weight in weights)
    for part, weight in zip(allocate_units(minor, weights), weights, strict=True):
        assert abs(part * whole - minor * Decimal(weight)) < whole


@given(st.integers(-(10**30), 10**30), st.sampled_from(sorted(MINOR_DIGITS)))
def test_money_survives_being_written_and_read(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert to_minor_units(to_major_units(money), currency) == money


def test_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatchError):
        Money(1, "EUR") + Money(1, "USD")


def test_an_unknown_currency_is_refused_by_name() -> None:
    with pytest.raises(Invalid) as refusal:
        minor_digits("EURO", field="currency")
    assert refusal.value.code == "unknown_currency"


def test_providers_differ_from_iso_in_few() -> None:
    assert MINOR_DIGITS.keys() == NUMERIC_CODES.keys() == PROVIDER_DIGITS.keys()
    differing = {code for code in MINOR_DIGITS if MINOR_DIGITS[code] != PROVIDER_DIGITS[code]}
    assert differing == {"ISK", "MGA", "UYI"}
