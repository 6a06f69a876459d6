"""Deciding which periods are due: a million subscriptions, one indexed query.

    python -m bench.due [--subscriptions 1000000]

Two days are measured: one on which a hundredth is due, and one on which all are. The reference is
the same rows read bare: by the index alone of a day, and by one scan of the table of all. The plan
that PostgreSQL makes is printed, and the bench fails if it reads the whole table for a day.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from bench.report import Figure, peak_memory_mb, report

from tallybook.bootstrap.config import Config
from tallybook.bootstrap.wire import database_address
from tallybook.domain.customers.organization import Organization
from tallybook.domain.subscriptions.cycle import NotDue, decide_cycle
from tallybook.services.close_period import CHUNK
from tallybook.stores.sql.books import SqlBooks
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.directory import SqlDirectory
from tallybook.stores.sql.migrate import migrate

ORGANIZATION = "org_bench"
JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 100
"""The subscriptions are spread over so many days of anniversary."""

CUSTOMERS = "organization_id, id, key, name, currency, timezone, locale, created_at"
SUBSCRIPTIONS = (
    "organization_id, id, key, customer_id, plan_version_id, interval, interval_count, alignment,"
    " boundary_time, anchor, timezone, status, starts_at, period_starts, period_ends, created_at,"
    " customer_key"
)


def fill(engine: sa.Engine, count: int) -> None:
    """Customers and subscriptions, one each, by COPY."""
    SqlDirectory(engine).add_organization(
        Organization(id=ORGANIZATION, key="bench", name="Bench", created_at=JANUARY)
    )
    with engine.begin() as connection:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            with cursor.copy(f"COPY customers ({CUSTOMERS}) FROM STDIN") as copy:
                for n in range(count):
                    copy.write_row(_customer(n))
            with cursor.copy(f"COPY subscriptions ({SUBSCRIPTIONS}) FROM STDIN") as copy:
                for n in range(count):
                    copy.write_row(_subscription(n))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))


def _customer(n: int) -> tuple[object, ...]:
    return (ORGANIZATION, f"cus_{n:07}", f"c{n:07}", "Customer", "USD", "UTC", "en", JANUARY)


def _subscription(n: int) -> tuple[object, ...]:
    starts = JANUARY + timedelta(days=n * 7919 % DAYS)
    return (
        ORGANIZATION,
        f"sub_{n:07}",
        f"s{n:07}",
        f"cus_{n:07}",
        "plan_1",
        "month",
        1,
        "anniversary",
        "local_midnight",
        starts,
        "UTC",
        "active",
        starts,
        starts,
        starts + timedelta(days=31),
        JANUARY,
        f"c{n:07}",
    )


def decided(engine: sa.Engine, until: datetime) -> tuple[float, int]:
    """The seconds that it takes to find all that is due and to decide each; and how many it is."""
    began = time.perf_counter()
    count = 0
    after = ("", "")
    while True:
        with SqlBooks(engine).begin(ORGANIZATION) as records:
            chunk = records.subscriptions.due(until=until, after=after, limit=CHUNK)
            if not chunk:
                return time.perf_counter() - began, count
            count += sum(not isinstance(decide_cycle(each, now=until), NotDue) for each in chunk)
            customers = records.customers.by_ids([chunk[-1].customer_id])
            after = customers[chunk[-1].customer_id].key, chunk[-1].id


def bare(engine: sa.Engine, until: datetime) -> float:
    """The seconds that PostgreSQL alone takes to read the rows that are due, and to lock them."""
    query = sa.text(
        "SELECT * FROM subscriptions WHERE organization_id = :organization AND "
        "status <> 'ended' AND due_at <= :until FOR UPDATE SKIP LOCKED"
    )
    began = time.perf_counter()
    with engine.connect() as connection:
        for _ in connection.execute(query, {"organization": ORGANIZATION, "until": until}):
            pass
    return time.perf_counter() - began


def plan_of(engine: sa.Engine, until: datetime) -> list[str]:
    """How PostgreSQL goes about the first chunk."""
    said: list[str] = []

    def explain(
        _connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any
    ) -> None:
        if "FOR UPDATE" in statement and not said:
            with cursor.connection.cursor() as other:
                other.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {statement}", parameters)
                said.extend(row[0] for row in other.fetchall())

    sa.event.listen(engine, "before_cursor_execute", explain)
    try:
        with SqlBooks(engine).begin(ORGANIZATION) as records:
            records.subscriptions.due(until=until, after=("", ""), limit=CHUNK)
    finally:
        sa.event.remove(engine, "before_cursor_execute", explain)
    return said


def measured(engine: sa.Engine, count: int) -> Iterator[Figure]:
    """A day's worth, and all of them."""
    first_due = JANUARY + timedelta(days=31)
    said = plan_of(engine, first_due)
    print("\n".join(said))
    assert any("Index" in line for line in said), "an index leads to what is due"
    assert not any("Seq Scan on subscriptions" in line for line in said), (
        "not all is read for a day"
    )
    for name, until in (("a day", first_due), ("all", first_due + timedelta(days=DAYS))):
        reference = bare(engine, until)
        seconds, due = decided(engine, until)
        yield Figure(
            f"due on {name}: {due:,} of {count:,}",
            seconds,
            "s",
            reference=reference,
            reference_name="rows read bare, in one query",
        )


def main() -> None:
    """Fill, measure, report."""
    parser = argparse.ArgumentParser(prog="bench.due", description="Decide what is due.")
    parser.add_argument("--subscriptions", type=int, default=1_000_000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="tb-") as folder,
        database_address(Config(directory=Path(folder))) as url,
    ):
        engine = open_database(url)
        migrate(engine)
        fill(engine, options.subscriptions)
        figures = list(measured(engine, options.subscriptions))
        figures.append(Figure("peak memory of the program", peak_memory_mb(), "MB"))
        engine.dispose()
    report(figures)


if __name__ == "__main__":
    main()
