"""`count`: the number of events."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.aggregation import Aggregation


class Count(Aggregation, frozen=True, tag="count"):
    """The number of events."""
