"""Shares: exact fractions of an amount, shown as they were counted."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tallybook.domain.kernel.decimals import widely

_PLACES = Decimal(1).scaleb(-24)


class Share(msgspec.Struct, frozen=True):
    """`numerator` of `denominator` parts, not reduced: 14/28 days stays 14/28."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        assert self.denominator > 0, "a share is of something"

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @property
    def is_whole(self) -> bool:
        """Whether it is all of it."""
        return self.numerator == self.denominator

    def of(self, amount: Decimal) -> Decimal:
        """That share of an amount. A quotient that does not end is kept to 24 decimal places."""
        if self.is_whole:
            return amount
        with widely():
            return (amount * self.numerator / self.denominator).quantize(_PLACES)


WHOLE = Share(1, 1)
NOTHING = Share(0, 1)
