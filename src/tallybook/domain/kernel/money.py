"""Money as whole minor units, and the only place in the house that rounds.

Everything upstream of an invoice line carries exact `Decimal` amounts in major units. They become
`Money` once, at the line, through `to_minor_units`; after that only integers are added, so a total
always equals the sum of what is printed above it. Rules: docs/semantics/rounding.md.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from tallybook.domain.kernel.currencies import MINOR_DIGITS
from tallybook.domain.kernel.decimals import widely
from tallybook.domain.kernel.errors import Invalid


class Rounding(StrEnum):
    """How a number between two steps is settled. Half away from zero is the house default."""

    HALF_UP = "half_up"
    HALF_DOWN = "half_down"
    HALF_EVEN = "half_even"
    UP = "up"
    DOWN = "down"
    CEILING = "ceiling"
    FLOOR = "floor"


_MODES = {
    Rounding.HALF_UP: decimal.ROUND_HALF_UP,
    Rounding.HALF_DOWN: decimal.ROUND_HALF_DOWN,
    Rounding.HALF_EVEN: decimal.ROUND_HALF_EVEN,
    Rounding.UP: decimal.ROUND_UP,
    Rounding.DOWN: decimal.ROUND_DOWN,
    Rounding.CEILING: decimal.ROUND_CEILING,
    Rounding.FLOOR: decimal.ROUND_FLOOR,
}


_ONE = Decimal(1)


class CurrencyMismatchError(ValueError):
    """Amounts in two currencies met without an exchange rate."""


class Money(msgspec.Struct, frozen=True):
    """A whole number of minor units (cents, yen, fils) of one currency."""

    minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self.currency} + {other.currency}")
        return Money(self.minor + other.minor, self.currency)


def minor_digits(currency: str, *, field: str = "currency") -> int:
    """Decimals of a currency's minor unit, by ISO 4217."""
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        raise Invalid(
            "unknown_currency",
            f"{currency!r} is not a currency of ISO 4217.",
            field=field,
            mend="Send a three-letter code in capitals, such as EUR.",
        )
    return digits


def round_decimal(number: Decimal, scale: int, mode: Rounding = Rounding.HALF_UP) -> Decimal:
    """`number` at `scale` decimal places; a negative scale rounds to tens, hundreds and so on."""
    with widely():
        return number.quantize(Decimal(1).scaleb(-scale), rounding=_MODES[mode])


def to_units(amount: Decimal, digits: int, mode: Rounding = Rounding.HALF_UP) -> int:
    """`amount` as a whole number of units that have `digits` decimals: 12.345 at 2 is 1235."""
    with widely():
        return int(amount.scaleb(digits).quantize(_ONE, rounding=_MODES[mode]))


def from_units(units: int, digits: int) -> Decimal:
    """The decimal that `units` of `digits` decimals are: 1235 at 2 is 12.35."""
    with widely():
        return Decimal(units).scaleb(-digits)


def to_minor_units(amount: Decimal, currency: str, mode: Rounding = Rounding.HALF_UP) -> Money:
    """Round an exact amount in major units to the currency's minor unit."""
    return Money(to_units(amount, minor_digits(currency), mode), currency)


def to_major_units(money: Money) -> Decimal:
    """The amount as people write it: 1299 minor units of EUR are 12.99."""
    return from_units(money.minor, minor_digits(money.currency))


class Leftover(StrEnum):
    """Who gets the units that a split leaves over, one each."""

    LARGEST_REMAINDER = "largest_remainder"
    IN_ORDER = "in_order"


def allocate(
    total: Money,
    weights: Sequence[int | Decimal],
    leftover: Leftover = Leftover.LARGEST_REMAINDER,
) -> tuple[Money, ...]:
    """Split `total` in proportion to `weights`, losing and inventing nothing.

    Every part is first rounded towards zero. The units left over go, one each, to the largest
    remainders, the earliest of equal ones first; or to the parts in order. A part of weight zero
    gets none. A negative total splits as its opposite does, so that what takes an amount back
    takes it back part by part.
    """
    parts = allocate_units(total.minor, weights, leftover)
    return tuple(Money(part, total.currency) for part in parts)


def allocate_units(
    total: int, weights: Sequence[int | Decimal], leftover: Leftover = Leftover.LARGEST_REMAINDER
) -> tuple[int, ...]:
    """`allocate` for whole units of anything."""
    assert weights, "something to split between"
    assert all(weight >= 0 for weight in weights), "no negative weight"
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact)
    assert whole > 0, "some weight"
    if total < 0:
        return tuple(-part for part in allocate_units(-total, weights, leftover))
    shares = [divmod(total * weight, whole) for weight in exact]
    parts = [int(share) for share, _ in shares]
    if leftover is Leftover.LARGEST_REMAINDER:
        turns = sorted(range(len(parts)), key=lambda index: (-shares[index][1], index))
    else:
        turns = [index for index, weight in enumerate(exact) if weight]
    for index in turns[: total - sum(parts)]:
        parts[index] += 1
    return tuple(parts)
