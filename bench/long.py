"""A long load: whether taking events becomes slower as more are known.

    python -m bench.long [--events 50000000]

Batches held to a strict schema are sent until so many events are in. Then the same store takes more
of them in one process, once as it does and once with an index that knows nothing: what is left is
the rate without deduplication.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import numpy as np
from bench.ingest import BATCH, CONNECTIONS, put_schema
from bench.load import MARK, Load, event_lines, load
from bench.report import Figure, report
from bench.served import served

from tallybook.domain.events.forms import Form
from tallybook.domain.events.reading import read_events
from tallybook.services.ports import Appended
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.identity_index import Hashes, IdentityIndex

_SLICE_SECONDS = 5.0
_MEASURED_SECONDS = 8.0


def main() -> None:
    """Send, start anew, and send with and without knowing."""
    parser = argparse.ArgumentParser(prog="bench.long", description="Take events for long.")
    parser.add_argument("--events", type=int, default=50_000_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as name:
        directory = Path(name) / "data"
        with served(directory) as server:
            key = server.new_key()
            put_schema(server.url, key)
            slices = sent(server.url, key, wanted.events)
            peak = server.resident_mb()
        with served(directory) as server:
            ready = server.seconds_to_ready
        known, unknown, size = in_own_process(directory)
    report(figures(slices, wanted.events, known, unknown, ready=ready, peak=peak, size=size))


def sent(url: str, key: str, events: int) -> list[Load]:
    """Batches until `events` are in, in slices of some seconds."""
    slices: list[Load] = []
    while sum(each.events for each in slices) < events:
        slices.append(load(url, key, connections=CONNECTIONS, events=BATCH, seconds=_SLICE_SECONDS))
        total = sum(each.events for each in slices)
        print(f"{total:>12,} events, {slices[-1].events_per_second:>9,.0f}/s", flush=True)
    return slices


def rate_of_tenth(slices: Iterable[Load], events: int) -> float:
    """Events a second over the slices that make up the first tenth of `events`."""
    taken, seconds = 0, 0.0
    for each in slices:
        taken, seconds = taken + each.events, seconds + each.seconds
        if taken >= events // 10:
            break
    return taken / seconds


def in_own_process(directory: Path) -> tuple[float, float, float]:
    """What `measure_knowing` tells, where no engine runs yet."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure_knowing, (directory,))


def measure_knowing(directory: Path) -> tuple[float, float, float]:
    """Events a second with and without deduplication, and bytes on disk an event."""
    columnar = Columnar(f"chdb://{directory / 'events'}")
    log = ColumnarEventLog(columnar, spool=directory / "spool")
    _appended_per_second(log, 2.0, 1)
    known = _appended_per_second(log, _MEASURED_SECONDS, 2)
    with patch.object(IdentityIndex, "find", _find_nothing), patch.object(IdentityIndex, "add"):
        unknown = _appended_per_second(log, _MEASURED_SECONDS, 3)
    log.close()
    with columnar.client() as client:
        row = client.query(
            "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts "
            "WHERE database = currentDatabase() AND table = 'events' AND active"
        ).result_rows[0]
    columnar.close()
    return known, unknown, row[0]


def _find_nothing(_: IdentityIndex, wanted: Hashes) -> tuple[np.ndarray, Hashes]:
    return np.zeros(len(wanted), np.bool_), np.zeros(len(wanted), np.uint64)


def _appended_per_second(log: ColumnarEventLog, seconds: float, run: int) -> float:
    """Read and append batches, as many at once as there would be connections."""
    bodies = [event_lines(BATCH, seed) for seed in range(8)]
    waiting: deque[Future[Appended]] = deque()
    began = time.perf_counter()
    count = 0
    while time.perf_counter() - began < seconds:
        count += 1
        number = run << 32 | count
        body = bodies[count % len(bodies)].replace(MARK, b"%012x" % number)
        reading = read_events(body, Form.NDJSON)
        waiting.append(
            log.append("org_long", reading.events, reading.texts, received_at=datetime.now(UTC))
        )
        if len(waiting) >= CONNECTIONS:
            assert not waiting.popleft().result().exceptions, "every one is new"
    for last in waiting:
        last.result()
    return count * BATCH / (time.perf_counter() - began)


def figures(
    slices: Sequence[Load],
    events: int,
    known: float,
    unknown: float,
    *,
    ready: float,
    peak: float,
    size: float,
) -> list[Figure]:
    """What was measured, in the order of interest."""
    first, last = rate_of_tenth(slices, events), rate_of_tenth(reversed(slices), events)
    total = sum(each.events for each in slices)
    whole = total / sum(each.seconds for each in slices)
    many = f"{events / 1e6:g} M"
    return [
        Figure(
            f"{many} events with a schema, the last tenth", last, "events/s",
            first, "the first tenth", at_least=0.7 * first,
        ),
        Figure(f"{many} events with a schema, all", whole, "events/s", at_least=150_000),
        Figure(
            f"batches in process, {many} known", known, "events/s",
            unknown, "without deduplication", at_least=0.7 * unknown,
        ),
        Figure(f"resident with {many} known", peak, "MB", at_most=2_000),
        Figure(f"start with {many} known", ready, "s"),
        Figure("on disk, an event", size, "bytes"),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
