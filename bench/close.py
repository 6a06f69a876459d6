"""Closing a month: usage of every subscription, rated, drawn up, kept.

    python -m bench.close [--subscriptions 10000 --prices 3 --events 5000000]

The reference is what cannot be avoided: the bare usage query of each meter over all customers, and
the bare COPY of the finished rows into tables without keys or indexes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from bench.report import Figure, peak_memory_mb, report

from tallybook.bootstrap.config import Config
from tallybook.bootstrap.wire import database_address, wire
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import AnyRule, Graduated, Package, PerUnit, Price, Tier
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Count, Meter, Sum
from tallybook.domain.subscriptions.calendar import Alignment
from tallybook.domain.subscriptions.subscription import Status, Subscription
from tallybook.services.close_period import close_due_periods
from tallybook.services.ports import Wiring
from tallybook.services.verify_invoice import verify_invoice
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.schema import TABLES
from tallybook.stores.sql.books import SqlBooks
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.directory import SqlDirectory
from tallybook.stores.sql.migrate import migrate

ORGANIZATION = "org_bench"
JANUARY = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
VALUES = ("input_tokens", "output_tokens", "", "cached_tokens")
"""What the meters sum, in turn; "" counts."""

FILL = """
INSERT INTO events (
    organization_id, type, customer, source, id, occurred_us, received_us, position, identity,
    content, properties
)
SELECT {organization:String}, 'completion',
    concat('c', leftPad(toString(intHash64(number) % {customers:UInt32}), 7, '0')),
    'api', toString(number), occurred, occurred + 1000000, number + 1, cityHash64(number),
    cityHash64(number, 1),
    map('model', ['small', 'medium', 'large'][1 + intHash64(number + 1) % 3],
        'input_tokens', toString(intHash64(number + 2) % 8000),
        'output_tokens', toString(intHash64(number + 3) % 2000),
        'cached_tokens', toString(intHash64(number + 4) % 4000))
