"""What a price may do around its rule: before it to the quantity, after it to the amount."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.models.rule import check_amount, check_positive
from tallybook.domain.kernel.decimals import SCALE, exactly, widely
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.money import Rounding, round_decimal


class NegativeQuantity(StrEnum):
    """What usage below zero costs: nothing, or the opposite of what it would cost above zero."""

    FREE = "free"
    CREDIT = "credit"


class Conversion(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """From the meter's unit to the one that is priced: multiplied or divided, then rounded.

    `unit` names the unit that is priced. `rounding` settles the result at `scale` decimals; without
    it the result is exact. A division that may not end, such as by 3, must name one.
    """

    unit: str = ""
    multiply_by: Decimal | None = None
    divide_by: Decimal | None = None
    rounding: Rounding | None = None
    scale: int = 0

    def check(self) -> None:
        if (self.multiply_by is None) == (self.divide_by is None):
            raise Invalid(
                "conversion_factor",
                "A conversion either multiplies or divides.",
                mend="Send one of multiply_by and divide_by.",
            )
        if self.multiply_by is not None:
            check_positive(self.multiply_by, "multiply_by", "A factor")
        if self.divide_by is not None:
            check_positive(self.divide_by, "divide_by", "A divisor")
            if self.rounding is None and not _ends(self.divide_by):
                raise Invalid(
                    "endless_division",
                    f"A quantity divided by {self.divide_by} may have no last decimal.",
                    field="divide_by",
                    mend="Name a rounding, such as half_up, and a scale.",
                )
        if not 0 <= self.scale <= SCALE:
            raise Invalid(
                "scale_out_of_range",
                f"Rounding to {self.scale} decimals is not possible.",
                field="scale",
                mend=f"Send 0 to {SCALE}.",
            )

    def convert(self, quantity: Decimal) -> Decimal:
        """`quantity` in the unit that is priced."""
        if self.multiply_by is not None:
            converted = quantity * self.multiply_by
        else:
            assert self.divide_by is not None
            with widely():
                converted = quantity / self.divide_by
        if self.rounding is None:
            return converted
        return round_decimal(converted, self.scale, self.rounding)


def _ends(divisor: Decimal) -> bool:
    """Whether every quotient by `divisor` has a last decimal: it has no factors but 2 and 5."""
    with exactly():
        whole = int(divisor.scaleb(SCALE))
    for factor in (2, 5):
        while whole % factor == 0:
            whole //= factor
    return whole == 1


def check_limits(minimum: Decimal | None, maximum: Decimal | None) -> None:
    """A minimum and a maximum that can both be kept."""
    if minimum is not None:
        check_amount(minimum, "minimum")
    if maximum is not None:
        check_amount(maximum, "maximum")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise Invalid(
            "minimum_above_maximum",
            f"The minimum, {minimum}, is above the maximum, {maximum}.",
            field="minimum",
            mend="Lower the minimum or raise the maximum.",
        )
