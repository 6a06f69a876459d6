"""Tallying by itself: what large questions are answered from changes no answer."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from event_rows import EventRows, event
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.errors import Unavailable
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.aggregations.aggregation import TimeUnit
from tallybook.domain.metering.aggregations.latest import Latest
from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.domain.metering.aggregations.unique_count import Held, UniqueCount
from tallybook.domain.metering.meter import Meter, Sum, UsageQuery
from tallybook.jobs.tallying import tally_everywhere, tallying_meters
from tallybook.services.create_organization import create_organization
from tallybook.services.define_meter import MeterDefinition, define_meter
from tallybook.services.ports import Wiring
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.tallies import Batch, Tallies, mergeable
from tallybook.stores.columnar.usage import ColumnarUsage

MARCH = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


class LogOfRows:
    def __init__(self, rows: EventRows) -> None:
        self._rows = rows

    def position(self) -> int:
        return self._rows.position


@pytest.fixture
def rows(columnar: Columnar, organization: Organization) -> EventRows:
    return EventRows(columnar, organization.id)


@pytest.fixture
def tallying(wiring: Wiring, columnar: Columnar, rows: EventRows) -> Wiring:
    """A wiring that tallies from the third event on."""
    log: Any = LogOfRows(rows)
    usage = ColumnarUsage(columnar, Tallies(columnar, least=3, worth=1))
    return dataclasses.replace(wiring, event_log=log, usage=usage)


def define(wiring: Wiring, organization: Organization, key: str, aggregation: Any) -> Meter:
    definition = MeterDefinition(key=key, name=key, event_type="call", aggregation=aggregation)
    return define_meter(wiring, organization.id, definition)


def sent(rows: EventRows, count: int) -> None:
    rows.keep(
        event(MARCH.starts + timedelta(hours=hour), {"n": 1}, customer="ann")
        for hour in range(count)
    )


def test_meters_are_tallied_as_events_come(
    tallying: Wiring, rows: EventRows, organization: Organization, columnar: Columnar
) -> None:
    calls = define(tallying, organization, "calls", Sum(value="n"))
    define(tallying, organization, "last", Latest(value="n"))
    tallies = Tallies(columnar, worth=1)

    def chain() -> list[tuple[int, int, int]]:
        found = tallies.chain(organization.id, calls, as_of=rows.position)
        return [(batch.after, batch.through, batch.events) for batch in found]

    sent(rows, 2)
    assert list(tally_everywhere(tallying)) == [], "too few to be worth it"
    sent(rows, 30)
    assert list(tally_everywhere(tallying)) == [calls], "a latest value has no tallies"
    assert chain() == [(0, 32, 32)]
    sent(rows, 2)
    assert list(tally_everywhere(tallying)) == []
    sent(rows, 40)
    assert list(tally_everywhere(tallying)) == [calls]
    assert chain() == [(0, 74, 74)], "two batches of one size became one"
    query = UsageQuery(span=MARCH, as_of=rows.position)
    [usage] = tallying.usage.measure(organization.id, calls, query)
    assert usage.quantity == usage.evidence.event_count == 74
    earlier = UsageQuery(span=MARCH, as_of=31)
    [before] = tallying.usage.measure(organization.id, calls, earlier)
    assert before.quantity == 31, "an earlier as-of is counted from the events"


def test_batches_of_one_stretch_do_no_harm(
    tallying: Wiring, rows: EventRows, organization: Organization, columnar: Columnar
) -> None:
    """Two processes that tally side by side make two batches; one is taken."""
    calls = define(tallying, organization, "calls", Sum(value="n"))
    sent(rows, 10)
    assert len(list(tally_everywhere(tallying))) == 1
    with columnar.client() as client:
        client.command("INSERT INTO tallies SELECT * REPLACE (batch + 1 AS batch) FROM tallies")
        client.command(
            "INSERT INTO tally_batches SELECT * REPLACE (batch + 1 AS batch) FROM tally_batches"
        )
    query = UsageQuery(span=MARCH, as_of=rows.position)
    [usage] = tallying.usage.measure(organization.id, calls, query)
    assert usage.quantity == 10


def test_a_batch_that_was_never_finished_counts_for_nothing(
    tallying: Wiring, rows: EventRows, organization: Organization, columnar: Columnar
) -> None:
    """Killed between the tallies and the row that says they are there."""
    calls = define(tallying, organization, "calls", Sum(value="n"))
    sent(rows, 10)
    list(tally_everywhere(tallying))
    with columnar.client() as client:
        client.command("TRUNCATE TABLE tally_batches")
    query = UsageQuery(span=MARCH, as_of=rows.position)
    for _ in range(2):
        [usage] = tallying.usage.measure(organization.id, calls, query)
        assert usage.quantity == 10
        list(tally_everywhere(tallying))


def test_meters_that_count_days_hold_up_no_other(
    tallying: Wiring, rows: EventRows, organization: Organization
) -> None:
    """The days of all time are more than can be listed; these meters have no tallies anyway."""
    days = UniqueCount(value="n", operation="op", held=Held.DAYS)
    levels = TimeWeighted(value="n", changes=True, per=TimeUnit.DAY, whole_days=True)
    define(tallying, organization, "a-days", days)
    define(tallying, organization, "a-levels", levels)
    calls = define(tallying, organization, "calls", Sum(value="n"))
    sent(rows, 30)
    assert list(tally_everywhere(tallying)) == [calls]


def test_an_organization_that_cannot_be_tallied_holds_up_no_other(
    tallying: Wiring, rows: EventRows, organization: Organization
) -> None:
    other = create_organization(tallying, key="other", name="Other")
    assert [each.id for each in tallying.directory.organizations()] == [organization.id, other.id]

    class FailsForTheFirst:
        def tally(self, organization_id: str, *_: Any, **__: Any) -> bool:
            asked.append(organization_id)
            if organization_id == organization.id:
                raise Unavailable("event_store_unavailable", "The event store did not answer.")
            return False

    asked: list[str] = []
    usage: Any = FailsForTheFirst()
    for each in (organization, other):
        define(tallying, each, "calls", Sum(value="n"))
    assert list(tally_everywhere(dataclasses.replace(tallying, usage=usage))) == []
    assert asked == [organization.id, other.id]


def test_rounds_go_on_after_a_failure(tallying: Wiring, organization: Organization) -> None:
    class Broken:
        def __init__(self) -> None:
            self.asked = 0

        def tally(self, *_: Any, **__: Any) -> bool:
            self.asked += 1
            raise Unavailable("event_store_unavailable", "The event store did not answer.")

    define(tallying, organization, "calls", Sum(value="n"))
    usage: Any = Broken()
    broken = dataclasses.replace(tallying, usage=usage)
    with tallying_meters(broken, every_seconds=0.01):
        deadline = time.monotonic() + 30
        while usage.asked < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert usage.asked >= 3, "a round that fails is followed by others"


@pytest.mark.parametrize(
    ("sizes", "merged", "why"),
    [
        ([], 0, "nothing there"),
        ([5], 1, "one by itself"),
        ([5, 5], 2, "of one size"),
        ([11, 5], 1, "more than twice as large"),
        ([10, 5], 2, "just twice as large"),
        ([100, 10, 5], 2, "the last two"),
        ([30, 10, 5], 3, "those that are together as large"),
        ([1000, 1, 1, 1], 3, "not the old one"),
    ],
)
def test_which_batches_are_merged(sizes: list[int], merged: int, why: str) -> None:
    chain = [Batch(n, n, n + 1, size, size) for n, size in enumerate(sizes)]
    assert list(mergeable(chain)) == (chain[-merged:] if merged else []), why


def tally_all(tallying: Wiring) -> None:
    while list(tally_everywhere(tallying)):
        pass


def counted(columnar: Columnar, statement: str) -> int:
    with columnar.client() as client:
        return int(client.query(statement).result_rows[0][0])


def test_a_batch_that_lost_tallies_is_made_anew(
    tallying: Wiring, rows: EventRows, organization: Organization, columnar: Columnar
) -> None:
    calls = define(tallying, organization, "calls", Sum(value="n"))
    sent(rows, 100)
    tally_all(tallying)
    tallies = Tallies(columnar, worth=1)
    tallies.forget_broken()
    assert tallies.chain(organization.id, calls, as_of=rows.position), "this one is whole"
    with columnar.client() as client:
        client.command(
            "ALTER TABLE tallies DELETE WHERE day > '2026-03-02' SETTINGS mutations_sync = 1"
        )
    tallies.forget_broken()
    assert not tallies.chain(organization.id, calls, as_of=rows.position)
    tally_all(tallying)
    [batch] = tallies.chain(organization.id, calls, as_of=rows.position)
    assert batch.events == 100


def test_a_batch_that_was_replaced_just_now_is_kept(
    tallying: Wiring, rows: EventRows, organization: Organization, columnar: Columnar
) -> None:
    """Who began to ask before it was replaced may read it still, however old it is."""
    define(tallying, organization, "calls", Sum(value="n"))
    sent(rows, 30)
    tally_all(tallying)
    with columnar.client() as client:  # as if it had been made an hour ago
        for table in ("tallies", "tally_batches"):
            client.command(f"CREATE TABLE old_{table} AS {table}")
            client.command(
                f"INSERT INTO old_{table} SELECT * REPLACE "
                f"(batch - bitShiftLeft(toUInt64(3600000), 22) AS batch) FROM {table}"
            )
            client.command(f"EXCHANGE TABLES {table} AND old_{table}")
    sent(rows, 40)
    tally_all(tallying)
    assert counted(columnar, "SELECT count() FROM tally_batches WHERE after = 0") == 2
