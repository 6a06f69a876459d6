"""Whether the usage that prices need can be had of their meters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tallybook.domain.catalog.price import Price
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.metering.meter import Count, Meter, Sum

ADDITIVE = (Count, Sum)
"""Aggregations of which the parts of a period add up to the period."""


def check_measurable(prices: Sequence[Price], meters: Mapping[str, Meter]) -> None:
    """Refuse prices whose usage no billing run could measure, with the field's path and the mend.

    Windows of time are added up by some models, which makes no sense of a maximum or of the last
    value. Periods are closed by totals, so a price of each event by itself cannot be billed.
    `meters` are those of the prices, by key.
    """
    for index, price in enumerate(prices):
        if price.meter is None:
            continue
        if price.need.each_event:
            raise Invalid(
                "charged_event_by_event",
                f"The price {price.key!r} charges each event by itself; periods are closed by "
                "totals.",
                field=f"prices/{index}/rule",
                mend="Leave out what is owed for each event, or send amounts and use dynamic.",
            )
        aggregation = meters[price.meter].aggregation
        if price.need.adds_windows and not isinstance(aggregation, ADDITIVE):
            raise Invalid(
                "windows_do_not_add_up",
                f"The price {price.key!r} adds windows of time up; those of meter "
                f"{price.meter!r} are not parts of a whole.",
                field=f"prices/{index}/meter",
                mend="Name a meter that counts or sums.",
            )
