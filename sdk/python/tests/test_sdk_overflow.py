"""What happens when more comes than goes: bounded, loud, and as the settings say."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sdk_server import KEY, Server, eventually, serving
from tallybook_sdk import (
    Client,
    ClosedError,
    Kind,
    Problem,
    QueueFullError,
    Settings,
    UnsendableError,
)


def settings(**changed: Any) -> Settings:
    given = {"linger_seconds": 0.02, "backoff_seconds": 0.02, "max_backoff_seconds": 0.05}
    return Settings(**given | {"max_queued_events": 100} | changed)


def client_of(server: Server, changed: dict[str, Any], **given: Any) -> Client:
    return Client(server.url, KEY, source="test", settings=settings(**changed), **given)


def track(client: Client, count: int) -> list[str]:
    return [client.track("t", "acme", n=n) for n in range(count)]


def test_the_newest_are_dropped_and_told_of(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Problem] = []
    with serving(started=False) as server:
        client = client_of(server, {"linger_seconds": 60}, on_error=told.append)
        ids = track(client, 100)
        assert eventually(lambda: client.stats().is_away), "these are being sent"
        ids += track(client, 130)
        taken = ids[:200]
        assert all(taken)
        assert ids[200:] == [""] * 30, "what waits stays; what comes is not taken"
        dropped = 30
        server.start()
        assert client.flush(10)
        assert server.books.ids() == taken
        client.close()
        assert client.stats().dropped == dropped
    assert {problem.kind for problem in told} == {Kind.DROPPED}
    assert sum(problem.count for problem in told) == dropped, "each is told of"
    assert len(told) <= 3, "but not each by itself"
    assert "100 events wait already" in caplog.text


def test_bytes_are_bounded_too() -> None:
    with serving(started=False) as server:
        client = client_of(server, {"max_queued_bytes": 20_000, "linger_seconds": 60})
        ids = [client.track("t", "acme", text="x" * 900) for _ in range(60)]
        assert 15 <= sum(map(bool, ids)) <= 40, "with the batch that is being sent"
        assert client.stats().queued_bytes <= 20_000
        client.close(timeout=0)


def test_an_event_larger_than_memory_may_hold_is_taken_alone() -> None:
    with serving() as server:
        with client_of(server, {"max_queued_bytes": 500}) as client:
            assert client.track("t", "acme", text="x" * 900)
            assert client.flush(10)
        assert len(server.books.ids()) == 1


def test_raising_if_asked_to() -> None:
    with serving(started=False) as server:
        client = client_of(server, {"overflow": "raise", "linger_seconds": 60})
        with pytest.raises(QueueFullError, match="no room"):
            track(client, 101)
        client.close(timeout=0)


def test_blocking_until_there_is_room() -> None:
    with serving(started=False) as server:
        client = client_of(server, {"overflow": "block"})
        began = time.monotonic()
        threading.Timer(0.3, server.start).start()
        ids = track(client, 500)
        assert time.monotonic() - began > 0.2
        assert client.flush(10)
        assert server.books.ids() == ids
        assert client.close()


def test_blocking_not_for_ever() -> None:
    with serving(started=False) as server:
        client = client_of(server, {"overflow": "block", "block_seconds": 0.2})
        began = time.monotonic()
        while client.track("t", "acme"):
            assert time.monotonic() - began < 20
        assert client.stats().dropped == 1
        client.close(timeout=0)


def test_the_spool_takes_what_memory_cannot(tmp_path: Path) -> None:
    with serving(started=False) as server:
        client = client_of(server, {"linger_seconds": 60}, spool_dir=tmp_path)
        ids = track(client, 5000)
        assert all(ids), "none is dropped while there is room on disk"
        stats = client.stats()
        assert stats.queued <= 100
        assert stats.spooled >= 4800
        server.start()
        assert client.flush(20)
        assert server.books.ids() == ids
        assert client.stats().dropped == 0
        client.close()


def test_a_full_spool_drops_loudly(tmp_path: Path) -> None:
    told: list[Problem] = []
    changed = {"spool_max_bytes": 40_000, "spool_fsync": False}
    with serving(started=False) as server:
        client = client_of(server, changed, spool_dir=tmp_path, on_error=told.append)
        ids = track(client, 2000)
        taken = [each for each in ids if each]
        stats = client.stats()
        assert stats.dropped == 2000 - len(taken) > 0
        assert stats.spool_bytes <= 41_000
        server.start()
        assert client.flush(20)
        assert server.books.ids() == taken
        client.close()
    assert sum(problem.count for problem in told) == stats.dropped


def test_a_disk_that_fails_leaves_events_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Problem] = []
    with serving(started=False) as server:
        client = client_of(server, {}, spool_dir=tmp_path, on_error=told.append)

        def broken(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("tallybook_sdk.spool.write_fully", broken)
        ids = track(client, 50)
        assert not client.flush(0.3)
        assert Kind.SPOOL_FAILED in {problem.kind for problem in told}
        server.start()
        assert client.flush(10)
        assert server.books.ids() == ids
        client.close()


def test_nothing_is_raised_unless_asked_to(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Problem] = []

    def broken_callback(problem: Problem) -> None:
        told.append(problem)
        raise RuntimeError("even this")

    with serving() as server:
        client = client_of(server, {}, on_error=broken_callback)
        assert client.track("t", "acme", x=float("nan")) == ""
        assert client.track("", "acme") == ""
        assert client.track("t", None) == ""  # type: ignore[arg-type]
        assert client.track("t", "acme", x=b"bytes", secret="s3cret") == ""
        assert client.track("t", "acme", text="\ud800") == ""
        assert client.track("t", "acme", time="yesterday") == ""  # type: ignore[arg-type]
        assert client.track("t", "acme", fine=1)
        assert client.flush(10)
        client.close()
        assert client.track("t", "acme") == "", "closed"
        assert client.flush(1)
        stats = client.stats()
    assert (stats.unsendable, stats.dropped, stats.accepted) == (6, 1, 1)
    assert [problem.kind for problem in told] == [Kind.UNSENDABLE] * 6 + [Kind.DROPPED]
    assert "even this" in caplog.text
    assert "s3cret" not in caplog.text


def test_strict_raises_to_the_caller() -> None:
    with serving() as server:
        client = client_of(server, {}, strict=True)
        for wrong in (float("nan"), b"bytes", "\ud800"):
            with pytest.raises(UnsendableError):
                client.track("t", "acme", x=wrong)
        client.close()
        with pytest.raises(ClosedError):
            client.track("t", "acme")


def test_what_cannot_be_sent_before_the_end_is_told_of() -> None:
    told: list[Problem] = []
    with serving(started=False) as server:
        client = client_of(server, {}, on_error=told.append)
        ids = track(client, 40)
        assert client.close(timeout=0.2) is False
        assert client.close(timeout=0.2), "once is enough"
    (problem,) = told
    assert (problem.kind, problem.count) == (Kind.LOST, 40)
    assert [event["id"] for event in problem.events] == ids, "here they are, to be kept by you"
    assert client.stats().lost == 40


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"url": "tallybook.example"}, "not http or https"),
        ({"url": "ftp://tallybook.example"}, "not http or https"),
        ({"url": "https://user:pass@tallybook.example"}, "carries a password"),
        ({"url": None}, "Where is Tallybook"),
        ({"api_key": None}, "no API key"),
    ],
)
def test_clients_that_cannot_be(
    given: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TALLYBOOK_URL", raising=False)
    monkeypatch.delenv("TALLYBOOK_API_KEY", raising=False)
    with pytest.raises(ValueError, match=message):
        Client(**{"url": "https://tallybook.example", "api_key": KEY} | given)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"max_queued_events": 0}, "max_queued_events is 0"),
        ({"timeout_seconds": -1}, "timeout_seconds is -1"),
        ({"overflow": "explode"}, "drop, block or raise"),
        ({"compression": 10}, "0 to 9"),
    ],
)
def test_settings_that_cannot_be(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**changed)


def test_the_environment_says_where(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TALLYBOOK_URL", "http://tallybook.example/")
    monkeypatch.setenv("TALLYBOOK_API_KEY", KEY)
    with caplog.at_level(logging.WARNING):
        client = Client()
    assert repr(client).startswith("Client('http://tallybook.example', source=")
    assert "not https" in caplog.text
    assert KEY not in caplog.text + repr(client) + repr(vars(client))
    client.close()
