"""Whether the usage that a price needs can be had of its meter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

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
        (BY_EVENT, {"type": "sum", "value": "x"}, "charged_event_by_event", "needs each event"),
    ],
)
def test_measurable(rule: dict[str, Any], aggregation: dict[str, str], code: str, why: str) -> None:
    price = msgspec.convert({"key": "p", "name": "P", "meter": "m", "rule": rule}, Price)
    meter = msgspec.convert(
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
    if not code:
        check_measurable([price], {"m": meter})
        return
    with pytest.raises(Invalid) as refused:
        check_measurable([price], {"m": meter})
    assert refused.value.code == code, why
    assert refused.value.field.startswith("prices/0/")


def test_a_fee_has_nothing_to_measure() -> None:
    check_measurable([msgspec.convert({"key": "p", "name": "P", "rule": PER_UNIT}, Price)], {})
