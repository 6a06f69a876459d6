"""Meters in PostgreSQL: each version as it was written, none of another organization's."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.kernel.money import Rounding
from tallybook.domain.metering.meter import AnyAggregation, Conversion, FinalRounding, Meter
from tallybook.services.create_organization import create_organization
from tallybook.services.ports import Wiring

AGGREGATIONS: list[dict[str, Any]] = [
    {"type": "count"},
    {"type": "sum", "value": "a + 1", "carries": True},
    {"type": "min", "value": "a"},
    {"type": "max", "value": "a"},
    {"type": "average", "value": "a"},
    {"type": "latest", "value": "a"},
    {"type": "unique_count", "value": "a", "operation": "op", "held": "days", "timezone": "UTC"},
    {"type": "time_weighted", "value": "a", "series": "s", "per": "span"},
    {"type": "counter", "value": "a", "decrease": "rollover", "digits": 6},
    {"type": "percentile", "value": "a", "percent": "99.9", "minutes": 15},
    {"type": "duration", "session": "s", "operation": "op", "per": "minute"},
]


def meter(key: str, aggregation: dict[str, Any], **rest: Any) -> Meter:
    fields: dict[str, Any] = {"id": f"mtr_{key}_{rest.get('version', 1)}", "name": key.title()}
    fields |= {"event_type": "call", "created_at": datetime(2026, 3, 1, tzinfo=UTC)} | rest
    return Meter(key=key, aggregation=msgspec.convert(aggregation, AnyAggregation), **fields)


@pytest.mark.parametrize("aggregation", AGGREGATIONS, ids=[a["type"] for a in AGGREGATIONS])
def test_a_meter_is_read_as_it_was_written(
    wiring: Wiring, organization: Organization, aggregation: dict[str, Any]
) -> None:
    written = meter(
        "m",
        aggregation,
        filter='a != "b"',
        dimensions=("model", 'usage["a b"]'),
        unit="GiB",
        conversion=Conversion(divide_by=Decimal(2**30)),
        rounding=FinalRounding(scale=-2, mode=Rounding.CEILING),
    )
    plain = meter("p", aggregation)
    with wiring.books.begin(organization.id) as records:
        records.meters.add(written)
        records.meters.add(plain)
    with wiring.books.begin(organization.id) as records:
        assert records.meters.by_key("m") == written
        assert records.meters.by_id(plain.id) == plain
        assert records.meters.by_keys(["m", "p", "q"]) == {"m": written, "p": plain}
        assert records.meters.page(after="", limit=9) == [written, plain]


def test_a_key_means_the_latest_version(wiring: Wiring, organization: Organization) -> None:
    first, second = (meter("m", {"type": "count"}, version=number) for number in (1, 2))
    with wiring.books.begin(organization.id) as records:
        records.meters.add(second)
        records.meters.add(first)
        with pytest.raises(Conflicting):
            records.meters.add(msgspec.structs.replace(first, id="mtr_another"))
        assert records.meters.by_key("m") == second
        assert records.meters.by_id(first.id) == first
        assert records.meters.versions("m") == [first, second]
        assert records.meters.page(after="", limit=9) == [second]


def test_no_organization_sees_anothers_meters(wiring: Wiring, organization: Organization) -> None:
    mine = meter("m", {"type": "count"})
    other = create_organization(wiring, key="other", name="Other")
    with wiring.books.begin(organization.id) as records:
        records.meters.add(mine)
    with wiring.books.begin(other.id) as records:
        assert records.meters.by_key("m") is None
        assert records.meters.by_id(mine.id) is None
        assert records.meters.versions("m") == []
        assert records.meters.page(after="", limit=9) == []
        records.meters.add(mine)
