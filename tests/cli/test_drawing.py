"""Sparklines and bars: what the eye is told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tallybook.cli.drawing import bar, sparkline


def decimals(text: str) -> list[Decimal]:
    return [Decimal(each) for each in text.split()]


@pytest.mark.parametrize(
    ("values", "drawn", "why"),
    [
        ("", "", "nothing"),
        ("0 0 0", "▁▁▁", "nothing was used"),
        ("1 2 3 4 5 6 7", "▂▃▄▅▆▇█", "from nothing, not from the lowest"),
        ("0 1000000 1", "▁█▂", "a little is not nothing"),
        ("5 5", "██", "all the same is all the highest"),
        ("-2 0 2", "▁▅█", "below nothing"),
        ("0.000000000001", "█", "however small"),
    ],
)
def test_a_sparkline(values: str, drawn: str, why: str) -> None:
    assert sparkline(decimals(values)) == drawn, why


def test_more_values_than_signs_keep_their_peaks() -> None:
    values = [Decimal(0)] * 700 + [Decimal(7)] + [Decimal(0)] * 43
    drawn = sparkline(values, width=60)
    assert len(drawn) == 60
    assert drawn.count("█") == 1
    assert sparkline(decimals("0 1 2"), is_plain=True) == "_+#"


@pytest.mark.parametrize(
    ("value", "largest", "drawn", "why"),
    [
        ("10", "10", "██████████", "the largest fills it"),
        ("5", "10", "█████", "half"),
        ("0.01", "10", "▏", "a little is not nothing"),
        ("0", "10", "", "nothing is"),
        ("0", "0", "", "there is no largest"),
        ("-5", "10", "█████", "its size, not its sign"),
        ("1", "16", "▋", "five eighths of a sign"),
    ],
)
def test_a_bar(value: str, largest: str, drawn: str, why: str) -> None:
    assert bar(Decimal(value), Decimal(largest), width=10) == drawn, why
    assert bar(Decimal(value), Decimal(largest), width=10, is_plain=True).strip("#") == ""
