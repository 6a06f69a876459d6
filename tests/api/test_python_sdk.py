"""The Python SDK against the API and its engines: what is tracked is counted, exactly once."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import uvicorn
from litestar import Litestar
from litestar.testing import TestClient

from tallybook.api.app import build_api
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring
from tallybook_sdk import AsyncClient, Client, Kind, Problem, Settings

QUICK = Settings(linger_seconds=0.02, backoff_seconds=0.02, max_backoff_seconds=0.1)
MARCH = datetime(2026, 3, 2, 9, 14, 7, 123456, tzinfo=UTC)


def place(port: int = 0) -> socket.socket:
    """A socket at a port, any that is free if none is named. Several may be at the same one; of
    these only one that listens is reached."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


@contextmanager
def served(wiring: Wiring, port: int = 0) -> Iterator[str]:
    """The API on a real socket."""
    config = uvicorn.Config(build_api(wiring), log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    with place(port) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def key(wiring: Wiring, organization: Organization) -> str:
    """A key that may send events and nothing else."""
    return issue_key(wiring, organization.id, name="sdk", scopes={Scope.INGEST}).text


def measured(api: TestClient[Litestar], value: str, **query: str) -> Decimal:
    """What a sum of `value` comes to."""
    name = f"sum-{value.replace('_', '-')}"
    meter = {
        "key": name,
        "name": name,
        "event_type": "job",
        "aggregation": {"type": "sum", "value": value},
    }
    created = api.post("/v1/meters", json=meter)
    assert created.status_code in {200, 201}, created.text
    asked = {"meter": name, "from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"} | query
    answer = api.get("/v1/usage", params=asked)
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["results"]
    return Decimal(row["quantity"])


NUMBERS = [
    Decimal("0.1"),
    Decimal("1E+3"),
    Decimal("1E-9"),
    Decimal("123456789.000000001"),
    0.1,
    2.5e-7,
    7,
]


def test_what_is_tracked_is_what_is_counted(
    wiring: Wiring, api: TestClient[Litestar], key: str
) -> None:
    with served(wiring) as url, Client(url, key, source="s", settings=QUICK) as client:
        for number in NUMBERS:
            client.track("job", "acme", time=MARCH, gb=number, actor="ann")
        assert client.flush(60)
        assert client.stats().accepted == len(NUMBERS)
        total = sum((Decimal(str(number)) for number in NUMBERS), Decimal(0))
        assert measured(api, "gb", customer="acme") == total, "to the last digit, floats too"
        (event, *_) = api.get("/v1/events", params={"limit": 1}).json()["results"]
        assert (event["source"], event["actor"]) == ("s", "ann")
        assert event["occurred_at"] == "2026-03-02T09:14:07.123456Z"


def test_conflicts_and_rejections_come_back(wiring: Wiring, key: str) -> None:
    told: list[Problem] = []
    with (
        served(wiring) as url,
        Client(url, key, source="s", settings=QUICK, on_error=told.append) as client,
    ):
        client.track("job", "acme", id="one", time=MARCH, gb=1)
        client.track("job", "acme", id="one", time=MARCH, gb=Decimal("1.0"))
        client.track("job", "acme", id="one", time=MARCH, gb=2)
        client.track("job", "a" * 300, id="long", time=MARCH)
        client.track("job", "acme", id="fine", time=MARCH, nested={"a": [1, None, "é"]})
        assert client.flush(60)
        stats = client.stats()
    assert (stats.accepted, stats.duplicates, stats.conflicts, stats.rejected) == (2, 1, 1, 1)
    assert [(problem.kind, problem.events[0]["id"], problem.field) for problem in told] == [
        (Kind.CONFLICT, "one", "properties/gb"),
        (Kind.REJECTED, "long", "customer"),
    ]
    assert all(problem.mend for problem in told)


@pytest.mark.parametrize(
    ("scopes", "status", "why"),
    [({Scope.READ}, 403, "a key that may only read"), (None, 401, "a key that was never made")],
)
def test_keys_that_may_not(
    wiring: Wiring,
    organization: Organization,
    scopes: set[Scope] | None,
    status: int,
    why: str,
) -> None:
    text = "tb_none"
    if scopes:
        text = issue_key(wiring, organization.id, name="other", scopes=scopes).text
    told: list[Problem] = []
    with (
        served(wiring) as url,
        Client(url, text, source="s", settings=QUICK, on_error=told.append) as client,
    ):
        client.track("job", "acme")
        assert client.flush(60)
    assert [(problem.kind, problem.status) for problem in told] == [(Kind.REFUSED, status)], why


def test_a_server_that_restarts_counts_everything_once(
    wiring: Wiring, api: TestClient[Litestar], key: str, tmp_path: Path
) -> None:
    kept = place()  # nobody else gets it while the server is away
    port = kept.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}", key, source="s", settings=QUICK, spool_dir=tmp_path)
    sent = 0
    for _ in range(3):
        for _ in range(200):
            client.track("job", "acme", time=MARCH, gb=Decimal("0.001"))
            sent += 1
        assert not client.flush(0.2), "nobody listens"
        with served(wiring, port):
            for _ in range(200):
                client.track("job", "acme", time=MARCH, gb=Decimal("0.001"))
                sent += 1
            assert client.flush(60)
    assert client.close()
    kept.close()
    assert measured(api, "gb", customer="acme") == sent * Decimal("0.001")


def test_coroutines_and_tokens(wiring: Wiring, key: str) -> None:
    answer = {
        "model": "gpt-5",
        "usage": {
            "prompt_tokens": 2000,
            "completion_tokens": 500,
            "prompt_tokens_details": {"cached_tokens": 1500},
        },
    }

    async def story(url: str) -> int:
        async with AsyncClient(url, key, source="s", settings=QUICK) as client:
            client.track_tokens(answer, "acme")
            async with client.measure("job", "acme", kind="night"):
                await asyncio.sleep(0)
            assert await client.flush(60)
            return client.stats().accepted

    with served(wiring) as url:
        assert asyncio.run(story(url)) == 2
