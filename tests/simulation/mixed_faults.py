"""Kill the server while events come, are voided, amended, replaced and counted.

    PYTHONPATH=.:tests python tests/simulation/mixed_faults.py --rounds 200 --seed 1

Senders load it as in `ingest_faults`. A corrector beside them voids, amends, backfills and reverts,
and keeps an account of its own of which events count. A reader remembers figures with their as-of.
What got no answer is asked for again after the restart. Then the server's usage has to equal the
account, customer by customer: a correction half there, lost or made twice, and it does not. And
every figure remembered has to be the same to the last digit.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.served import Served

from simulation import ingest_faults as ingest
from simulation.ingest_faults import Client, Event, Tally
from simulation.killing import Course, WrongError, go_through, main, wait_until

SENDERS = 4
_NO_ANSWER = (OSError, http.client.HTTPException, ValueError)


@dataclass
class Change:
    """What a correction does to the count, and how it is asked for."""

    path: str
    body: Any
    leaving: list[Event]
    coming: list[Event]
    id: str = ""


@dataclass
class Account:
    """Which events count, as those who sent and corrected them know."""

    tally: Tally = field(default_factory=Tally)
    void: set[str] = field(default_factory=set)
    own: dict[str, Event] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    pending: Change | None = None
    unsent: list[Event] = field(default_factory=list)
    figures: dict[tuple[str, int], Any] = field(default_factory=dict)
    corrected: int = 0
    number: int = 0

    def apply(self, change: Change) -> None:
        """A correction is in the log."""
        self._move(change.leaving, -1)
        self._move(change.coming, 1)
        self.corrected += 1

    def _move(self, events: Sequence[Event], sign: int) -> None:
        with self.tally.lock:
            for event in events:
                self.tally.events[event["customer"]] += sign
                self.tally.values[event["customer"]] += sign * event["properties"]["value"]
                if sign < 0:
                    self.void.add(event["id"])
                else:
                    self.void.discard(event["id"])
                    self.own[event["id"]] = event

    def live(self, events: Sequence[Event]) -> list[Event]:
        """Those that count."""
        return [event for event in events if event["id"] not in self.void]

    def next_name(self, prefix: str) -> str:
        """A name that nothing has had."""
        self.number += 1
        return f"{prefix}{self.number}"


class Corrector:
    """Corrects one thing after another, as `chance` has it, until there is no answer."""

    def __init__(
        self, client: Client, account: Account, chance: random.Random, about_to: threading.Event
    ) -> None:
        self.client = client
        self.account = account
        self.chance = chance
        self.about_to = about_to

    def run(self, stop: threading.Event) -> None:
        acts: Sequence[Callable[[], None]] = (
            self.send_own,
            self.void_one,
            self.void_batch,
            self.amend,
            self.backfill,
            self.revert,
            self.revert,
        )
        while not stop.is_set():
            try:
                self.chance.choice(acts)()
            except _NO_ANSWER:
                stop.set()

    def send_own(self) -> None:
        """Send a batch that nobody else touches, and wait for it."""
        account, chance = self.account, self.chance
        customer, batch = f"k{chance.randrange(5)}", account.next_name("b")
        events = [
            own_event(account.next_name("k"), customer, chance, batch=batch)
            for _ in range(chance.choice((1, 5, 40)))
        ]
        account.unsent = events
        answer = self.client.send(events)
        if answer is None:
            return
        if answer["counts"]["accepted"] != len(events):
            raise WrongError(f"own events: {answer}")
        account.unsent = []
        acknowledge(account, events)

    def void_one(self) -> None:
        """Void a sender's event by its id."""
        known = self.account.live(self.account.tally.some_acknowledged(self.chance))
        if known:
            event = known[0]
            self._void({"source": "api", "id": event["id"]}, [event])

    def void_batch(self) -> None:
        """Void what still counts of a batch, found by a property."""
        live = self.account.live(list(self.account.own.values()))
        tagged = [event for event in live if "batch" in event["properties"]]
        if not tagged:
            return
        batch = self.chance.choice(tagged)["properties"]["batch"]
        events = [event for event in tagged if event["properties"]["batch"] == batch]
        self._void({"type": "call", "properties": {"batch": batch}}, events)

    def _void(self, wanted: Any, events: list[Event]) -> None:
        shown = self._ask("POST", "/v1/corrections/void/preview", {"events": wanted})
        if shown["voided"] != len(events):
            raise WrongError(f"{wanted}: {shown['voided']} shown, {len(events)} known")
        body = {"events": wanted, "token": shown["token"], "reason": "a fault was found"}
        self._make(Change("/v1/corrections/void", body, events, []))

    def amend(self) -> None:
        """Put others in the places of a few events."""
        account, chance = self.account, self.chance
        live = account.live(list(account.own.values()))
        chosen = chance.sample(live, min(len(live), 3))
        if not chosen:
            return
        new = [
            event
            | {"id": account.next_name("n")}
            | {"properties": event["properties"] | {"value": chance.randrange(1, 100)}}
            for event in chosen
        ]
        amendments = [
            {"id": old["id"], "new_id": each["id"], "properties": each["properties"]}
            for old, each in zip(chosen, new, strict=True)
        ]
        body = {"amendments": amendments, "reason": "a wrong value"}
        self._make(Change("/v1/corrections/amend", body, chosen, new))

    def backfill(self) -> None:
        """Replace all of a customer's events by others, some with ids of those replaced."""
        account, chance = self.account, self.chance
        customer = f"k{chance.randrange(5)}"
        old = [e for e in account.live(list(account.own.values())) if e["customer"] == customer]
        span = {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}
        about = {"type": "call", "customer": customer} | span
        opened = self._ask("POST", "/v1/backfills", about)
        names = [event["id"] for event in old][:20] or [account.next_name("k")]
        sent = [own_event(name, customer, chance) for name in dict.fromkeys(names)]
        for part in (sent[: len(sent) // 2], sent[len(sent) // 2 :], sent):  # some of it twice
            if part:
                self._ask("POST", f"/v1/backfills/{opened['id']}/events", part)
        shown = self._ask("POST", f"/v1/backfills/{opened['id']}/preview")
        if (shown["voided"], shown["added"]) != (len(old), len(sent)):
            raise WrongError(f"{customer}: {shown}, known {len(old)} and {len(sent)}")
        body = {"token": shown["token"], "reason": "a better export"}
        new = [event | {"id": f"{event['id']}@{opened['id']}"} for event in sent]
        self._make(Change(f"/v1/backfills/{opened['id']}/commit", body, old, new))

    def revert(self) -> None:
        """Take back a correction that nothing later stands on, or put it back."""
        changes = [
            change
            for change in self.account.changes
            if len(self.account.live(change.coming)) == len(change.coming)
        ]
        if not changes:
            return
        change = self.chance.choice(changes)
        body = {"reason": "on second thoughts"}
        path = f"/v1/corrections/{change.id}/revert"
        self.account.changes.remove(change)
        self._make(Change(path, body, change.coming, change.leaving))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.client.ask(method, path, body)
        if status == 503:
            raise OSError("not able to just now")
        if status >= 300:
            raise WrongError(f"{path}: {status} {answer}")
        return answer

    def _make(self, change: Change) -> None:
        self.account.pending = change
        self.about_to.set()
        settle_change(self.client, self.account)


def own_event(name: str, customer: str, chance: random.Random, **more: Any) -> Event:
    """An event of the corrector's own."""
    return {
        "type": "call",
        "customer": customer,
        "id": name,
        "time": f"2026-{chance.randrange(1, 7):02}-{chance.randrange(1, 29):02}T08:00:00Z",
        "properties": {"value": chance.randrange(1, 100), **more},
    }


def acknowledge(account: Account, events: Sequence[Event]) -> None:
    """The corrector's own events are in the log."""
    with account.tally.lock:
        for event in events:
            account.own[event["id"]] = event
            account.tally.events[event["customer"]] += 1
            account.tally.values[event["customer"]] += event["properties"]["value"]


def settle_change(client: Client, account: Account) -> None:
    """Ask for the correction that is pending, again if need be, and account for it once."""
    change = account.pending
    if change is None:
        return
    status, answer = client.ask("POST", change.path, change.body)
    if status == 503:
        return
    if status >= 300:
        raise WrongError(f"{change.path}: {status} {answer}")
    made = answer
    if "results" in answer:
        codes = {one.get("code", "") for one in answer["results"]}
        made = answer["correction"]
        if codes == {"event_is_void"}:  # it had got in before there was an answer
            _, page = client.ask("GET", "/v1/corrections?limit=1")
            made = page["results"][0]
        elif codes != {""}:
            raise WrongError(f"{change.body}: {answer}")
    change.id = made["id"]
    account.pending = None
    account.apply(change)
    account.changes.append(change)


def read(client: Client, account: Account, chance: random.Random, stop: threading.Event) -> None:
    """Ask for figures, remember them, and ask for those remembered again."""
    while not stop.is_set():
        with suppress(*_NO_ANSWER):
            meter = chance.choice(("calls", "values"))
            status, usage = client.ask("GET", f"/v1/usage?meter={meter}&period=2026")
            if status == 200:
                account.figures[meter, usage["as_of"]] = usage["results"]
            if account.figures and chance.random() < 0.3:
                compare_figure(client, account, chance.choice(list(account.figures)))
            stop.wait(0.02)
            continue
        return


def compare_figure(client: Client, account: Account, key: tuple[str, int]) -> None:
    """`WrongError` if a figure with an as-of is another one than it was."""
    meter, as_of = key
    status, usage = client.ask("GET", f"/v1/usage?meter={meter}&period=2026&as_of={as_of}")
    if status != 503 and usage.get("results") != account.figures[key]:
        raise WrongError(f"{meter} as of {as_of} was another: {usage}")


@dataclass
class Report(Course):
    """What the rounds came to."""

    events: int = 0
    corrections: int = 0
    killed_within_one: int = 0
    had_got_in: int = 0
    figures: int = 0

    def counts(self) -> Mapping[str, int]:
        return {
            "events": self.events,
            "corrections": self.corrections,
            "killed within one": self.killed_within_one,
            "of them already in": self.had_got_in,
            "figures": self.figures,
        }


class MixedTrial:
    """Senders, a corrector and a reader."""

    def __init__(self, chance: random.Random, report: Report) -> None:
        self._chance = chance
        self._report = report
        self._account = Account()
        self._key = ""

    def check(self, server: Served, *, is_last: bool) -> None:
        """See `Trial`."""
        self._key = self._key or ingest.set_up(server)
        client = Client(server.url, self._key)
        account, report = self._account, self._report
        report.killed_within_one += account.pending is not None
        report.had_got_in += _in_the_log(client) - account.corrected
        _settle(client, account)
        _compare(client, account, self._chance)
        report.events = len(account.tally.acknowledged) + len(account.own)
        report.corrections = account.corrected
        report.figures = len(account.figures)

    def load_and_kill(self, server: Served) -> None:
        """See `Trial`."""
        _load_and_kill(server, self._key, self._account, self._chance)


def run(directory: Path, rounds: int, seed: int, report: Report | None = None) -> Report:
    """Load, kill, restart and compare, `rounds` times over. `WrongError` if anything is wrong."""
    report = report or Report()
    go_through(directory, rounds, MixedTrial(random.Random(seed), report), report)
    return report


def _in_the_log(client: Client) -> int:
    """How many corrections there are: all those answered, and at most the one that was not."""
    count, cursor = 0, ""
    while True:
        _, page = client.ask("GET", f"/v1/corrections?limit=1000&after={cursor}")
        count += len(page["results"])
        cursor = page["next"]
        if cursor is None:
            return count


def _settle(client: Client, account: Account) -> None:
    ingest.settle(client, account.tally)
    if account.unsent:
        client.send(account.unsent)
        acknowledge(account, account.unsent)
        account.unsent = []
    settle_change(client, account)


def _compare(client: Client, account: Account, chance: random.Random) -> None:
    tally = account.tally
    if _in_the_log(client) != account.corrected:
        raise WrongError(f"{account.corrected} corrections made, {_in_the_log(client)} there")
    for counted in (tally.events, tally.values):
        for name in [name for name, count in counted.items() if not count]:
            del counted[name]
    ingest.compare(client, tally)
    for key in chance.sample(list(account.figures), min(20, len(account.figures))):
        compare_figure(client, account, key)


def _load_and_kill(server: Served, key: str, account: Account, chance: random.Random) -> None:
    stop, about_to = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def noting(act: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                act()
            except BaseException as error:  # whatever it is, the round is wrong
                failures.append(error)
                stop.set()

        return run

    def sender(seed: int) -> Callable[[], None]:
        return lambda: ingest.put_load(server.url, key, account.tally, seed, stop)

    corrector = Corrector(
        Client(server.url, key), account, random.Random(chance.getrandbits(32)), about_to
    )
    reader = random.Random(chance.getrandbits(32))
    acts = [sender(chance.getrandbits(32)) for _ in range(SENDERS)]
    acts.append(lambda: corrector.run(stop))
    acts.append(lambda: read(Client(server.url, key), account, reader, stop))
    threads = [threading.Thread(target=noting(act)) for act in acts]
    for thread in threads:
        thread.start()
    stop.wait(chance.uniform(0.3, 4.0))
    wait_until(lambda: account.corrected, stop)
    if chance.random() < 0.7:  # within a correction, as far as that can be met
        about_to.clear()
        about_to.wait(2)
        time.sleep(chance.choice((0.01, 0.05, 0.1, 0.2, 0.4)) * chance.random())
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()
    wrong = [error for error in failures if not isinstance(error, _NO_ANSWER)]
    if wrong:
        raise wrong[0]


if __name__ == "__main__":
    main("Kill the server under mixed load.", 200, Report(), run)
