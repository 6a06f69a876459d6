"""Kill the server at random moments under ingest load, and hold its books against our own.

    PYTHONPATH=.:tests python tests/simulation/ingest_faults.py --rounds 100 --seed 1

Senders keep a tally of every event that was acknowledged. What got no answer is sent again after
the restart, as a client would. Then the server's usage has to equal the tally, customer by
customer: an acknowledged event lost, or one counted twice, and it does not.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from bench.served import Served

from simulation.killing import Course, WrongError, go_through, main, wait_until

SENDERS = 8
Event = dict[str, Any]


@dataclass
class Tally:
    """What was acknowledged: events and the sum of their values, by customer."""

    events: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    acknowledged: list[Event] = field(default_factory=list)
    unanswered: list[list[Event]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    next_id: int = 0

    def new_events(self, chance: random.Random) -> list[Event]:
        """A batch of new events over several months: one, a few, or many."""
        count = chance.choice((1, 1, 3, 20, 300))
        with self.lock:
            first = self.next_id
            self.next_id += count
        return [
            {
                "type": "call",
                "customer": f"c{chance.randrange(20)}",
                "id": f"{number}",
                "time": f"2026-{chance.randrange(1, 7):02}-{chance.randrange(1, 29):02}T08:00:00Z",
                "properties": {"value": chance.randrange(1, 100)},
            }
            for number in range(first, first + count)
        ]

    def acknowledge(self, events: Sequence[Event]) -> None:
        """Count events that are in the log, whenever they got there."""
        with self.lock:
            for event in events:
                self.events[event["customer"]] += 1
                self.values[event["customer"]] += event["properties"]["value"]
            self.acknowledged.extend(events)

    def some_acknowledged(self, chance: random.Random) -> list[Event]:
        """A few events that the log has for certain."""
        with self.lock:
            known = self.acknowledged
            return [known[chance.randrange(len(known))] for _ in range(5)] if known else []


class Books(Protocol):
    """What can be asked for usage."""

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]: ...


class Client:
    """One connection to the server."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}"}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the answer; an `OSError` or `HTTPException` if there is none."""
        headers = self._headers | {"Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, content, headers)
        response = self._connection.getresponse()
        text = response.read()
        return response.status, json.loads(text)

    def send(self, events: Sequence[Event]) -> Any:
        """The answer to a batch; None if the server says that it cannot tell."""
        status, answer = self.ask("POST", "/v1/events", list(events))
        if status == 503:
            return None
        if status not in {200, 207}:
            raise WrongError(f"{status}: {answer}")
        return answer


def put_load(url: str, key: str, tally: Tally, seed: int, stop: threading.Event) -> None:
    """Send batches until there is no answer; events sent again or contradicted in between."""
    chance = random.Random(seed)
    client = Client(url, key)
    while not stop.is_set():
        known = tally.some_acknowledged(chance) if chance.random() < 0.2 else []
        contradiction = [event | {"type": "other"} for event in known[:1]]
        events = tally.new_events(chance)
        try:
            answer = client.send([*events, *known[1:], *contradiction])
        except (OSError, http.client.HTTPException, ValueError):
            answer = None
            stop.set()
        if answer is None:
            with tally.lock:
                tally.unanswered.append(events)
            continue
        expected = {"accepted": len(events), "conflict": len(contradiction)}
        expected["duplicate"] = len(known[1:])
        if {name: answer["counts"][name] for name in expected} != expected:
            raise WrongError(f"expected {expected}, got {answer}")
        tally.acknowledge(events)


def settle(client: Client, tally: Tally) -> int:
    """Send again what got no answer; how many of those events had got in."""
    had_got_in = 0
    for events in tally.unanswered:
        answer = client.send(events)
        counts = answer["counts"]
        if counts["accepted"] + counts["duplicate"] != len(events):
            raise WrongError(f"{len(events)} sent again: {answer}")
        had_got_in += counts["duplicate"]
        tally.acknowledge(events)
    tally.unanswered.clear()
    return had_got_in


def compare(client: Books, tally: Tally) -> None:
    """`WrongError` if the server's usage is not what was acknowledged."""
    for meter, ours in (("calls", tally.events), ("values", tally.values)):
        status, usage = client.ask("GET", f"/v1/usage?meter={meter}&period=2026")
        if status != 200:
            raise WrongError(f"{status}: {usage}")
        theirs = {row["customer"]: int(row["quantity"]) for row in usage["results"]}
        if theirs != dict(ours):
            differing = {
                name: (ours[name], theirs.get(name))
                for name in {*ours, *theirs}
                if ours[name] != theirs.get(name)
            }
            raise WrongError(f"{meter}: acknowledged and counted differ: {differing}")


@dataclass
class Report(Course):
    """What the rounds came to."""

    events: int = 0
    unanswered: int = 0
    had_got_in: int = 0

    def counts(self) -> Mapping[str, int]:
        return {
            "events": self.events,
            "unanswered": self.unanswered,
            "of them already in": self.had_got_in,
        }


class IngestTrial:
    """Senders that keep a tally, and nothing else."""

    def __init__(self, chance: random.Random, report: Report) -> None:
        self._chance = chance
        self._report = report
        self._tally = Tally()
        self._key = ""

    def check(self, server: Served, *, is_last: bool) -> None:
        """See `Trial`."""
        self._key = self._key or set_up(server)
        client = Client(server.url, self._key)
        self._report.unanswered += sum(map(len, self._tally.unanswered))
        self._report.had_got_in += settle(client, self._tally)
        compare(client, self._tally)
        self._report.events = len(self._tally.acknowledged)

    def load_and_kill(self, server: Served) -> None:
        """See `Trial`."""
        _load_and_kill(server, self._key, self._tally, self._chance)


def run(directory: Path, rounds: int, seed: int, report: Report | None = None) -> Report:
    """Load, kill, restart and compare, `rounds` times over. `WrongError` if anything is wrong."""
    report = report or Report()
    go_through(directory, rounds, IngestTrial(random.Random(seed), report), report)
    return report


def set_up(server: Served) -> str:
    """The key of a new organization with a meter of calls and one of values."""
    key = server.new_key("faults")
    client = Client(server.url, key)
    for name, aggregation in (
        ("calls", {"type": "count"}),
        ("values", {"type": "sum", "value": "value"}),
    ):
        meter = {"key": name, "name": name, "event_type": "call", "aggregation": aggregation}
        status, answer = client.ask("POST", "/v1/meters", meter)
        if status != 201:
            raise WrongError(f"{status}: {answer}")
    return key


def _load_and_kill(server: Served, key: str, tally: Tally, chance: random.Random) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def put() -> None:
        try:
            put_load(server.url, key, tally, seeds.pop(), stop)
        except WrongError as error:
            failures.append(error)

    seeds = [chance.getrandbits(32) for _ in range(SENDERS)]
    senders = [threading.Thread(target=put) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    time.sleep(chance.uniform(0.05, 1.5))
    wait_until(lambda: tally.acknowledged, stop)
    server.kill()
    for sender in senders:
        sender.join()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    main("Kill the server under ingest load.", 100, Report(), run)
