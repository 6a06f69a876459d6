"""`capacity`: the first size that holds all that is used."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import PortionRule, check_amount
from tallybook.domain.catalog.usage_need import Circumstances, Portion, UsageNeed
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, line, single
from tallybook.domain.kernel.errors import Invalid


class Size(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A size on offer: what it costs, and how much of each value it holds, None for any."""

    amount: Decimal
    limits: dict[str, Decimal | None]


class Capacity(PortionRule, frozen=True, tag="capacity"):
    """The amount of the first of `sizes` in which the usage of every value fits, limits included.

    Values that a size does not name do not fit into it. Where nothing fits, the last size is
    charged.
    """

    dimension: str
    sizes: tuple[Size, ...]

    sentences: ClassVar[Sentences] = {
        "size": {
            "en": "Size {number} of {sizes}: {amount}",
            "sv": "Storlek {number} av {sizes}: {amount}",
            "de": "Größe {number} von {sizes}: {amount}",
        },
        "beyond_sizes": {
            "en": "More than the largest size holds, charged as the largest: {amount}",
            "sv": "Mer än den största storleken rymmer, debiteras som den: {amount}",
            "de": "Mehr, als die größte Größe fasst; berechnet wie diese: {amount}",
        },
    }

    @property
    def need(self) -> UsageNeed:
        """Usage by the dimension."""
        return UsageNeed(group_by=(self.dimension,))

    def check(self) -> None:
        if not self.sizes:
            raise Invalid(
                "no_sizes", "There is no size.", field="sizes", mend="Send one size or more."
            )
        for index, size in enumerate(self.sizes):
            check_amount(size.amount, f"sizes/{index}/amount")
            for value, limit in size.limits.items():
                if limit is not None:
                    check_amount(limit, f"sizes/{index}/limits/{value}")
        for index, (smaller, larger) in enumerate(
            zip(self.sizes, self.sizes[1:], strict=False), start=1
        ):
            if _holds(smaller, larger):
                raise Invalid(
                    "size_never_reached",
                    f"Size {index} holds no more than size {index - 1} before it.",
                    field=f"sizes/{index}/limits",
                    mend="Sort the sizes from the smallest to the largest.",
                )

    def prorated(self, within: InForce) -> Self:
        sizes = tuple(
            Size(
                within.amount(size.amount),
                {
                    value: None if limit is None else within.units(limit)
                    for value, limit in size.limits.items()
                },
            )
            for size in self.sizes
        )
        return msgspec.structs.replace(self, sizes=sizes)

    def rate_portions(self, portions: Sequence[Portion], _: Circumstances) -> RatedLine:
        used: dict[str, Decimal] = {}
        for portion in portions:
            value = portion.dimensions.get(self.dimension, "")
            used[value] = used.get(value, ZERO) + portion.quantity
        quantity = sum(used.values(), ZERO)
        for number, size in enumerate(self.sizes, start=1):
            if all(_fits(size, value, units) for value, units in used.items()):
                terms = {"number": Decimal(number), "sizes": Decimal(len(self.sizes))}
                return line(quantity, single("size", size.amount, terms))
        return line(quantity, single("beyond_sizes", self.sizes[-1].amount))


def _fits(size: Size, value: str, units: Decimal) -> bool:
    if not units:
        return True
    if value not in size.limits:
        return False
    limit = size.limits[value]
    return limit is None or units <= limit


def _holds(size: Size, other: Size) -> bool:
    """Whether all that fits into `other` fits into `size` too."""
    for value, units in other.limits.items():
        if units is None:
            if size.limits.get(value, ZERO) is not None:
                return False
        elif not _fits(size, value, units):
            return False
    return True
