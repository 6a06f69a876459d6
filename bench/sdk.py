"""The Python SDK: how fast `track` takes events, and how long it keeps its caller.

The sink is a server in another process that counts and answers. The reference is what an
application could do least: append a dict of the same properties to a deque. Latencies are those of
single calls while events are being sent, at full speed and at a steady 10,000 a second; the
reference beside them is the same append, timed in the same way.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
import zlib
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bench.report import Figure, peak_memory_mb, report

from tallybook_sdk import Client, Settings

CALLS = 300_000
TIMED = 100_000
STEADY_PER_SECOND = 10_000
STEADY_SECONDS = 5
COST = Decimal("0.0123")


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Count the events of every request on a connection, and accept them all."""
    while True:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
        except asyncio.IncompleteReadError:
            break
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        if b"content-encoding: gzip" in head:
            body = zlib.decompress(body, 31)
        told = b'{"counts":{"accepted":%d},"position":0,"results":[]}' % (body.count(b"\n") + 1)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(told), told))
        await writer.drain()
    writer.close()


async def sink() -> None:
    """Listen on a free port, say which, and serve until killed."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=64 * 1024 * 1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def percentile(times: list[int], share: float) -> float:
    """In microseconds, from nanoseconds."""
    ranked = sorted(times)
    return ranked[min(int(len(ranked) * share), len(ranked) - 1)] / 1000


def calls_per_second(call: Callable[[], object], calls: int) -> float:
    """How often `call` can be made in a second, one after the other."""
    gc.collect()
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return calls / (time.perf_counter() - began)


def timed(call: Callable[[], object], calls: int) -> list[int]:
    """How long each of `calls` takes, at full speed."""
    times = []
    clock = time.perf_counter_ns
    for _ in range(calls):
        began = clock()
        call()
        times.append(clock() - began)
    return times


def timed_steadily(call: Callable[[], object], per_second: int, seconds: int) -> list[int]:
    """How long each call takes at a steady rate, the caller asleep in between as programs are."""
    times = []
    clock = time.perf_counter_ns
    start = clock()
    for number in range(per_second * seconds):
        due = start + number * 1_000_000_000 // per_second
        while clock() < due:
            time.sleep(0)
        began = clock()
        call()
        times.append(clock() - began)
    return times


def measure(client: Client) -> list[Figure]:
    """All figures, over one client."""
    kept: deque[dict[str, Any]] = deque()

    def append() -> None:
        kept.append(
            {"model": "large", "input_tokens": 1234, "output_tokens": 55, "cost": COST, "z": "eu"}
        )

    def track() -> None:
        client.track(
            "completion", "acme", model="large", input_tokens=1234, output_tokens=55, cost=COST,
            z="eu",
        )  # fmt: skip

    bare = calls_per_second(append, CALLS)
    bare_times = timed(append, TIMED)
    bare_steady = timed_steadily(append, STEADY_PER_SECOND, STEADY_SECONDS)
    kept.clear()
    track()
    assert client.flush(60)
    began = time.perf_counter()
    own, whole = time.thread_time(), time.process_time()
    rate = calls_per_second(track, CALLS)
    own = time.thread_time() - own
    assert client.flush(60)
    delivered = CALLS / (time.perf_counter() - began)
    sending = time.process_time() - whole - own
    times = timed(track, TIMED)
    assert client.flush(60)
    steady = timed_steadily(track, STEADY_PER_SECOND, STEADY_SECONDS)
    assert client.flush(60)
    stats = client.stats()
    assert stats.accepted == stats.tracked, stats
    assert not stats.dropped + stats.unsendable + stats.retries, stats
    name = "deque append"
    return [
        Figure("track() in one thread", rate, "calls/s", bare, name, at_least=50_000),
        Figure("tracked until answered for", delivered, "events/s"),
        Figure("processor time of a call", own / CALLS * 1e6, "µs", 1e6 / bare, name),
        Figure("processor time of sending an event", sending / CALLS * 1e6, "µs"),
        *latencies("at full speed", times, bare_times),
        *latencies("at a steady 10 000/s", steady, bare_steady),
        Figure("peak memory of this bench", peak_memory_mb(), "MB"),
    ]


def latencies(when: str, times: list[int], bare: list[int]) -> list[Figure]:
    """The percentiles of caller latency."""
    name = "deque append"
    return [
        Figure(f"caller latency p50, {when}", percentile(times, 0.5), "µs",
               percentile(bare, 0.5), name),
        Figure(f"caller latency p99, {when}", percentile(times, 0.99), "µs",
               percentile(bare, 0.99), name, at_most=50),
        Figure(f"caller latency p99.9, {when}", percentile(times, 0.999), "µs",
               percentile(bare, 0.999), name),
    ]  # fmt: skip


def main() -> None:
    """Start the sink, measure, print."""
    if "--sink" in sys.argv:
        asyncio.run(sink())
        return
    command = [sys.executable, "-m", "bench.sdk", "--sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            url = f"http://127.0.0.1:{int(served.stdout.readline())}"
            settings = Settings(max_queued_events=2 * CALLS, max_queued_bytes=512 * 1024 * 1024)
            with Client(url, "tb_bench", source="bench", settings=settings) as client:
                report(measure(client))
        finally:
            served.kill()


if __name__ == "__main__":
    main()
