"""`average`: the sum of the values divided by their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from tallybook.domain.kernel.decimals import widely
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column


class Average(Aggregation, frozen=True, tag="average"):
    """The sum of the values divided by their number."""

    divides: ClassVar[bool] = True

    value: str

    @property
    def columns(self) -> Mapping[str, Column]:
        """The value."""
        return {"value": Column(self.value)}

    def quantity(self, parts: Sequence[Decimal], span: Span) -> Decimal:
        """`parts` are the sum and the number."""
        del span
        total, number = parts
        with widely():
            return total / number
