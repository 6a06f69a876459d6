"""`sum`: the values added up."""

from __future__ import annotations

from collections.abc import Mapping

from tallybook.domain.metering.aggregations.aggregation import Aggregation, Column


class Sum(Aggregation, frozen=True, tag="sum"):
    """The values added up. `value` is an expression over an event's properties.

    With `carries`, those since the first event are added and not only those of the span: what has
    been bought and not given back by its end.
    """

    value: str
    carries: bool = False

    @property
    def looks_back(self) -> bool:
        """With `carries`."""
        return self.carries

    @property
    def columns(self) -> Mapping[str, Column]:
        """The value."""
        return {"value": Column(self.value)}
