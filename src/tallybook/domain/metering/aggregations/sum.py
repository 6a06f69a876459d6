"""`sum`: the values added up."""

from __future__ import annotations

from collections.abc import Mapping

from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column


class Sum(Aggregation, frozen=True, tag="sum"):
    """The values added up. `value` is an expression over an event's properties."""

    value: str

    @property
    def columns(self) -> Mapping[str, Column]:
        """The value."""
        return {"value": Column(self.value)}
