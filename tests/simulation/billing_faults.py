"""Kill billing runs at random moments and count afterwards what is there.

    python tests/simulation/billing_faults.py --rounds 100 --seed 1

Each round is an organization of its own with a month to close. A process closes it and is killed
without warning; another closes what is left and looks at everything: one invoice for each
subscription, whole, with the quantity that its events make, numbered without a gap.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sqlalchemy as sa

from simulation.killing import Course, arguments
from tallybook.bootstrap.config import Config, read_config
from tallybook.bootstrap.embedded import start_postgres
from tallybook.bootstrap.wire import database_address, wire
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import Flat, PerUnit, Price
from tallybook.domain.customers.customer import Customer
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Count, Meter
from tallybook.domain.subscriptions.calendar import Alignment
from tallybook.domain.subscriptions.subscription import Status, Subscription
from tallybook.services.close_period import close_due_periods
from tallybook.services.ports import Wiring
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.schema import TABLES
from tallybook.stores.sql.books import SqlBooks
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.directory import SqlDirectory
from tallybook.stores.sql.migrate import migrate

JANUARY = Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
CHUNK = 20

FILL = """
INSERT INTO events (
    organization_id, type, customer, source, id, occurred_us, received_us, position, identity,
    content, properties
)
SELECT organization, 'call', customer, 'api', toString(call), occurred, occurred,
    row_number() OVER (), cityHash64(organization, customer, call),
    cityHash64(organization, customer, call, 1), map()
FROM (
    SELECT concat('org_', toString(round)) AS organization,
        concat('c', leftPad(toString(n), 4, '0')) AS customer,
        call, {starts:Int64} + call * 1000000 AS occurred
    FROM (SELECT number AS round FROM numbers({rounds:UInt64})) AS rounds
    CROSS JOIN (SELECT number AS n FROM numbers({count:UInt64})) AS customers
    ARRAY JOIN range(n % 7) AS call
)
"""


def fill_books(config: Config, rounds: int, count: int) -> None:
    """Organizations to close, `count` subscriptions each."""
    with database_address(config) as url:
        engine = open_database(url)
        migrate(engine)
        for number in range(rounds):
            _fill_books(engine, f"org_{number}", count)
        engine.dispose()


def fill_events(config: Config, rounds: int, count: int) -> None:
    """Their month: customer n calls n % 7 times."""
    columnar = Columnar(config.events_address)
    with columnar.client() as client:
        for table in TABLES:
            client.command(table)
        starts = int(JANUARY.starts.timestamp()) * 1_000_000
        parameters = {"rounds": rounds, "count": count, "starts": starts}
        client.command(FILL, parameters=parameters)
    columnar.close()


def _fill_books(engine: sa.Engine, organization_id: str, count: int) -> None:
    at = JANUARY.starts
    tenant = Organization(id=organization_id, key=organization_id, name="Acme", created_at=at)
    SqlDirectory(engine).add_organization(tenant)
    calls = Meter(
        id="mtr_calls",
        key="calls",
        name="Calls",
        event_type="call",
        aggregation=Count(),
        created_at=at,
    )
    prices = (
        Price(key="base", name="Base", rule=Flat(amount=Decimal(10))),
        Price(key="calls", name="Calls", rule=PerUnit(unit_amount=Decimal(2)), meter="calls"),
    )
    plan = PlanVersion(
        id="plv_1",
        plan_key="pro",
        version=1,
        name="Pro",
        currency="EUR",
        prices=prices,
        created_at=at,
    )
    with SqlBooks(engine).begin(organization_id) as records:
        records.meters.add(calls)
        records.plans.add(plan)
        for number in range(count):
            key = f"c{number:04d}"
            records.customers.add(
                Customer(id=f"cus_{key}", key=key, name=key, currency="EUR", created_at=at)
            )
        records.subscriptions.add_many([_subscription(f"c{n:04d}") for n in range(count)])


def _subscription(key: str) -> Subscription:
    return Subscription(
        id=f"sub_{key}",
        key=key,
        customer_id=f"cus_{key}",
        plan_version_id="plv_1",
        alignment=Alignment.CALENDAR,
        anchor=JANUARY.starts,
        timezone="UTC",
        status=Status.ACTIVE,
        starts_at=JANUARY.starts,
        ends_at=JANUARY.ends,
        period=JANUARY,
        created_at=JANUARY.starts,
    )


def close(config: Config, organization_id: str) -> None:
    """Close an organization's month in small chunks; tells when it begins and what it found."""
    with database_address(config) as url:
        engine = open_database(url)
        columnar = Columnar(config.events_address)
        wiring = wire(engine, columnar)
        print("begins", flush=True)
        began = time.perf_counter()
        run = close_due_periods(wiring, organization_id, finalizes=True, chunk_size=CHUNK)
        seconds = time.perf_counter() - began
        faults = look(wiring, engine, organization_id)
        told = {"invoices": run.invoices, "seconds": seconds, "faults": faults}
        print(json.dumps(told), flush=True)
        columnar.close()
        engine.dispose()


