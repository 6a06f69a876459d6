"""Counts that survive what fails, and what the log shows of types, lateness and silence.

Rules: docs/semantics/events.md
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from event_rows import EventRows, event
from event_sending import sent
from tallybook.domain.customers.organization import Organization
from tallybook.domain.events.forms import Form
from tallybook.domain.events.quality import Counted, Happening
from tallybook.domain.kernel.errors import Unavailable
from tallybook.domain.kernel.instants import Span
from tallybook.services.ingest_events import ingest_events
from tallybook.services.ports import Wiring
from tallybook.services.report_quality import report_quality
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.traffic import ColumnarTraffic
from tallybook.stores.sql import event_counts
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.event_counts import SqlEventCounts

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = NOW.date()
ALWAYS = Span(datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))


def happened(source: str = "api", kind: Happening = Happening.DUPLICATE) -> tuple[Any, ...]:
    return ("call", source, kind)


def traffic(columnar: Columnar) -> ColumnarTraffic:
    log = ColumnarEventLog(columnar)
    log.close()  # nothing is appended
    return ColumnarTraffic(columnar, log)


@pytest.fixture
def counts(migrated_database_url: str, wiring: Wiring) -> SqlEventCounts:
    return SqlEventCounts(open_database(migrated_database_url))


def test_counts_add_up_over_writes(counts: SqlEventCounts, organization: Organization) -> None:
    for _ in range(3):
        counts.add(organization.id, DAY, [happened(), happened("gw"), happened()])
        counts.flush()
    counts.add(organization.id, DAY - timedelta(days=1), [happened()])
    counts.flush()
    assert counts.between(organization.id, DAY, DAY) == [
        Counted(DAY, "call", "api", Happening.DUPLICATE, 6),
        Counted(DAY, "call", "gw", Happening.DUPLICATE, 3),
    ]
    assert counts.between("org_other", date.min, date.max) == []


def test_counts_that_cannot_be_written_wait(
    counts: SqlEventCounts, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts.add(organization.id, DAY, [happened()])
    away = sa.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with monkeypatch.context() as patch:
        patch.setattr(counts, "_engine", away)
        with pytest.raises(Unavailable):
            counts.flush()
    counts.add(organization.id, DAY, [happened()])
    [row] = counts.between(organization.id, DAY, DAY)
    assert row.count == 2


def test_memory_is_bounded_by_counting_sources_together(
    counts: SqlEventCounts, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_counts, "MAX_WAITING", 3)
    counts.add(organization.id, DAY, [happened(f"s{number}") for number in range(10)])
    rows = counts.between(organization.id, DAY, DAY)
    assert [(row.source, row.count) for row in rows] == [("", 7), ("s0", 1), ("s1", 1), ("s2", 1)]


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("12", "integer", "digits"),
        ("-0", "integer", "with a sign"),
        ("1.50", "number", "with a point"),
        ("1e5", "number", "with an exponent"),
        ("01", "text", "JSON writes no such number"),
        (".5", "text", "nor such"),
        ("1_000", "text", "nor such"),
        ("true", "boolean", ""),
        ("True", "text", "JSON writes it small"),
        ('{"a":1}', "object", ""),
        ("[1]", "list", ""),
        ("{a}", "text", "no JSON"),
        ("", "text", "nothing"),
    ],
)
def test_how_a_value_reads(columnar: Columnar, text: str, kind: str, why: str) -> None:
    rows = EventRows(columnar)
    rows.keep([event("2026-03-01T00:00:00Z", {"x": text})])
    [seen] = traffic(columnar).properties(rows.organization_id, ["call"], ALWAYS)
    assert seen.kinds == {kind: 1}, why


def test_lateness_is_arrival_less_time_of_the_event(columnar: Columnar) -> None:
    rows = EventRows(columnar)
    arrived = datetime(2030, 1, 1, tzinfo=UTC)  # as all that `EventRows` writes
    late = [timedelta(seconds=number) for number in range(100)]
    rows.keep([event(arrived - each, id=f"{each}") for each in late])
    rows.keep([event(arrived + timedelta(milliseconds=1500), type_="ahead")])
    ahead, call = traffic(columnar).days(rows.organization_id, ["call", "ahead"], ALWAYS)
    assert (call.events, call.day, call.lateness_max) == (100, arrived.date(), "99.000")
    assert call.lateness_p50 == "49.500", "half of 0 to 99 seconds"
    assert (ahead.lateness_p99, ahead.lateness_max) == ("-1.500", "-1.500"), "ahead of our clock"


def test_sources_that_fell_silent_are_told(wiring: Wiring, organization: Organization) -> None:
    def ingest(days_ago: int, *events: dict[str, Any]) -> None:
        then = dataclasses.replace(wiring, now=lambda: NOW - timedelta(days=days_ago))
        receipt = ingest_events(then, organization.id, msgspec.json.encode(events), Form.JSON)
        assert receipt.is_complete

    ingest(3, sent("1", source="old"), sent("2", source="steady"))
    ingest(0, sent("3", source="steady"), sent("4", source="new"), sent("3", source="steady"))
    now = dataclasses.replace(wiring, now=lambda: NOW)
    report = report_quality(now, organization.id, days=7, silent_days=2)
    assert [(each.source, each.events) for each in report.silent_sources] == [("old", 1)]
    [call] = report.types
    assert [(day.day, day.events, day.duplicates) for day in call.days] == [
        (DAY - timedelta(days=3), 2, 0),
        (DAY, 2, 1),
    ]
    short = report_quality(now, organization.id, days=1, silent_days=2)
    assert [day.events for day in short.types[0].days] == [2]
    assert [each.source for each in short.silent_sources] == ["old"], "looks back far enough"
