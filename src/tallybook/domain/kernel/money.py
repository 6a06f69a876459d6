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

import msgspec

from tallybook.domain.kernel.currencies import MINOR_DIGITS
from tallybook.domain.kernel.decimals import widely
from tallybook.domain.kernel.errors import Invalid


class Rounding(StrEnum):
    """How a number between two steps is settled. Half away from zero is the house default."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    UP = "up"
    DOWN = "down"
    CEILING = "ceiling"
    FLOOR = "floor"


_MODES = {
    Rounding.HALF_UP: decimal.ROUND_HALF_UP,
    Rounding.HALF_EVEN: decimal.ROUND_HALF_EVEN,
    Rounding.UP: decimal.ROUND_UP,
    Rounding.DOWN: decimal.ROUND_DOWN,
    Rounding.CEILING: decimal.ROUND_CEILING,
    Rounding.FLOOR: decimal.ROUND_FLOOR,
}


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


def to_minor_units(amount: Decimal, currency: str, mode: Rounding = Rounding.HALF_UP) -> Money:
    """Round an exact amount in major units to the currency's minor unit."""
    with widely():
        scaled = amount.scaleb(minor_digits(currency))
        return Money(int(scaled.quantize(Decimal(1), rounding=_MODES[mode])), currency)


def to_major_units(money: Money) -> Decimal:
    """The amount as people write it: 1299 minor units of EUR are 12.99."""
    with widely():
        return Decimal(money.minor).scaleb(-minor_digits(money.currency))


def allocate(total: Money, weights: Sequence[int]) -> tuple[Money, ...]:
    """Split `total` in proportion to `weights`, losing and inventing nothing.

    The units that do not divide evenly go to the largest remainders, earliest first, so the same
    split is made on every run.
    """
    assert weights, "something to split between"
    assert all(weight >= 0 for weight in weights), "no negative weight"
    whole = sum(weights)
    assert whole > 0, "some weight"
    shares = [divmod(total.minor * weight, whole) for weight in weights]
    leftover = total.minor - sum(share for share, _ in shares)
    lucky = sorted(range(len(shares)), key=lambda i: (-shares[i][1], i))[:leftover]
    return tuple(Money(share + (i in lucky), total.currency) for i, (share, _) in enumerate(shares))
