"""A ClickHouse reached over HTTP: the same events, the same usage, in the URL's database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from event_sending import append, everything, sent, verdicts
from stores import http_engine
from tallybook.domain.kernel.errors import Unavailable
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.definition import checked_meter
from tallybook.domain.metering.meter import Meter, UsageQuery
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.schema import TABLES
from tallybook.stores.columnar.usage import ColumnarUsage

MARCH = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
EVENTS = [
    sent(f"e{n}", time=f"2026-03-{n + 1:02}T00:00:00Z", properties={"n": n, "s": "a b'\t\\"[n % 6]})
    for n in range(24)
]
AGGREGATIONS: tuple[dict[str, Any], ...] = (
    {"type": "sum", "value": "s == 'a' ? n : n * 0.1"},
    {"type": "time_weighted", "value": "n", "series": "s"},
    {"type": "counter", "value": "n", "series": "s"},
    {"type": "percentile", "value": "n", "minutes": 60},
)
_numbers = itertools.count()


@pytest.fixture
def address(engines_home: Path, columnar: Columnar) -> Iterator[str]:
    del columnar  # the embedded engine is there first
    with http_engine.served(engines_home / "events") as found:
        yield found


def usage(columnar: Columnar, as_of: int) -> list[Any]:
    """What each meter says of March, by the day."""
    told = []
    for number, aggregation in enumerate(AGGREGATIONS):
        raw = {
            "id": f"mtr_{number}",
            "key": "m",
            "name": "M",
            "event_type": "call",
            "aggregation": aggregation,
            "created_at": MARCH.starts,
        }
        meter = checked_meter(msgspec.convert(raw, Meter))
        query = UsageQuery(span=MARCH, as_of=as_of, window="day")
        told.append(ColumnarUsage(columnar).measure("org_a", meter, query))
    return told


@pytest.mark.parametrize("path", ["", "/books{}", "/more%20books{}"])
def test_a_served_engine_is_the_embedded_one(columnar: Columnar, address: str, path: str) -> None:
    """Every request names its database: the server knows of none by itself."""
    name = f"served{next(_numbers)}"
    far = Columnar(f"clickhouse://{address}{path.format(name)}", database=name)
    for store in (far, columnar):
        with store.client() as client:
            for table in TABLES:
                client.command(table)
    log, near = ColumnarEventLog(far), ColumnarEventLog(columnar)
    for each in (log, near):
        assert append(each, EVENTS).position == len(EVENTS)
        assert set(verdicts(each, *EVENTS)) == {"duplicate"}
    assert everything(log) == everything(near)
    assert usage(far, len(EVENTS)) == usage(columnar, len(EVENTS))
    log.close()
    near.close()
    far.close()
    again = Columnar(f"clickhouse://{address}{path.format(name)}", database=name)
    with again.client() as client:
        chosen = client.query("SELECT currentDatabase(), count() FROM events").result_rows
        assert chosen == [(path.format(name).strip("/").replace("%20", " ") or name, len(EVENTS))]
        client.command(f"DROP DATABASE `{chosen[0][0]}` SYNC")
    again.close()


def test_a_server_that_is_not_there_is_told_of() -> None:
    with pytest.raises(Unavailable) as told:
        Columnar("clickhouse://127.0.0.1:1/books")
    assert told.value.code == "event_store_unavailable"
