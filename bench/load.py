"""A cheap load generator: prepared requests, each sent when the one before is answered.

    python -m bench.load URL KEY --connections 16 --events 1000 --seconds 10

Every request carries events with ids of their own, made by filling a number into a prepared body.
Prints one line of JSON: requests, events accepted, seconds, latencies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec
import uvloop

MARK = b"@@@@@@@@@@@@"
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Load:
    """What was sent and taken in how long."""

    requests: int
    events: int
    refused: int
    seconds: float
    median_ms: float
    p99_ms: float

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds


def event_lines(count: int, seed: int, late: float = 0) -> bytes:
    """`count` events of an AI company in NDJSON, skewed as real ones are, `MARK` in each id.

    A share of them, `late`, happened in some other month of the two years before.
    """
    chance = random.Random(seed)
    month = datetime(2026, 3, 1, tzinfo=UTC)
    lines = []
    for number in range(count):
        at = month + timedelta(microseconds=chance.randrange(30 * 86400 * 10**6))
        if late and chance.random() < late:
            at -= timedelta(days=chance.randrange(31, 730))
        event = {
            "type": "completion",
            "customer": f"cust_{int(chance.paretovariate(1.1)) % 100_000}",
            "id": f"{seed:02x}{MARK.decode()}{number:05x}{chance.getrandbits(52):013x}",
            "time": at.isoformat().replace("+00:00", "Z"),
            "properties": {
                "model": chance.choice(("small", "medium", "large")),
                "input_tokens": chance.randrange(10_000),
                "output_tokens": chance.randrange(2_000),
                "seconds": chance.randrange(10_000) / 1000,
                "region": "eu-west-1",
            },
        }
        lines.append(msgspec.json.encode(event))
    return b"\n".join(lines) + b"\n"


class Sender(asyncio.Protocol):
    """One connection: a request, its answer, the next request, until time is up."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.received = b""
        self.began = 0.0
        self.body = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.send()

    def send(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(self.run.next_request())

    def data_received(self, portion: bytes) -> None:
        self.received += portion
        head, gap, body = self.received.partition(b"\r\n\r\n")
        if not gap:
            return
        if not self.body:
            where = head.lower().index(b"content-length:") + 15
            self.body = int(head[where : where + 12].split(b"\r", 1)[0])
        if len(body) < self.body:
            return
        self.run.answered(head, body, time.perf_counter() - self.began)
        self.received, self.body = b"", 0
        if time.perf_counter() < self.run.until:
            self.send()
        else:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self.run.ended()


class Run:
    """The load of all connections together."""

    def __init__(
        self, url: str, key: str, *, connections: int, events: int, seconds: float, late: float
    ) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.connections, self.seconds = connections, seconds
        seeds = range(max(4, min(64, 8000 // events)))
        self.bodies = [event_lines(events, seed, late) for seed in seeds]
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/x-ndjson\r\nContent-Length: "
        ).encode()
        self.heads = [head + b"%d\r\n\r\n" % len(body) for body in self.bodies]
        self.until = 0.0
        self.number = time.time_ns() // 1000 << 8 & 0xFFFFFFFFFFF
        self.open = connections
        self.requests = self.events = self.refused = 0
        self.latencies: list[float] = []
        self.done = asyncio.Event()

    def next_request(self) -> bytes:
        self.number += 1
        which = self.number % len(self.bodies)
        return self.heads[which] + self.bodies[which].replace(MARK, b"%012x" % self.number)

    def answered(self, head: bytes, body: bytes, seconds: float) -> None:
        self.requests += 1
        self.latencies.append(seconds)
        if head.startswith(b"HTTP/1.1 200") and (where := body.find(b'"accepted":')) > 0:
            self.events += int(body[where + 11 : where + 20].split(b",", 1)[0])
        else:
            self.refused += 1

    def ended(self) -> None:
        self.open -= 1
        if not self.open:
            self.done.set()

    async def run(self) -> Load:
        began = time.perf_counter()
        self.until = began + self.seconds
        loop = asyncio.get_running_loop()
        for _ in range(self.connections):
            await loop.create_connection(lambda: Sender(self), self.host, self.port)
        await asyncio.wait_for(self.done.wait(), self.seconds + 60)
        seconds = time.perf_counter() - began
        ordered = sorted(self.latencies) or [0.0]
        return Load(
            self.requests,
            self.events,
            self.refused,
            seconds,
            1000 * ordered[len(ordered) // 2],
            1000 * ordered[len(ordered) * 99 // 100],
        )


def load(
    url: str, key: str, *, connections: int, events: int, seconds: float, late: float = 0
) -> Load:
    """Put load on a server, from a process of its own."""
    command = [
        sys.executable, "-m", "bench.load", url, key, "--connections", str(connections),
        "--events", str(events), "--seconds", str(seconds), "--late", str(late),
    ]  # fmt: skip
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return Load(**json.loads(told))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Put load on a server.")
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--late", type=float, default=0)
    wanted = parser.parse_args()
    run = Run(
        wanted.url,
        wanted.key,
        connections=wanted.connections,
        events=wanted.events,
        seconds=wanted.seconds,
        late=wanted.late,
    )
    print(json.dumps(asdict(uvloop.run(run.run()))))
