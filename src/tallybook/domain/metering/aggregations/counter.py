"""`counter`: what a register has counted, by the differences of its readings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column
from tallybook.domain.metering.expressions.nodes import Kind

MOST_DIGITS = 20


class Decrease(StrEnum):
    """What a reading below the one before it means.

    The register began at zero again; it ran past its last digit; or less was used than was read
    before (an estimate was too high), and the difference is taken back. Only the last may show less
    than zero.
    """

    RESET = "reset"
    ROLLOVER = "rollover"
    NEGATIVE = "negative"


class Counter(Aggregation, frozen=True, tag="counter"):
    """What registers counted: each reading less the one before it, whenever that was.

    `series` tells registers apart. What lies between two readings counts at the later one, so that
    one at the very end of a span closes it. Of two readings at one instant the last to arrive
    replaces the other. A register's first reading opens it. `digits` are those of the register
    before its point, for a `rollover`. What the register cannot show is no reading of it and does
    not count: less than zero, or more digits than it has.
    """

    value: str
    series: str = ""
    decrease: Decrease = Decrease.RESET
    digits: int | None = None

    @property
    def looks_back(self) -> bool:
        """To the reading before."""
        return True

    @property
    def columns(self) -> Mapping[str, Column]:
        """The reading, within what the register can show, and the register."""
        value = {"value": Column(self.value, least=self._least, below=self._below)}
        return value | {"series": Column(self.series, Kind.TEXT)} if self.series else value

    @property
    def _least(self) -> Decimal | None:
        return None if self.decrease is Decrease.NEGATIVE else Decimal(0)

    @property
    def _below(self) -> Decimal | None:
        return None if self.digits is None else Decimal(10) ** self.digits

    def check(self) -> None:
        """A register that rolls over has digits, and no other needs them."""
        if (self.decrease is Decrease.ROLLOVER) is (self.digits is None):
            raise Invalid(
                "rollover_without_digits",
                "A register rolls over at a number of digits.",
                field="digits",
                mend="Send digits with decrease `rollover`, and only then.",
            )
        if self.digits is not None and not 1 <= self.digits <= MOST_DIGITS:
            raise Invalid(
                "bad_digits",
                f"No register has {self.digits} digits.",
                field="digits",
                mend=f"Send a number from 1 to {MOST_DIGITS}.",
            )
