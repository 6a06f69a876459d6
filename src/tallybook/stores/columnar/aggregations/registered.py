"""Which SQL computes which aggregation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tallybook.domain.metering.aggregations.aggregation import Aggregation
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
from tallybook.stores.columnar.aggregations.average import plan_average
from tallybook.stores.columnar.aggregations.count import plan_count
from tallybook.stores.columnar.aggregations.counter import plan_counter
from tallybook.stores.columnar.aggregations.duration import plan_duration
from tallybook.stores.columnar.aggregations.latest import plan_latest
from tallybook.stores.columnar.aggregations.max import plan_max
from tallybook.stores.columnar.aggregations.min import plan_min
from tallybook.stores.columnar.aggregations.percentile import plan_percentile
from tallybook.stores.columnar.aggregations.sum import plan_sum
from tallybook.stores.columnar.aggregations.time_weighted import plan_time_weighted
from tallybook.stores.columnar.aggregations.unique_count import plan_unique_count
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows

PLANS: Mapping[type[Aggregation], Callable[[Any, Rows], Plan]] = {
    Count: plan_count,
    Sum: plan_sum,
    Min: plan_min,
    Max: plan_max,
    Average: plan_average,
    Latest: plan_latest,
    UniqueCount: plan_unique_count,
    TimeWeighted: plan_time_weighted,
    Percentile: plan_percentile,
    Duration: plan_duration,
    Counter: plan_counter,
}
