"""What shares of a period do to amounts: the credit for what is given back, the new charge."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tallybook.domain.kernel.decimals import exactly, widely
from tallybook.domain.kernel.money import Rounding, round_decimal
from tallybook.domain.kernel.shares import Share


class Legs(msgspec.Struct, frozen=True):
    """The two sides of a change, kept apart so that each is a line of its own.

    `credit` is negative or zero: unused time given back. `charge` is for the time taken on.
    """

    credit: Decimal
    charge: Decimal

    @property
    def net(self) -> Decimal:
        """What the change costs, or gives back."""
        with exactly():
            return self.credit + self.charge


def change_legs(old_amount: Decimal, new_amount: Decimal, remaining: Share) -> Legs:
    """Give `remaining` of the old amount back and charge as much of the new one."""
    return Legs(remaining.of(old_amount).copy_negate(), remaining.of(new_amount))


def capped_credit(potential: Decimal, *, charged: Decimal, credited: Decimal) -> Decimal:
    """`potential` as far as it can still be given back of what was charged; never below zero."""
    with exactly():
        return max(Decimal(0), min(potential, charged - credited))


def days_covered(
    credit: Decimal, daily_amount: Decimal, rounding: Rounding = Rounding.UP
) -> Decimal:
    """How many whole days a credit pays for, when it is given as time instead of money."""
    assert daily_amount > 0, "a day that costs nothing is covered for ever"
    with widely():
        return round_decimal(credit / daily_amount, 0, rounding)
