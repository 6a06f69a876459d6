"""`duration`: the time between start and stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.aggregations.aggregation import (
    Aggregation,
    Column,
    TimeUnit,
    per_unit,
)
from tallybook.domain.metering.expressions.nodes import Kind


class Duration(Aggregation, frozen=True, tag="duration"):
    """The time that sessions last within the span, in `per`.

    `session` tells them apart; `operation` is an expression that is `start` or `stop`. A session
    open when the span begins or ends counts up to its edge.
    """

    divides: ClassVar[bool] = True

    session: str
    operation: str
    per: TimeUnit = TimeUnit.SECOND

    @property
    def looks_back(self) -> bool:
        """To sessions that are open."""
        return True

    @property
    def columns(self) -> Mapping[str, Column]:
        """The session, and whether it starts or stops."""
        return {
            "session": Column(self.session, Kind.TEXT),
            "operation": Column(self.operation, Kind.TEXT, ("start", "stop")),
        }

    def check(self) -> None:
        """A duration is told in a unit of time."""
        if self.per is TimeUnit.SPAN:
            raise Invalid(
                "no_unit_of_time",
                "A duration is not told in spans.",
                field="per",
                mend="Send second, minute, hour or day.",
            )

    def quantity(self, parts: Sequence[Decimal], span: Span) -> Decimal:
        """`parts` is the time in microseconds."""
        return per_unit(parts[0], self.per, span)