FROM (
    SELECT number, {starts:Int64} + intHash64(number + 5) % {length:Int64} AS occurred
    FROM numbers({first:UInt64}, {count:UInt64})
)
"""


@dataclass(frozen=True)
class Size:
    """How much is closed."""

    subscriptions: int
    prices: int
    events: int


@dataclass(frozen=True)
class Engines:
    """The two engines and what services make of them."""

    engine: sa.Engine
    columnar: Columnar
    wiring: Wiring


def meters(count: int) -> list[Meter]:
    """Meters over the same events, a sum or a count each."""
    return [
        Meter(
            id=f"mtr_{place}",
            key=value or "calls",
            name=value or "calls",
            event_type="completion",
            aggregation=Sum(value=value) if value else Count(),
            dimensions=("model",),
            unit="tokens" if value else "calls",
            created_at=JANUARY.starts,
        )
        for place, value in enumerate(VALUES[:count])
    ]


def plan(measured: Sequence[Meter]) -> PlanVersion:
    """A price of another model for each meter."""
    tiers = (Tier(Decimal(100_000), Decimal("0.000004")), Tier(None, Decimal("0.000002")))
    rules: tuple[AnyRule, ...] = (
        PerUnit(unit_amount=Decimal("0.0000025")),
        Graduated(tiers=tiers),
        Package(package_size=Decimal(1000), package_amount=Decimal("0.5")),
        Graduated(tiers=tiers),
    )
    prices = tuple(
        Price(key=meter.key, name=meter.name, rule=rule, meter=meter.key)
        for meter, rule in zip(measured, rules, strict=False)
    )
    return PlanVersion(
        id="plv_bench",
        plan_key="bench",
        version=1,
        name="Bench",
        currency="USD",
        prices=prices,
        created_at=JANUARY.starts,
    )


def fill(config: Config, size: Size) -> None:
    """Customers, subscriptions and their month of events."""
    with database_address(config) as url:
        engine = open_database(url)
        migrate(engine)
        _fill_books(engine, size)
        engine.dispose()
    columnar = Columnar(config.events_address)
    with columnar.client() as client:
        for table in TABLES:
            client.command(table)
        step = 1_000_000
        for first in range(0, size.events, step):
            client.command(
                FILL,
                parameters={
                    "organization": ORGANIZATION,
                    "customers": size.subscriptions,
                    "starts": int(JANUARY.starts.timestamp()) * 1_000_000,
                    "length": int(JANUARY.length.total_seconds()) * 1_000_000,
                    "first": first,
                    "count": min(step, size.events - first),
                },
            )
    columnar.close()


def _fill_books(engine: sa.Engine, size: Size) -> None:
    organization = Organization(
        id=ORGANIZATION, key="bench", name="Bench", created_at=JANUARY.starts
    )
    SqlDirectory(engine).add_organization(organization)
    measured = meters(size.prices)
    with SqlBooks(engine).begin(ORGANIZATION) as records:
        for meter in measured:
            records.meters.add(meter)
        records.plans.add(plan(measured))
        records.connection.execute(
            sa.text(
                "INSERT INTO customers SELECT :organization, 'cus_' || md5(n::text), "
                "'c' || lpad(n::text, 7, '0'), 'Customer ' || n, 'USD', 'UTC', 'en', now() "
                "FROM generate_series(0, :last) AS n"
            ),
            {"organization": ORGANIZATION, "last": size.subscriptions - 1},
        )
        found = records.connection.execute(sa.text("SELECT id, key FROM customers"))
        begun = [_subscription(customer_id, key) for customer_id, key in found]
        for first in range(0, len(begun), 5000):
            records.subscriptions.add_many(begun[first : first + 5000])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))


def _subscription(customer_id: str, key: str) -> Subscription:
    return Subscription(
        id=f"sub_{customer_id[4:]}",
        key=key,
        customer_id=customer_id,
        plan_version_id="plv_bench",
        alignment=Alignment.CALENDAR,
        anchor=JANUARY.starts,
        timezone="UTC",
        status=Status.ACTIVE,
        starts_at=JANUARY.starts,
        period=JANUARY,
        created_at=JANUARY.starts,
    )


@contextmanager
def opened(config: Config) -> Iterator[Engines]:
    """The filled engines, wired."""
    with database_address(config) as url:
        engine = open_database(url)
        columnar = Columnar(config.events_address)
        wiring = wire(engine, columnar)
        yield Engines(engine, columnar, wiring)
        wiring.event_log.close()
        wiring.workers.close()
        columnar.close()
        engine.dispose()


def bare_usage_seconds(columnar: Columnar, prices: int) -> float:
    """One query a meter, over all customers, that keeps no evidence."""
    began = time.perf_counter()
    for value in VALUES[:prices]:
        counted = "sum(toDecimal128OrZero(properties[{value:String}], 12))" if value else "count()"
        with columnar.client() as client:
            rows = client.query(
                f"SELECT customer, {counted} FROM events "
                "WHERE organization_id = {organization:String} AND type = 'completion' "
                "AND occurred_at >= {starts:DateTime64(6)} AND occurred_at < {ends:DateTime64(6)} "
                "GROUP BY customer",
                parameters={
                    "organization": ORGANIZATION,
                    "value": value,
                    "starts": JANUARY.starts,
                    "ends": JANUARY.ends,
                },
            )
            assert rows.result_rows
    return time.perf_counter() - began


def bare_copy_seconds(engine: sa.Engine, directory: Path) -> float:
    """COPY the finished rows, from files, into tables without keys, indexes or triggers."""
    driver: Any
    seconds = 0.0
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        for table in ("invoices", "invoice_lines"):
            rows = directory / table
            with driver.cursor() as cursor:
                with rows.open("wb") as file, cursor.copy(f"COPY {table} TO STDOUT") as copy:
                    file.writelines(bytes(block) for block in copy)
                cursor.execute(f"CREATE TABLE bare_{table} AS SELECT * FROM {table} LIMIT 0")
                began = time.perf_counter()
                with rows.open("rb") as file, cursor.copy(f"COPY bare_{table} FROM STDIN") as copy:
                    while block := file.read(1 << 20):
                        copy.write(block)
                seconds += time.perf_counter() - began
    return seconds


def measure(config: Config, size: Size) -> list[Figure]:
    """Close the month once, and its references."""
    with opened(config) as engines:
        began = time.perf_counter()
        run = close_due_periods(engines.wiring, ORGANIZATION, until=JANUARY.ends, finalizes=True)
        seconds = time.perf_counter() - began
        memory = peak_memory_mb()
        assert run.finalized == size.subscriptions, run
        [first] = _some_invoice(engines.engine)
        assert verify_invoice(engines.wiring, ORGANIZATION, first).is_equal
        usage = bare_usage_seconds(engines.columnar, size.prices)
        copy = bare_copy_seconds(engines.engine, config.directory)
    is_asked = size == Size(10_000, 3, 5_000_000)
    is_large = size == Size(100_000, 4, 20_000_000)
    name = f"close {size.subscriptions:,} × {size.prices} over {size.events / 1e6:g} M"
    return [
        Figure(
            name,
            seconds,
            "s",
            reference=usage + copy,
            reference_name=f"bare usage {usage:.2f} + bare COPY {copy:.2f}",
            at_most=10 if is_asked else 60 if is_large else None,
        ),
        Figure("its peak memory", memory, "MB", at_most=1500),
    ]


def _some_invoice(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT id FROM invoices LIMIT 1")).scalars())


def main() -> None:
    """Fill in a process of its own, so that its memory is not counted; then measure."""
    parser = argparse.ArgumentParser(prog="bench.close", description="Close a month.")
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--prices", type=int, default=3, choices=range(1, 5))
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = Size(options.subscriptions, options.prices, options.events)
    if options.fill is not None:
        fill(Config(options.fill), size)
        return
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as directory:
        command = [sys.executable, "-m", "bench.close", *sys.argv[1:], "--fill", directory]
        subprocess.run(command, check=True)
        report(measure(Config(Path(directory)), size))


if __name__ == "__main__":
    main()
