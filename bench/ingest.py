"""Taking events over HTTP, synced to disk, deduplicated against the millions that are known.

    python -m bench.ingest [--known 10000000 --seconds 10]

Load comes from another process on the same cores. The references are the engine's own INSERT of the
same bytes, in blocks of 1,000 and of 20,000, and a handler that does nothing but answer.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from bench.load import MARK, ROOT, Load, event_lines, load
from bench.report import Figure, report
from bench.served import served

CONNECTIONS, BATCH = 16, 1000
SINGLE_CONNECTIONS = 64

FILL = """
INSERT INTO events (
    organization_id, type, customer, source, id, occurred_us, received_us, position, identity,
    content, properties
)
SELECT 'org_known', 'completion', concat('cust_', toString(intHash64(number) % 100000)), 'api',
    toString(number), occurred, occurred + 1000000, number + 1, intHash64(number),
    intHash64(number + 1),
    map('model', ['small', 'medium', 'large'][1 + intHash64(number + 1) % 3],
        'input_tokens', toString(intHash64(number + 2) % 10000),
        'output_tokens', toString(intHash64(number + 3) % 2000))
FROM (
    SELECT number, 1770000000000000 + intHash64(number + 5) % 5000000000000 AS occurred
    FROM numbers({first:UInt64}, {count:UInt64})
)
"""

BARE = """
CREATE TABLE bare (
    type LowCardinality(String), customer String, id String, time DateTime64(6, 'UTC'),
    properties Map(String, String)
)
ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY (type, customer, time)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""


def fill(directory: Path, count: int) -> None:
    """An event store that knows `count` events."""
    from tallybook.stores.columnar.client import Columnar
    from tallybook.stores.columnar.schema import EVENTS

    columnar = Columnar(f"chdb://{directory / 'events'}")
    with columnar.client() as client:
        client.command(EVENTS)
        for first in range(0, count, 1_000_000):
            size = min(1_000_000, count - first)
            client.command(FILL, parameters={"first": first, "count": size})
    with columnar.client() as client:
        # What came over months is merged; else the engine would merge the filling under the load.
        client.command("OPTIMIZE TABLE events FINAL")
    columnar.close()


def bare_insert(directory: Path, block: int, seconds: float, told: list[float]) -> None:
    """Events a second by the engine's own INSERT of NDJSON in blocks of `block`, one by one."""
    from tallybook.stores.columnar.client import Columnar

    columnar = Columnar(f"chdb://{directory / f'bare{block}'}")
    settings = {"date_time_input_format": "best_effort", "async_insert": 0}
    bodies = [event_lines(block, seed) for seed in range(4)]
    with columnar.client() as client:
        client.command(BARE)
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            body = bodies[count % len(bodies)].replace(MARK, b"%012x" % count)
            client.raw_insert("bare", insert_block=body, fmt="JSONEachRow", settings=settings)
            count += 1
        told.append(count * block / (time.perf_counter() - began))
    columnar.close()


def in_own_process(directory: Path, block: int, seconds: float) -> float:
    """`bare_insert` where no engine runs yet."""
    with multiprocessing.get_context("spawn").Manager() as manager:
        told = manager.list()
        child = multiprocessing.get_context("spawn").Process(
            target=bare_insert, args=(directory, block, seconds, told)
        )
        child.start()
        child.join()
        rate: float = told[0]
        return rate


@contextmanager
def empty_handler() -> Iterator[str]:
    """The URL of a server that only answers."""
    command = [sys.executable, "-m", "bench.empty"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def main() -> None:
    """Measure, beside the references."""
    parser = argparse.ArgumentParser(description="Measure the taking of events.")
    parser.add_argument("--known", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        directory = home / "data"
        filling = multiprocessing.get_context("spawn").Process(
            target=fill, args=(directory, wanted.known)
        )
        filling.start()
        filling.join()
        with served(directory):
            pass  # makes the database of records, as on an existing data directory
        with served(directory) as server:
            key = server.new_key()
            # The less a load leaves to be merged, the earlier it comes: merging takes a core.
            load(server.url, key, connections=4, events=1, seconds=1)
            alone = load(server.url, key, connections=1, events=1, seconds=2)
            single = load(
                server.url, key, connections=SINGLE_CONNECTIONS, events=1, seconds=wanted.seconds
            )
            batches = load(
                server.url, key, connections=CONNECTIONS, events=BATCH, seconds=wanted.seconds
            )
            peak = server.resident_mb()
            other = server.new_key("checked")
            put_schema(server.url, other)
            checked = load(
                server.url, other, connections=CONNECTIONS, events=BATCH,
                seconds=wanted.seconds / 2,
            )  # fmt: skip
            late = load(
                server.url, key, connections=CONNECTIONS, events=BATCH,
                seconds=wanted.seconds / 2, late=0.05,
            )  # fmt: skip
            ready = server.seconds_to_ready
        bare = {block: in_own_process(home, block, wanted.seconds / 2) for block in (BATCH, 20_000)}
        with empty_handler() as url:
            empty = load(
                url, "", connections=SINGLE_CONNECTIONS, events=1, seconds=wanted.seconds / 2
            )
    found = figures(batches, single, alone, bare=bare, empty=empty, ready=ready, peak=peak)
    report(found + others(batches, late, checked))


def others(batches: Load, late: Load, checked: Load) -> list[Figure]:
    """The same load with something more to it, beside the load without."""
    plain = batches.events_per_second
    return [
        Figure(
            "batches with 5 % of events late", late.events_per_second, "events/s",
            plain, "without", at_least=plain / 1.5,
        ),
        Figure(
            "batches checked against a schema", checked.events_per_second, "events/s",
            plain, "without",
        ),
    ]  # fmt: skip


def put_schema(url: str, key: str) -> None:
    """Hold the events of the load to a schema, strictly; they keep it."""
    text, number = {"type": "string"}, {"type": "number", "minimum": 0}
    properties = {
        "model": {"enum": ["small", "medium", "large"]},
        "input_tokens": number,
        "output_tokens": number,
        "seconds": number,
        "region": text,
    }
    schema = {"type": "object", "required": list(properties), "properties": properties}
    httpx.put(
        f"{url}/v1/event-types/completion",
        json={"status": "active", "strictness": "quarantine", "schema": schema},
        headers={"Authorization": f"Bearer {key}"},
    ).raise_for_status()


def figures(
    batches: Load,
    single: Load,
    alone: Load,
    *,
    bare: dict[int, float],
    empty: Load,
    ready: float,
    peak: float,
) -> list[Figure]:
    """What was measured, in the order of interest."""
    rate = batches.events_per_second
    return [
        Figure(
            "batches of 1,000, 16 connections", rate, "events/s",
            bare[BATCH], "bare INSERT of 1,000", at_least=150_000,
        ),
        Figure("the same", rate, "events/s", bare[20_000], "bare INSERT of 20,000"),
        Figure("a batch, 99th percentile", batches.p99_ms, "ms"),
        Figure(
            "single events, 64 connections", single.requests_per_second, "requests/s",
            empty.requests_per_second, "empty handler", at_least=4_000,
        ),
        Figure("a single event among 64, 99th percentile", single.p99_ms, "ms"),
        Figure("a single event alone, median", alone.median_ms, "ms"),
        Figure("start with all events known", ready, "s", at_most=5),
        Figure("resident under load", peak, "MB"),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
