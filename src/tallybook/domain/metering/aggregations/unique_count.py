"""`unique_count`: how many different texts."""

from __future__ import annotations

from collections.abc import Mapping

from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column
from tallybook.domain.metering.expressions.nodes import Kind


class UniqueCount(Aggregation, frozen=True, tag="unique_count"):
    """How many different texts `value` takes."""

    value: str

    @property
    def columns(self) -> Mapping[str, Column]:
        """The text."""
        return {"value": Column(self.value, Kind.TEXT)}
