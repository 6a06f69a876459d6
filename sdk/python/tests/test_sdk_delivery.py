"""Each event counted once, in order, whatever the server and the way to it do."""

from __future__ import annotations

import logging
import random
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

from sdk_server import KEY, Behaviour, Server, eventually, serving
from tallybook_sdk import Client, Kind, Problem, Settings

QUICK = {"linger_seconds": 0.02, "backoff_seconds": 0.02, "max_backoff_seconds": 0.1}


def quick(**changed: Any) -> Settings:
    """Settings that do not keep a test waiting."""
    return Settings(**QUICK | {"timeout_seconds": 2.0} | changed)


def client_of(server: Server, **given: Any) -> Client:
    given = {**{"source": "test", "settings": quick()}, **given}
    return Client(server.url, KEY, **given)


def track(client: Client, count: int, first: int = 0) -> list[str]:
    return [client.track("t", "acme", id=f"e{n}", n=n) for n in range(first, first + count)]


def test_what_is_tracked_arrives() -> None:
    with serving() as server, client_of(server) as client:
        ids = track(client, 2500)
        assert client.flush(10)
        assert server.books.ids() == ids
        assert client.stats().accepted == client.stats().tracked == 2500
        assert max(server.books.requests) <= 5000
        headers = server.books.headers[-1]
        assert headers["content-type"] == "application/x-ndjson"
        assert headers["content-encoding"] == "gzip"
        assert headers["user-agent"].startswith("tallybook-sdk-python/")


def test_a_few_events_wait_a_little_for_others() -> None:
    with serving() as server, client_of(server, settings=quick(linger_seconds=1.5)) as client:
        began = time.monotonic()
        track(client, 3)
        assert eventually(lambda: len(server.books.ids()) == 3)
        assert time.monotonic() - began > 1.4
        assert server.books.requests == [3]


def test_many_events_do_not_wait() -> None:
    with serving() as server, client_of(server, settings=quick(linger_seconds=60)) as client:
        track(client, 1000)
        assert eventually(lambda: len(server.books.ids()) == 1000, 10)
        track(client, 1, first=1000)
        assert client.flush(10), "a flush does not wait either"


FAULTS = [
    ([Behaviour(503, {"Retry-After": "0"})] * 2, False, "unavailable"),
    ([Behaviour(429), Behaviour(502), Behaviour(504), Behaviour(408)], False, "not now"),
    ([Behaviour(drops_before=True)], False, "the connection broke before"),
    ([Behaviour(drops_after=True)] * 2, True, "the connection broke after they were taken"),
    ([Behaviour(500), Behaviour(524)], False, "the server or a proxy broke"),
    ([Behaviour(302, {"Location": "https://login.example"})], False, "a proxy wants a login"),
    ([Behaviour(200, body=b"<html>welcome</html>")], False, "a page is no answer"),
    ([Behaviour(200, body=b'{"counts": {"accepted": 1}}')], False, "not for all of them"),
    ([Behaviour(200, body=b"")], False, "an empty answer"),
    ([Behaviour(seconds=1.2, drops_before=True)], False, "slow, then gone"),
    ([Behaviour(answer_seconds=3.0)], True, "slower than patience: taken, but not heard of"),
]


@pytest.mark.parametrize(("behaviours", "repeats", "why"), FAULTS, ids=[f[2] for f in FAULTS])
@pytest.mark.parametrize("is_spooled", [False, True], ids=["memory", "spool"])
def test_faults_lose_and_double_nothing(
    behaviours: list[Behaviour], repeats: bool, why: str, is_spooled: bool, tmp_path: Path
) -> None:
    told: list[Problem] = []
    with serving() as server:
        server.misbehave(behaviours)
        given = {"spool_dir": tmp_path / "spool"} if is_spooled else {}
        with client_of(server, on_error=told.append, **given) as client:
            ids = track(client, 50)
            assert client.flush(20), why
            assert server.books.ids() == ids
            stats = client.stats()
        assert stats.accepted + stats.duplicates == 50
        assert stats.duplicates == (50 if repeats else 0), why
        assert stats.retries == len(behaviours)
        assert not told, "what is mended by itself is no problem"


