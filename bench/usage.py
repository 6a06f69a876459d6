"""Reading usage: one customer over HTTP, all customers, every aggregation, beside the bare engine.

    python -m bench.usage [--events 20000000 --customers 100000]

Customers are skewed: half of the events are those of an eighth of them. The reference of each
figure is the shortest query that gives its bare numbers, without evidence, as-of or care for what
is no number; run in the same process, by the same client, over the same parts on disk.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from bench.report import Figure, report
from bench.served import served
from bench.store import wait_for_merges

from tallybook.bootstrap.config import Config
from tallybook.bootstrap.serving import spare_what_stays
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.aggregations.counter import Counter
from tallybook.domain.metering.aggregations.percentile import Percentile
from tallybook.domain.metering.aggregations.time_weighted import TimeWeighted
from tallybook.domain.metering.meter import (
    AnyAggregation,
    Count,
    Latest,
    Max,
    Meter,
    Sum,
    UniqueCount,
    UsageQuery,
)
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.schema import TABLES
from tallybook.stores.columnar.usage import ColumnarUsage

MARCH = Span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
AT_ONCE = 1_000_000

FILL = """
INSERT INTO events (
    organization_id, type, customer, source, id, occurred_us, received_us, position, identity,
    content, properties
)
SELECT {organization:String}, 'completion',
    concat('c', leftPad(toString(toUInt32({customers:UInt32} * pow(chance, 3))), 6, '0')),
    'api', toString(number), occurred, occurred + 1000000, number + 1, cityHash64(number),
    cityHash64(number, 1),
    map('model', ['small', 'medium', 'large'][1 + intHash64(number + 1) % 3],
        'tokens', toString(intHash64(number + 2) % 8000),
        'cost', toString(toDecimal64(intHash64(number + 3) % 100000, 5) / 1000),
        'user', toString(intHash64(number + 4) % 1000))
