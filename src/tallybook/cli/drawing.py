"""Quantities drawn in a line of text: as a sparkline, as a bar. Of exact decimals, for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

_LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN_LEVELS = "_.-=+*%#"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def sparkline(values: Sequence[Decimal], *, width: int = 60, is_plain: bool = False) -> str:
    """A sign for each value, from the lowest or nothing to the highest or nothing.

    More values than `width` share signs, each as high as the highest of its values: a peak is seen.
    `is_plain` draws in ASCII.
    """
    levels = _PLAIN_LEVELS if is_plain else _LEVELS
    drawn = _fitted(values, width)
    low, high = min([*drawn, Decimal(0)]), max([*drawn, Decimal(0)])
    if low == high:
        return levels[0] * len(drawn)
    steps = len(levels) - 1
    return "".join(levels[_ceiling((each - low) * steps / (high - low))] for each in drawn)


def bar(value: Decimal, largest: Decimal, *, width: int = 30, is_plain: bool = False) -> str:
    """A bar as long as `value` is against `largest`, `width` signs, of the absolute values.

    What is more than nothing is never drawn as nothing.
    """
    if not value or not largest:
        return ""
    share = min(abs(value) / abs(largest), Decimal(1))
    if is_plain:
        return "#" * max(1, int(share * width))
    eighths = max(1, int(share * width * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _fitted(values: Sequence[Decimal], width: int) -> list[Decimal]:
    """At most `width` values: the highest of each stretch of them."""
    if len(values) <= width:
        return list(values)
    edges = [number * len(values) // width for number in range(width + 1)]
    return [max(values[first:last]) for first, last in pairwise(edges)]


def _ceiling(number: Decimal) -> int:
    """The least whole number that is not less: what is more than nothing is above the floor."""
    whole = int(number)
    return whole + (number > whole)
