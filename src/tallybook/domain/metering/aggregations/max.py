"""`max`: the largest value."""

from __future__ import annotations

from collections.abc import Mapping

from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column


class Max(Aggregation, frozen=True, tag="max"):
    """The largest value."""

    value: str

    @property
    def columns(self) -> Mapping[str, Column]:
        """The value."""
        return {"value": Column(self.value)}
