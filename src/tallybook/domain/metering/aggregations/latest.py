"""`latest`: the last value."""

from __future__ import annotations

from collections.abc import Mapping

from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column


class Latest(Aggregation, frozen=True, tag="latest"):
    """The value of the last event by `occurred_at`; of two at one instant, the last to arrive."""

    value: str

    @property
    def columns(self) -> Mapping[str, Column]:
        """The value."""
        return {"value": Column(self.value)}
