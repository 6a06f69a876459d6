"""Whether the usage that prices need can be had of their meters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.price import Price
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.metering.meter import Count, Meter, Sum
from tallybook.domain.metering.windows import checked_window, is_coverable

ADDITIVE = (Count, Sum)
"""Aggregations of which the parts of a period add up to the period."""

_MONTHS = {Interval.MONTH: 1, Interval.QUARTER: 3, Interval.HALF_YEAR: 6, Interval.YEAR: 12}
_DAYS = {Interval.DAY: 1, Interval.WEEK: 7}
_MEAN_MONTH = timedelta(days=30, hours=10, minutes=30)
_LONGER = timedelta(days=3)
"""So many days may some months be longer than as many mean ones, a change of clocks included."""


def check_measurable(terms: PlanTerms, meters: Mapping[str, Meter]) -> None:
    """Refuse prices whose usage no billing run could measure, with the field's path and the mend.

    Windows of time are added up by some models, which makes no sense of a maximum or of the last
    value; a period may have too many of them. Events can be charged one by one only where each is
    a part of the sum. `meters` are those of the prices, by key.
    """
    longest = longest_period(terms.interval, terms.interval_count)
    for index, price in enumerate(terms.prices):
        if price.meter is None:
            continue
        meter = meters[price.meter]
        if price.need.each_event:
            _check_each_event(index, price, meter)
            continue
        _check_windows(index, price, longest)
        if price.need.adds_windows and not isinstance(meter.aggregation, ADDITIVE):
            raise Invalid(
                "windows_do_not_add_up",
                f"The price {price.key!r} adds windows of time up; those of meter "
                f"{price.meter!r} are not parts of a whole.",
                field=f"prices/{index}/meter",
                mend="Name a meter that counts or sums.",
            )


def longest_period(interval: Interval, count: int) -> timedelta:
    """No period of so many intervals is longer."""
    if interval in _MONTHS:
        return _MEAN_MONTH * (_MONTHS[interval] * count) + _LONGER
    return timedelta(days=_DAYS[interval] * count) + timedelta(days=1)


def _check_each_event(index: int, price: Price, meter: Meter) -> None:
    aggregation = meter.aggregation
    is_sum = isinstance(aggregation, Sum) and not aggregation.carries
    if not (is_sum or isinstance(aggregation, Count)) or meter.rounding is not None:
        raise Invalid(
            "events_do_not_add_up",
            f"The price {price.key!r} charges each event by itself; those of meter {meter.key!r} "
            "are not parts of a sum.",
            field=f"prices/{index}/meter",
            mend="Name a meter that counts or sums, and does not round.",
        )


def _check_windows(index: int, price: Price, longest: timedelta) -> None:
    window = price.need.window
    if window is not None and not is_coverable(longest, checked_window(window)):
        raise Invalid(
            "too_many_windows",
            f"The price {price.key!r} goes by the {window}, and the plan's periods are too long "
            "for that.",
            field=f"prices/{index}/rule",
            mend="Give the plan a shorter interval, or the price larger windows.",
        )