FROM (
    SELECT number, intHash64(number + 6) / pow(2, 64) AS chance,
        {starts:Int64} + intHash64(number + 5) % {length:Int64} AS occurred
    FROM numbers({first:UInt64}, {count:UInt64})
)
"""

WHERE = (
    "FROM events WHERE organization_id = {organization:String} AND type = 'completion' "
    "AND occurred_at >= '2026-03-01' AND occurred_at < '2026-04-01'"
)
TOKENS = "toDecimal128(properties['tokens'], 12)"
LEVELS = (
    f"SELECT customer, toUnixTimestamp64Micro(occurred_at) AS at, {TOKENS} AS level, "
    "leadInFrame(at, 1, toInt64(1775001600000000)) OVER (PARTITION BY customer ORDER BY at "
    f"ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS until {WHERE}"
)
READINGS = (
    "SELECT customer, reading, lagInFrame(reading, 1, reading) OVER (PARTITION BY customer "
    "ORDER BY occurred_at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before FROM (SELECT "
    f"customer, occurred_at, argMax({TOKENS}, position) AS reading {WHERE} "
    "GROUP BY customer, occurred_at)"
)
SUMS = (
    "SELECT customer, intDiv(toUnixTimestamp64Micro(occurred_at), 300000000) AS slot, "
    f"sum({TOKENS}) AS total {WHERE} GROUP BY customer, slot"
)


def by_customer(figure: str, source: str = WHERE) -> str:
    return f"SELECT customer, {figure} {source} GROUP BY customer"


CASES: Sequence[tuple[str, AnyAggregation, str]] = (
    ("count", Count(), by_customer("count()")),
    ("sum", Sum(value="tokens"), by_customer(f"sum({TOKENS})")),
    ("max", Max(value="tokens"), by_customer(f"max({TOKENS})")),
    ("latest", Latest(value="tokens"), by_customer(f"argMax({TOKENS}, (occurred_at, position))")),
    ("unique_count", UniqueCount(value="user"), by_customer("uniqExact(properties['user'])")),
    (
        "percentile",
        Percentile(value="tokens"),
        by_customer("arraySort(groupArray(total))[-1]", f"FROM ({SUMS})"),
    ),
    (
        "time_weighted",
        TimeWeighted(value="tokens"),
        by_customer("sum(toDecimal256(level, 12) * (until - at))", f"FROM ({LEVELS})"),
    ),
    (
        "counter",
        Counter(value="tokens"),
        by_customer("sum(if(reading >= before, reading - before, reading))", f"FROM ({READINGS})"),
    ),
)
"""Each aggregation with its bare query."""


@dataclass(frozen=True)
class Asked:
    """A customer with a span of its own."""

    customer: str
    span: Span


class Store:
    """The filled event store, in this process."""

    def __init__(self, columnar: Columnar, organization_id: str, customers: int) -> None:
        self.columnar = columnar
        self.usage = ColumnarUsage(columnar)
        self.organization_id = organization_id
        self.customers = [f"c{number:06d}" for number in range(customers)]
        self.events = 0

    def fill(self, events: int) -> None:
        self.events = events
        with self.columnar.client() as client:
            for table in TABLES:
                client.command(table)
            for first in range(0, events, AT_ONCE):
                client.command(
                    FILL,
                    parameters={
                        "organization": self.organization_id,
                        "customers": len(self.customers),
                        "starts": int(MARCH.starts.timestamp()) * 1_000_000,
                        "length": int(MARCH.length.total_seconds()) * 1_000_000,
                        "first": first,
                        "count": min(AT_ONCE, events - first),
                    },
                )
        wait_for_merges(self.columnar)

    def bare(self, query: str, **more: str) -> int:
        with self.columnar.client() as client:
            result = client.query(
                query,
                parameters={"organization": self.organization_id} | more,
                column_oriented=True,
            )
            return len(result.result_columns[0]) if result.result_columns else 0

    def measure(self, aggregation: AnyAggregation, *customers: str) -> int:
        query = UsageQuery(span=MARCH, as_of=2**62, customers=customers or None)
        return len(self.usage.measure(self.organization_id, meter(aggregation), query))

    def measure_own_spans(self) -> int:
        asked = [
            Asked(customer, Span(MARCH.starts + timedelta(days=number % 15), MARCH.ends))
            for number, customer in enumerate(self.customers)
        ]
        rows = self.usage.measure_spans(
            self.organization_id, meter(Sum(value="tokens")), asked, as_of=2**62
        )
        return len(rows)

    def tally(self, aggregation: AnyAggregation) -> bool:
        while self.usage.tally(self.organization_id, meter(aggregation), through=self.events):
            pass
        return True

    def bytes_per_event(self) -> float:
        with self.columnar.client() as client:
            row = client.query(
                "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts "
                "WHERE database = currentDatabase() AND table = 'events' AND active"
            )
            ratio: float = row.result_rows[0][0]
            return ratio


def meter(aggregation: AnyAggregation) -> Meter:
    kind = type(aggregation).__name__
    return Meter(
        id=f"mtr_{kind}",
        key=kind,
        name="Bench",
        event_type="completion",
        aggregation=aggregation,
        created_at=MARCH.starts,
    )


@contextmanager
def opened(config: Config, organization_id: str, customers: int) -> Iterator[Store]:
    columnar = Columnar(config.events_address)
    yield Store(columnar, organization_id, customers)
    columnar.close()


def seconds(work: Callable[[], object]) -> float:
    """The shorter of two runs."""
    return min(_once(work) for _ in range(2))


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    assert work()
    return time.perf_counter() - began


def quantile(taken: Sequence[float], share: float) -> float:
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * share))]


def measure_all(store: Store) -> Iterator[Figure]:
    """Every aggregation for all customers, and customers with spans of their own."""
    for name, aggregation, bare_query in CASES:
        reference = seconds(lambda query=bare_query: store.bare(query))  # type: ignore[misc]
        measured = seconds(lambda kind=aggregation: store.measure(kind))  # type: ignore[misc]
        yield Figure(
            f"{name}, all customers",
            measured,
            "s",
            reference=reference,
            reference_name="bare",
            at_most=reference * 1.5,
        )
    reference = seconds(lambda: store.bare(CASES[1][2]))
    own = seconds(store.measure_own_spans)
    yield Figure(
        "sum, each customer its own span", own, "s", reference=reference, reference_name="bare, one"
    )


def measure_tallied(store: Store) -> Iterator[Figure]:
    """The same for all customers once whole days are tallied; and how quickly they are."""
    for name, aggregation, bare_query in CASES[:2]:
        began = time.perf_counter()
        store.tally(aggregation)
        made = time.perf_counter() - began
        reference = seconds(lambda query=bare_query: store.bare(query))  # type: ignore[misc]
        measured = seconds(lambda kind=aggregation: store.measure(kind))  # type: ignore[misc]
        yield Figure(
            f"{name}, all customers, tallied",
            measured,
            "s",
            reference=reference,
            reference_name="bare",
            at_most=1,
        )
        yield Figure(f"{name}: events tallied", store.events / made, "events/s")


def measure_one(store: Store, chance: random.Random) -> Iterator[Figure]:
    """One customer and month, in this process, set up as a server's is."""
    spare_what_stays()
    total = Sum(value="tokens")
    bare_query = by_customer(f"sum({TOKENS})", f"{WHERE} AND customer = {{customer:String}}")
    ours, bare = [], []
    for customer in chance.choices(store.customers, k=300):
        bare.append(_timed(lambda name=customer: store.bare(bare_query, customer=name)))  # type: ignore[misc]
        ours.append(_timed(lambda name=customer: store.measure(total, name)))  # type: ignore[misc]
    yield Figure(
        "one customer and month, p99 in process",
        quantile(ours, 0.99) * 1000,
        "ms",
        reference=quantile(bare, 0.99) * 1000,
        reference_name="bare",
        at_most=15,
    )


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure_served(directory: Path, key: str, customers: int) -> Iterator[Figure]:
    """One customer and month, and all of them in one answer, over HTTP."""
    chance = random.Random(2)
    with (
        served(directory, patience_seconds=300) as server,
        httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=60
        ) as client,
    ):

        def ask(**query: str) -> bool:
            asked = {"meter": "tokens", "period": "2026-03"} | query
            answer = client.get("/v1/usage", params=asked)
            assert answer.is_success, answer.text
            return True

        for number in range(50):
            ask(customer=f"c{number:06d}")
        taken = [
            _timed(lambda: ask(customer=f"c{chance.randrange(customers):06d}")) for _ in range(300)
        ]
        yield Figure(
            "one customer and month, p95 over HTTP", quantile(taken, 0.95) * 1000, "ms", at_most=25
        )
        whole = seconds(lambda: ask(limit="100000"))
        yield Figure("all customers in one answer over HTTP", whole, "s")


def main() -> None:
    """Make an organization and its meter, fill the event store, measure inside and outside."""
    parser = argparse.ArgumentParser(prog="bench.usage", description="Read usage.")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as name:
        directory = Path(name) / "home"
        with served(directory) as server:
            key = server.new_key()
            client = httpx.Client(
                base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=60
            )
            body = {
                "key": "tokens",
                "name": "Tokens",
                "event_type": "completion",
                "aggregation": {"type": "sum", "value": "tokens"},
            }
            client.post("/v1/meters", json=body).raise_for_status()
            organization = client.get("/v1/organization").json()
        with opened(Config(directory), organization["id"], options.customers) as store:
            began = time.perf_counter()
            store.fill(options.events)
            print(f"filled {options.events:,} events in {time.perf_counter() - began:.0f} s")
            figures = [*measure_one(store, random.Random(1)), *measure_all(store)]
            figures += measure_tallied(store)
            figures.append(Figure("on disk", store.bytes_per_event(), "bytes/event"))
        figures += measure_served(directory, key, options.customers)
        report(figures)


if __name__ == "__main__":
    main()
