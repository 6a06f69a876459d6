"""Every aggregation there is."""

from __future__ import annotations

from tallybook.domain.metering.aggregations.average import Average
from tallybook.domain.metering.aggregations.count import Count
from tallybook.domain.metering.aggregations.counter import Counter
from tallybook.domain.metering.aggregations.duration import Duration
from tallybook.domain.metering.aggregations.latest import Latest
from tallybook.domain.metering.aggregations.max import Max
from tallybook.domain.metering.aggregations.min import Min
from tallybook.domain.metering.aggregations.percentile import Percentile
from tallybook.domain.metering.aggregations.sum import Sum
from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.domain.metering.aggregations.unique_count import UniqueCount

AnyAggregation = (
    Count
    | Sum
    | Min
    | Max
    | Average
    | Latest
    | UniqueCount
    | TimeWeighted
    | Counter
    | Percentile
    | Duration
)