def look(wiring: Wiring, engine: sa.Engine, organization_id: str) -> list[str]:
    """Everything that is not as it should be after a month was closed."""
    faults: list[str] = []
    with wiring.books.begin(organization_id) as records:
        subscriptions = records.subscriptions.page(after="", limit=100_000)
        headers = records.invoices.page(after="", limit=100_000)
        invoices = [found for one in headers if (found := records.invoices.by_id(one.id))]
    billed = sorted(invoice.subscription_id for invoice in invoices)
    if billed != sorted(subscription.id for subscription in subscriptions):
        faults.append(f"{len(billed)} invoices for {len(subscriptions)} subscriptions")
    faults += [f"{one.key} is {one.status}" for one in subscriptions if one.status != Status.ENDED]
    for invoice in invoices:
        calls = int(invoice.billed_to.key[1:]) % 7
        amounts = [line.amount_minor for line in invoice.lines]
        if amounts != [1000, 200 * calls] or invoice.total_minor != 1000 + 200 * calls:
            faults.append(f"{invoice.id} of {invoice.billed_to.key} says {amounts}")
    numbers = sorted(str(invoice.number) for invoice in invoices)
    if numbers != [f"INV-{numbers[0][4:8]}-{n:06d}" for n in range(1, len(numbers) + 1)]:
        faults.append("numbers have a gap, or are given twice")
    with engine.connect() as connection:
        stray = "SELECT count(*) FROM invoice_lines l WHERE organization_id = :organization AND "
        stray += "NOT EXISTS (SELECT FROM invoices i WHERE i.id = l.invoice_id)"
        if connection.execute(sa.text(stray), {"organization": organization_id}).scalar_one():
            faults.append("lines without an invoice")
    return faults


@dataclass
class Outcome(Course):
    """What rounds of killing came to. A start is that of a process until its run begins."""

    killed_halfway: int = 0
    invoices: int = 0
    faults: list[str] = field(default_factory=list)

    def counts(self) -> Mapping[str, int]:
        return {"of them halfway": self.killed_halfway, "invoices": self.invoices}

    def note_faults(self, faults: Sequence[str]) -> None:
        """What a look at a closed month found."""
        self.faults += faults
        self.differences = len(self.faults)


def simulate(home: Path, *, rounds: int, count: int, seed: int) -> Outcome:
    """One undisturbed round to learn how long a run takes, then `rounds` that are killed."""
    chance, outcome = random.Random(seed), Outcome()
    _child(home, "books", str(rounds + 1), str(count))
    _child(home, "events", str(rounds + 1), str(count))
    undisturbed = _finish(home, "org_0")
    outcome.note_faults(undisturbed["faults"])
    for number in range(1, rounds + 1):
        name = f"org_{number}"
        outcome.kills += _kill(home, name, chance.uniform(0, undisturbed["seconds"]), outcome)
        left = _finish(home, name)
        outcome.rounds += 1
        outcome.killed_halfway += 0 < left["invoices"] < count
        outcome.invoices += count
        outcome.note_faults([f"{name}: {fault}" for fault in left["faults"]])
    return outcome


def race(home: Path, *, racers: int, count: int) -> tuple[list[int], list[str]]:
    """Processes with one database and an event store each close one month at the same time.

    Answers how many invoices each drew up, and what is wrong when all are done.
    """
    server = start_postgres(home / "postgres")
    database = {"TALLYBOOK_DATABASE_URL": server.get_uri()}
    homes = [home / f"racer{number}" for number in range(racers)]
    try:
        _child(home, "books", "1", str(count), **database)
        for each in homes:
            each.mkdir()
            _child(each, "events", "1", str(count), **database)
        started = [_started(each, "close", "org_0", **database) for each in homes]
        shares = [_told(child)["invoices"] for child in started]
        faults = list(_finish(homes[0], "org_0", **database)["faults"])
    finally:
        server.cleanup()
    return shares, faults


def _kill(home: Path, organization_id: str, after_seconds: float, course: Course) -> bool:
    """Start a run and kill it that long after it began; whether it was still at it."""
    began = time.perf_counter()
    with _started(home, "close", organization_id) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begins\n"
        course.note_start(time.perf_counter() - began)
        time.sleep(after_seconds)
        was_running = child.poll() is None
        child.kill()
    return was_running


def _finish(home: Path, organization_id: str, **environment: str) -> dict[str, Any]:
    return _told(_started(home, "close", organization_id, **environment))


def _told(child: subprocess.Popen[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(_ended(child).splitlines()[-1])
    return told


def _child(home: Path, *arguments: str, **environment: str) -> None:
    _ended(_started(home, *arguments, **environment))


def _ended(child: subprocess.Popen[str]) -> str:
    with child:
        said, _ = child.communicate(timeout=300)
    assert child.returncode == 0, f"{child.args!r} ended with {child.returncode}"
    return said


def _started(home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--home", str(home), "--act", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def act(home: Path, *arguments: str) -> None:
    """What a process of the harness does."""
    config = read_config(home)
    match arguments:
        case ["books", rounds, count]:
            fill_books(config, int(rounds), int(count))
        case ["events", rounds, count]:
            fill_events(config, int(rounds), int(count))
        case ["close", organization_id]:
            close(config, organization_id)


def main(wanted: Sequence[str] | None = None) -> int:
    """The harness, or one of its acts in a process of its own."""
    parser = arguments("Kill billing runs and count.", 100)
    parser.add_argument("--count", type=int, default=400, help="subscriptions in each round")
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--act", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(wanted)
    if options.act:
        act(options.home, *options.act)
        return 0
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as home:
        outcome = simulate(
            Path(home), rounds=options.rounds, count=options.count, seed=options.seed
        )
    for fault in outcome.faults:
        print(f"FAULT {fault}")
    print(outcome.summary())
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
