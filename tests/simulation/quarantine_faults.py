"""Kill the server while events are held, mended, replayed and discarded; nothing may vanish.

    PYTHONPATH=.:tests python tests/simulation/quarantine_faults.py --rounds 50 --seed 1

Half of the events break the schema of their type. One thread mends and replays what waits, and
discards what one customer sent. After each kill the server is started again, what got no answer
is repeated, and then: every event acknowledged as held is in exactly one state; every event
accepted or replayed is in the log exactly once; none discarded is.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.served import Served

from simulation.ingest_faults import Client, Event, set_up
from simulation.killing import Course, WrongError, go_through, main, wait_until

SENDERS = 3
NEVER = "c0"
"""The customer whose held events are discarded."""

STRICT = {
    "strictness": "quarantine",
    "schema": {"required": ["value"], "properties": {"value": {"type": "integer"}}},
}
TO_INTEGER = [{"do": "cast", "property": "value", "to": "integer"}]


@dataclass
class Acknowledged:
    """The ids that the server gave its word for, and the events that it gave none for.

    Of those held some are `to_replay`: the others are discarded.
    """

    accepted: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    to_replay: set[str] = field(default_factory=set)
    unanswered: list[list[Event]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    next_id: int = 0

    def new_events(self, chance: random.Random) -> list[Event]:
        """New events, half of which break their schema: one, a few, or many."""
        count = chance.choice((1, 2, 20, 200))
        with self.lock:
            first = self.next_id
            self.next_id += count
        return [
            {
                "type": "call",
                "customer": f"c{chance.randrange(5)}",
                "id": f"{number}",
                "time": f"2026-03-{chance.randrange(1, 29):02}T08:00:00Z",
                "properties": {"value": chance.choice((7, "7"))},
            }
            for number in range(first, first + count)
        ]

    def note(self, events: list[Event], answer: Any) -> None:
        """Take the server at its word."""
        left = {told["index"]: told["verdict"] for told in answer["results"]}
        with self.lock:
            for index, event in enumerate(events):
                verdict = left.get(index, "accepted")
                if verdict == "quarantined":
                    self.held.add(event["id"])
                    if event["customer"] != NEVER:
                        self.to_replay.add(event["id"])
                elif verdict == "accepted":
                    self.accepted.add(event["id"])
                elif verdict not in {"duplicate", "rejected"}:  # sent again after a kill
                    raise WrongError(f"{event}: {verdict}")


def put_load(url: str, key: str, told: Acknowledged, seed: int, stop: threading.Event) -> None:
    """Send batches until there is no answer."""
    chance = random.Random(seed)
    client = Client(url, key)
    while not stop.is_set():
        events = told.new_events(chance)
        try:
            answer = client.send(events)
        except (OSError, http.client.HTTPException, ValueError):
            answer = None
            stop.set()
        if answer is None:
            with told.lock:
                told.unanswered.append(events)
        else:
            told.note(events, answer)


def settle_held(url: str, key: str, stop: threading.Event) -> None:
    """Discard, mend and replay, over and over, until there is no answer."""
    client = Client(url, key)
    while not stop.is_set():
        try:
            settle_once(client)
        except (OSError, http.client.HTTPException, ValueError):
            stop.set()


def settle_once(client: Client) -> None:
    """Everything that waits is discarded or replayed, unless it is cut short."""
    who = {"by": "simulation", "why": "to see whether it adds up"}
    for what, body in (
        ("discard", {"which": {"customer": NEVER}}),
        ("mend", {"steps": TO_INTEGER}),
        ("replay", {}),
    ):
        status, answer = client.ask("POST", f"/v1/quarantine/{what}", who | body)
        if status not in {200, 503}:
            raise WrongError(f"{what}: {status}: {answer}")


def compare(client: Client, told: Acknowledged) -> Counter[str]:
    """`WrongError` if anything vanished or counts twice; how many are in each state."""
    states = {
        row["event"]["id"]: row["state"] for row in _each(client, "/v1/quarantine?state=all&")
    }
    log = Counter(row["id"] for row in _each(client, "/v1/events?"))
    counted = Counter(states.values())
    twice = [id_ for id_, number in log.items() if number > 1]
    replayed = {id_ for id_, state in states.items() if state == "replayed"}
    discarded = {id_ for id_, state in states.items() if state == "discarded"}
    faults = {
        "held and vanished": told.held - set(states),
        "accepted and lost": told.accepted - set(log),
        "replayed and lost": replayed - set(log),
        "discarded and counted": discarded & set(log),
        "counted twice": set(twice),
        "in the log and never taken": set(log) - told.accepted - set(states),
    }
    wrong = {what: sorted(ids)[:5] for what, ids in faults.items() if ids}
    if wrong:
        raise WrongError(f"{wrong}")
    return counted


def _each(client: Client, path: str) -> list[Any]:
    found: list[Any] = []
    after = ""
    while True:
        status, page = client.ask("GET", f"{path}limit=1000&after={after}")
        if status != 200:
            raise WrongError(f"{path}: {status}: {page}")
        found += page["results"]
        if not page["next"]:
            return found
        after = page["next"]


@dataclass
class Report(Course):
    """What the rounds came to: how many of those held are in which state, and the rest."""

    events: int = 0
    states: Counter[str] = field(default_factory=Counter)

    def counts(self) -> Mapping[str, int]:
        return {"events": self.events, **dict(self.states)}


class QuarantineTrial:
    """Senders whose events are held, and one who settles what is held."""

    def __init__(self, chance: random.Random, report: Report) -> None:
        self._chance = chance
        self._report = report
        self._told = Acknowledged()
        self._key = ""

    def check(self, server: Served, *, is_last: bool) -> None:
        """See `Trial`. In the end all that is held is settled, and compared once more."""
        self._key = self._key or _set_up(server)
        client, told = Client(server.url, self._key), self._told
        for events in told.unanswered:
            told.note(events, client.send(events))
            # A duplicate had got in by the request that was cut short.
            told.accepted |= {e["id"] for e in events if e["properties"]["value"] == 7}
        told.unanswered.clear()
        self._report.states = compare(client, told)
        if is_last:
            settle_once(client)
            self._report.states = compare(client, told)
        self._report.events = len(told.accepted | told.held)

    def load_and_kill(self, server: Served) -> None:
        """See `Trial`."""
        _load_and_kill(server, self._key, self._told, self._chance)


def run(directory: Path, rounds: int, seed: int, report: Report | None = None) -> Report:
    """Load, kill, restart and compare, `rounds` times over. `WrongError` if anything is wrong."""
    report = report or Report()
    go_through(directory, rounds, QuarantineTrial(random.Random(seed), report), report)
    return report


def _set_up(server: Served) -> str:
    key = set_up(server)
    status, answer = Client(server.url, key).ask("PUT", "/v1/event-types/call", STRICT)
    if status != 200:
        raise WrongError(f"{status}: {answer}")
    return key


def _load_and_kill(server: Served, key: str, told: Acknowledged, chance: random.Random) -> None:
    stop = threading.Event()
    seeds = [chance.getrandbits(32) for _ in range(SENDERS)]
    with ThreadPoolExecutor(SENDERS + 1) as pool:
        work = [pool.submit(put_load, server.url, key, told, seed, stop) for seed in seeds]
        work.append(pool.submit(settle_held, server.url, key, stop))
        time.sleep(chance.uniform(0.2, 2))
        try:
            wait_until(lambda: told.to_replay, stop)
        finally:
            server.kill()
            stop.set()
        for done in work:
            done.result()


if __name__ == "__main__":
    main("Kill the server while events are held and replayed.", 50, Report(), run)
