"""The same usage whatever the order of arrival, the sizes of batches, and restarts in between.

Every aggregation, through the log itself, with its spool or without; quantities and the numbers of
events. No two events of a series are of one instant: there the order of arrival does tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_sending import append
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.definition import checked_meter
from tallybook.domain.metering.meter import Meter, Usage, UsageQuery
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.usage import ColumnarUsage

MARCH = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
AGGREGATIONS: tuple[dict[str, Any], ...] = (
    {"type": "count"},
    {"type": "sum", "value": "n * 0.1"},
    {"type": "sum", "value": "n", "carries": True},
    {"type": "min", "value": "n"},
    {"type": "max", "value": "n"},
    {"type": "average", "value": "n"},
    {"type": "latest", "value": "n"},
    {"type": "unique_count", "value": "s"},
    {"type": "unique_count", "value": "s", "operation": "op", "held": "days"},
    {"type": "time_weighted", "value": "n", "series": "s"},
    {"type": "time_weighted", "value": "n", "changes": True, "per": "day"},
    {"type": "counter", "value": "n", "series": "s"},
    {"type": "counter", "value": "n", "series": "s", "decrease": "rollover", "digits": 2},
    {"type": "percentile", "value": "n", "percent": "50", "minutes": 60},
    {"type": "duration", "session": "s", "operation": "state"},
)


def events(count: int) -> list[dict[str, Any]]:
    """Events of two customers, from before March until after it, each at its own instant."""
    return [
        {
            "id": f"e{number}",
            "type": "call",
            "customer": "ab"[number % 2],
            "time": f"2026-{2 + number * 3 // count:02}-{1 + number % 28:02}T{number % 24:02}:"
            f"{number // 24 % 60:02}:{number % 60:02}Z",
            "properties": {
                "n": number * 7 % 23,
                "s": "xyz"[number // 2 % 3],
                "op": "remove" if number % 5 == 4 else "add",
                "state": "stop" if number % 4 == 3 else "start",
            },
        }
        for number in range(count)
    ]


SENT = events(60)


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[dict[str, Any]] | None]:
    """All of the events in batches, in any order and some of them twice; None is a restart."""
    order = draw(st.permutations(SENT))
    again = draw(st.lists(st.sampled_from(SENT), max_size=10))
    steps: list[list[dict[str, Any]] | None] = []
    left = [*order, *again]
    while left:
        size = draw(st.integers(1, 40))
        steps.append(left[:size])
        left = left[size:]
        if draw(st.integers(0, 3)) == 0:
            steps.append(None)
    return steps


def meters() -> list[Meter]:
    found = []
    for number, aggregation in enumerate(AGGREGATIONS):
        raw = {
            "id": f"mtr_{number}",
            "key": "m",
            "name": "M",
            "event_type": "call",
            "aggregation": aggregation,
            "filter": "event.id != 'e7'",
            "created_at": MARCH.starts,
        }
        found.append(checked_meter(msgspec.convert(raw, Meter)))
    return found


Told = dict[tuple[str, str, str, datetime], tuple[Decimal, int]]


def measured(columnar: Columnar, organization: str, as_of: int) -> Told:
    """What every meter says of March, as a whole and by the day."""
    usage, told = ColumnarUsage(columnar), {}
    for meter in meters():
        for window in (None, "day"):
            query = UsageQuery(span=MARCH, as_of=as_of, window=window)
            rows: Sequence[Usage] = usage.measure(organization, meter, query)
            for row in rows:
                key = (meter.id, window or "", row.customer, row.span.starts)
                told[key] = (row.quantity, row.evidence.event_count)
    return told


@pytest.fixture
def plain(columnar: Columnar) -> Told:
    """Of the events sent in order, in one request."""
    log = ColumnarEventLog(columnar)
    as_of = append(log, SENT, "org_plain").position
    log.close()
    told = measured(columnar, "org_plain", as_of)
    assert {key[0] for key in told} == {meter.id for meter in meters()}, "each has something"
    return told


@pytest.mark.parametrize("has_spool", [False, True], ids=["table", "spool"])
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=arrivals(), organization=st.uuids())
def test_arrival_makes_no_difference(
    columnar: Columnar,
    tmp_path: Path,
    plain: Told,
    has_spool: bool,
    steps: list[list[dict[str, Any]] | None],
    organization: UUID,
) -> None:
    spool = tmp_path / "spool" if has_spool else None
    log = ColumnarEventLog(columnar, spool=spool)
    try:
        for step in steps:
            if step is None:
                log.close()
                log = ColumnarEventLog(columnar, spool=spool)
            else:
                append(log, step, f"org_{organization}")
        as_of = log.position()
    finally:
        log.close()
    assert measured(columnar, f"org_{organization}", as_of) == plain