def test_it_waits_as_long_as_the_server_asks() -> None:
    with serving() as server:
        server.misbehave([Behaviour(503, {"Retry-After": "1"})])
        with client_of(server) as client:
            track(client, 1)
            assert client.flush(10)
        first, second = server.books.times
        assert second - first >= 1


def test_it_waits_until_the_date_the_server_names() -> None:
    with serving() as server:
        until = formatdate(time.time() + 3, usegmt=True)
        server.misbehave([Behaviour(429, {"Retry-After": until})])
        with client_of(server) as client:
            track(client, 1)
            assert client.flush(10)
        first, second = server.books.times
        assert second - first > 1.5, "to the second"


def test_patience_of_its_own_ends_with_a_flush() -> None:
    with serving() as server:
        server.misbehave([Behaviour(503)])
        slow = quick(backoff_seconds=600, max_backoff_seconds=1200)
        with client_of(server, settings=slow) as client:
            track(client, 1)
            assert eventually(lambda: client.stats().is_away)
            assert client.flush(10)


def test_a_server_that_was_never_there(caplog: pytest.LogCaptureFixture) -> None:
    with serving(started=False) as server, client_of(server) as client:
        with caplog.at_level(logging.DEBUG):
            ids = track(client, 20)
            assert not client.flush(0.3)
        assert client.stats().is_away
        assert "Connect" in client.stats().last_trouble
        assert KEY not in caplog.text
        server.start()
        assert client.flush(10)
        assert server.books.ids() == ids


@pytest.mark.parametrize("is_spooled", [False, True], ids=["memory", "spool"])
def test_the_server_comes_and_goes(is_spooled: bool, tmp_path: Path) -> None:
    chance = random.Random(7)
    given = {"spool_dir": tmp_path} if is_spooled else {}
    with serving() as server, client_of(server, **given) as client:
        done = threading.Event()
        ids: list[str] = []

        def keep_tracking() -> None:
            while not done.is_set():
                ids.extend(track(client, 20, first=len(ids)))
                time.sleep(0.002)

        tracking = threading.Thread(target=keep_tracking)
        tracking.start()
        for _ in range(6):
            time.sleep(chance.uniform(0.0, 0.2))
            server.stop()
            assert eventually(lambda: client.stats().is_away)
            time.sleep(chance.uniform(0.0, 0.2))
            server.start()
            assert eventually(lambda: not client.stats().is_away)
        done.set()
        tracking.join()
        assert client.flush(30)
        assert sorted(server.books.ids()) == sorted(ids)
        assert server.books.ids() == ids, "and in order"
        stats = client.stats()
        assert stats.accepted + stats.duplicates == len(ids)
        assert (stats.spooled > 0) is is_spooled


@pytest.mark.parametrize(
    ("status", "why"),
    [(400, "malformed"), (401, "a wrong key"), (403, "a wrong scope"), (404, "a wrong url")],
)
def test_refusals_are_told_and_not_repeated(status: int, why: str, tmp_path: Path) -> None:
    told: list[Problem] = []
    with serving() as server:
        body = b'{"detail": "No.", "field": "x", "mend": "Do better."}'
        server.misbehave([Behaviour(status, body=body)])
        with client_of(server, on_error=told.append, spool_dir=tmp_path) as client:
            track(client, 3)
            assert client.flush(10), "a refusal is an answer"
            track(client, 2, first=3)
            assert client.flush(10)
            stats = client.stats()
    assert (stats.refused, stats.accepted, stats.attempts) == (3, 2, 2), why
    (problem,) = told
    assert (problem.kind, problem.status, problem.count) == (Kind.REFUSED, status, 3)
    assert (problem.field, problem.mend) == ("x", "Do better.")
    assert "No." in problem.reason
    assert [event["properties"]["n"] for event in problem.events] == [0, 1, 2]
    kept = (tmp_path / "0" / "refused.ndjson").read_bytes()
    assert kept == b"\n".join(problem.lines) + b"\n", "kept beside the spool, to be sent again"


