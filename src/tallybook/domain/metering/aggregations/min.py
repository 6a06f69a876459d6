"""`min`: the smallest value."""

from __future__ import annotations

from collections.abc import Mapping

from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column


class Min(Aggregation, frozen=True, tag="min"):
    """The smallest value."""

    value: str

    @property
    def columns(self) -> Mapping[str, Column]:
        """The value."""
        return {"value": Column(self.value)}
