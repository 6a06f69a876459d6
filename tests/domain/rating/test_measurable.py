"""Whether the usage that a price needs can be had of its meter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tallybook.domain.catalog.interval import Interval
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.price import Price
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.metering.meter import Meter
from tallybook.domain.rating.measurable import check_measurable

PER_UNIT = {"model": "per_unit", "unit_amount": "1"}
BY_HOUR = {"model": "time_of_use", "bands": [{"name": "all", "rule": PER_UNIT}]}
PEAKS = {"model": "demand", "bands": [{"name": "all", "rule": PER_UNIT}]}
DATED = {"model": "price_list", "entries": [{"rule": PER_UNIT}]}
BY_EVENT = {"model": "percentage", "rate_pct": "1", "fixed_amount": "0.3"}
OF_THE_SUM = {"model": "percentage", "rate_pct": "1"}


@pytest.mark.parametrize(
    ("rule", "aggregation", "code", "why"),
    [
        (PER_UNIT, {"type": "max", "value": "x"}, "", "one quantity of any meter"),
        (BY_HOUR, {"type": "sum", "value": "x"}, "", "hours of a sum add up"),
        (BY_HOUR, {"type": "max", "value": "x"}, "windows_do_not_add_up", "maxima do not"),
        (DATED, {"type": "unique_count", "value": "x"}, "windows_do_not_add_up", "counted twice"),
        (PEAKS, {"type": "max", "value": "x"}, "", "the highest of the highest"),
        (OF_THE_SUM, {"type": "sum", "value": "x"}, "", "the sum is all it takes"),
        (BY_EVENT, {"type": "sum", "value": "x"}, "", "each event is a part of the sum"),
        (BY_EVENT, {"type": "max", "value": "x"}, "events_do_not_add_up", "most events are none"),
        (
            BY_EVENT,
            {"type": "sum", "value": "x", "carries": True},
            "events_do_not_add_up",
            "levels",
        ),
    ],
)
def test_measurable(rule: dict[str, Any], aggregation: dict[str, Any], code: str, why: str) -> None:
    price = msgspec.convert({"key": "p", "name": "P", "meter": "m", "rule": rule}, Price)
    meter = _meter(aggregation)
    if not code:
        check_measurable(_plan(price), {"m": meter})
        return
    with pytest.raises(Invalid) as refused:
        check_measurable(_plan(price), {"m": meter})
    assert refused.value.code == code, why
    assert refused.value.field.startswith("prices/0/")


def test_a_fee_has_nothing_to_measure() -> None:
    fee = msgspec.convert({"key": "p", "name": "P", "rule": PER_UNIT}, Price)
    check_measurable(_plan(fee), {})


@pytest.mark.parametrize(
    ("window", "interval", "count", "is_measurable", "why"),
    [
        ("minute", "month", 1, True, "44,640 minutes are cut"),
        ("minute", "month", 2, False, "two months have more than are cut"),
        ("minute", "week", 4, True, "28 days"),
        ("minute", "week", 5, False, "35 days are more than 34"),
        ("hour", "year", 2, True, "two years of hours are cut"),
        ("hour", "year", 3, False, "three are not"),
        ("day", "year", 100, True, "a century of days is"),
    ],
)
def test_windows_of_the_longest_period(
    window: str, interval: str, count: int, is_measurable: bool, why: str
) -> None:
    """What could not be cut when a period is closed is refused when the plan is published."""
    rule = {"model": "bucketed", "window": window, "inner": PER_UNIT}
    price = msgspec.convert({"key": "p", "name": "P", "meter": "m", "rule": rule}, Price)
    plan = msgspec.structs.replace(_plan(price), interval=Interval(interval), interval_count=count)
    meters = {"m": _meter({"type": "count"})}
    if is_measurable:
        check_measurable(plan, meters)
        return
    with pytest.raises(Invalid) as refused:
        check_measurable(plan, meters)
    assert (refused.value.code, refused.value.field) == ("too_many_windows", "prices/0/rule"), why


def _plan(price: Price) -> PlanTerms:
    return PlanTerms(plan_key="p", name="P", currency="EUR", prices=(price,))


def _meter(aggregation: dict[str, Any]) -> Meter:
    return msgspec.convert(
        {
            "id": "mtr_1",
            "key": "m",
            "name": "M",
            "event_type": "e",
            "aggregation": aggregation,
            "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        },
        Meter,
    )
