"""Real calls and texts, measured by the increments of telephony: what their README states, exactly.

The files are not part of the project; without them the story is skipped, and says so.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.money import Rounding, round_decimal
from tallybook.services.define_meter import MeterDefinition, define_meter
from tallybook.services.ingest_events import ingest_events
from tallybook.services.measure_usage import UsageQuestion, measure_usage
from tallybook.services.ports import Wiring

SHARED = Path(os.environ.get("TALLYBOOK_SHARED", Path(__file__).parents[2].parent / "shared"))
TRACE = SHARED / "data" / "telecom-copenhagen"
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not TRACE.is_dir(), reason=f"{TRACE.name} is not here: set TALLYBOOK_SHARED to its folder"
)


def rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(TRACE / name, "rt", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def events() -> Iterator[dict[str, Any]]:
    for number, call in enumerate(rows("calls.csv.gz")):
        at = BEGAN + timedelta(seconds=int(call["timestamp"]))
        properties = {"seconds": int(call["duration"])}
        yield _event("call", call["caller"], number, at) | {"properties": properties}
    for number, text in enumerate(rows("sms.csv.gz")):
        at = BEGAN + timedelta(seconds=int(text["timestamp"]))
        yield _event("sms", text["sender"], number, at)


def _event(type_: str, customer: str, number: int, at: datetime) -> dict[str, Any]:
    identity = f"{type_}-{number}"
    return {"type": type_, "customer": customer, "id": identity, "time": at.isoformat()}


@pytest.fixture
def month(wiring: Wiring, organization: Organization) -> Wiring:
    """Everything said and written in four weeks."""
    sent = events()
    while chunk := list(islice(sent, 5000)):
        receipt = ingest_events(wiring, organization.id, b"\n".join(map(_line, chunk)))
        assert receipt.is_complete
    return wiring


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


ANSWERED = "seconds > 0"


@pytest.mark.parametrize(
    ("event_type", "aggregation", "rest", "total", "why"),
    [
        ("call", {"type": "count"}, {}, "3600", "all calls"),
        ("call", {"type": "count"}, {"filter": ANSWERED}, "2654", "that were answered"),
        ("call", {"type": "count"}, {"filter": "seconds == -1"}, "366", "that were missed"),
        ("call", {"type": "sum", "value": "max(seconds, 0)"}, {}, "204813", "1/1"),
        (
            "call",
            {"type": "sum", "value": "ceil_to(seconds, 60)"},
            {"filter": ANSWERED, "conversion": {"divide_by": 60}},
            "5146",
            "60/60: each call's started minutes",
        ),
        (
            "call",
            {"type": "sum", "value": "ceil_to(seconds, 6) / 6"},
            {"filter": ANSWERED},
            "35314",
            "6/6: each call's started blocks of six seconds",
        ),
        ("sms", {"type": "count"}, {}, "24333", "every text"),
    ],
)
def test_increments(
    month: Wiring,
    organization: Organization,
    event_type: str,
    aggregation: dict[str, Any],
    rest: dict[str, Any],
    total: str,
    why: str,
) -> None:
    usage = measured(month, organization, event_type, aggregation, **rest)
    assert sum(usage.values()) == Decimal(total), why
    if event_type == "sms":
        assert (len(usage), usage["617"]) == (555, 1585)


def measured(
    wiring: Wiring,
    organization: Organization,
    event_type: str,
    aggregation: dict[str, Any],
    **rest: Any,
) -> dict[str, Decimal]:
    """The usage of every customer."""
    definition = msgspec.convert(
        {"key": "m", "name": "M", "event_type": event_type, "aggregation": aggregation} | rest,
        MeterDefinition,
    )
    define_meter(wiring, organization.id, definition)
    question = UsageQuestion(meter="m", period="2026-03", match={})
    answered = measure_usage(wiring, organization.id, question, limit=1000)
    return {row.usage.customer: row.usage.quantity for row in answered.rows}


def test_minutes_rounded_once(month: Wiring, organization: Organization) -> None:
    """One phone company's total: all seconds together, then up to a minute."""
    seconds = {"type": "sum", "value": "max(seconds, 0)"}
    usage = measured(month, organization, "call", seconds)
    total = sum(usage.values(), Decimal(0))
    assert round_decimal(total / 60, 0, Rounding.CEILING) == 3414