def test_verdicts_are_told_one_by_one() -> None:
    told: list[Problem] = []
    with serving() as server:
        server.books.rejects.add("bad")
        server.books.holds.add("odd")
        with client_of(server, on_error=told.append) as client:
            client.track("t", "acme", id="same", n=1)
            client.track("bad", "acme", id="b1")
            client.track("odd", "acme", id="o1")
            client.track("t", "acme", id="same", n=2)
            client.track("t", "acme", id="fine")
            assert client.flush(10)
            stats = client.stats()
    assert (stats.accepted, stats.rejected, stats.conflicts, stats.quarantined) == (2, 1, 1, 1)
    assert [(p.kind, p.events[0]["id"], p.reason) for p in told] == [
        (Kind.REJECTED, "b1", "is rejected"),
        (Kind.QUARANTINED, "o1", "is quarantined"),
        (Kind.CONFLICT, "same", "is conflict"),
    ]


@pytest.mark.parametrize("is_spooled", [False, True], ids=["memory", "spool"])
def test_too_large_a_batch_is_sent_in_halves(is_spooled: bool, tmp_path: Path) -> None:
    with serving(started=False) as server:
        server.books.max_events = 30
        given = {"spool_dir": tmp_path} if is_spooled else {}
        with client_of(server, **given) as client:
            ids = track(client, 200)
            server.start()
            assert client.flush(20)
            assert server.books.ids() == ids
            server.books.requests.clear()
            ids += track(client, 100, first=200)
            assert client.flush(20)
            assert server.books.ids() == ids
            assert max(server.books.requests) <= 30, "it has learned"


def test_one_event_that_is_too_large_is_refused_alone() -> None:
    told: list[Problem] = []
    with serving() as server:
        server.books.max_events = 0
        with client_of(server, on_error=told.append) as client:
            track(client, 2)
            assert client.flush(10)
            assert client.stats().refused == 2
    assert [(p.status, p.count) for p in told] == [(413, 1), (413, 1)]


@pytest.mark.parametrize("is_spooled", [False, True], ids=["memory", "spool"])
def test_an_event_that_breaks_the_server_does_not_stop_the_others(
    is_spooled: bool, tmp_path: Path
) -> None:
    told: list[Problem] = []
    given = {"spool_dir": tmp_path} if is_spooled else {}
    settings = quick(max_fault_attempts=2, backoff_seconds=0.001, max_backoff_seconds=0.002)
    with serving() as server:
        server.books.poison = '"e13"'
        with client_of(server, on_error=told.append, settings=settings, **given) as client:
            ids = track(client, 40)
            assert client.flush(30)
            assert server.books.ids() == [each for each in ids if each != "e13"]
            assert client.stats().refused == 1
    assert [problem.events[0]["id"] for problem in told] == ["e13"]


def test_many_threads_at_once() -> None:
    with serving() as server, client_of(server) as client:
        threads = [
            threading.Thread(target=track, args=(client, 2000, first * 2000)) for first in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.flush(20)
        assert len(server.books.ids()) == client.stats().accepted == 16_000
        assert server.books.repeats == 0


def test_it_sends_over_a_client_of_your_own() -> None:
    made: list[httpx.Client] = []

    def make() -> httpx.Client:
        made.append(httpx.Client(headers={"X-Team": "billing"}))
        return made[-1]

    with serving() as server, client_of(server, settings=quick(http=make)) as client:
        track(client, 1)
        assert client.flush(10)
        assert server.books.headers[-1]["x-team"] == "billing"
    assert made[0].is_closed


def test_what_nobody_thought_of_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    failures = [LookupError("a bug somewhere")]

    def fail(_: httpx.Request) -> None:
        if failures:
            raise failures.pop()

    def make() -> httpx.Client:
        return httpx.Client(event_hooks={"request": [fail]})

    with serving() as server, client_of(server, settings=quick(http=make)) as client:
        ids = track(client, 5)
        assert client.flush(10)
        assert server.books.ids() == ids
    assert "a bug somewhere" in caplog.text
