"""While the event engine is away every request is told when to come back, and nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from clickhouse_connect.driver.client import Client as Engine
from clickhouse_connect.driver.exceptions import OperationalError

from event_sending import sent
from tallybook.api.app import build_api
from tallybook.bootstrap.wire import wire
from tallybook.domain.customers.organization import Scope
from tallybook.services.create_organization import create_organization
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.sql.database import open_database
from tallybook_sdk import Client, Settings

QUICK = Settings(linger_seconds=0.02, backoff_seconds=0.02, max_backoff_seconds=0.1)
CALLS = {"key": "calls", "name": "Calls", "event_type": "call", "aggregation": {"type": "count"}}


class Leaving(Columnar):
    """The engine, which no statement reaches while it `is_away`."""

    is_away = False

    def _connect(self) -> Engine:
        if self.is_away:
            raise OperationalError("Connection refused")
        client: Any = super()._connect()
        for name in ("query", "command", "insert", "raw_query", "raw_insert"):
            setattr(client, name, self._unless_away(getattr(client, name)))
        return client  # type: ignore[no-any-return]

    def _unless_away(self, statement: Any) -> Any:
        def asked(*given: Any, **named: Any) -> Any:
            if self.is_away:
                raise OperationalError("Connection refused")
            return statement(*given, **named)

        return asked


@pytest.fixture
def engine(engines_home: Path) -> Iterator[Leaving]:
    name = f"leaving{time.monotonic_ns()}"
    store = Leaving(f"chdb://{engines_home / 'events'}", database=name)
    yield store
    store.is_away = False
    with store.client() as client:
        client.command(f"DROP DATABASE {name} SYNC")
    store.close()


@pytest.fixture
def leaving(engine: Leaving, migrated_database_url: str) -> Iterator[Wiring]:
    database = open_database(migrated_database_url)
    wiring = wire(database, engine)
    yield wiring
    engine.is_away = False
    wiring.event_log.close()
    database.dispose()


@contextmanager
def served(wiring: Wiring) -> Iterator[str]:
    """The API on a real socket."""
    server = uvicorn.Server(uvicorn.Config(build_api(wiring), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def test_nothing_is_lost_while_the_engine_is_away(
    leaving: Wiring, engine: Leaving, tmp_path: Path
) -> None:
    organization = create_organization(leaving, key="acme", name="Acme")
    key = issue_key(leaving, organization.id, name="k", scopes=Scope).text
    with (
        served(leaving) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as api,
        Client(url, key, source="s", settings=QUICK, spool_dir=tmp_path) as sender,
    ):
        assert api.post("/v1/meters", json=CALLS).is_success
        year = {"meter": "calls", "period": f"{time.gmtime().tm_year}"}
        events = [sent(str(number), time=f"{year['period']}-01-01T00:00:00Z") for number in "abc"]
        for _ in range(50):
            sender.track("call", "acme")
        assert sender.flush(20)

        engine.is_away = True
        for _ in range(50):
            sender.track("call", "acme")
        refused = [
            api.post("/v1/events", json=events),
            api.get("/v1/usage", params=year),
            api.get("/v1/usage", params=year | {"format": "csv"}),
            api.get("/v1/usage/events", params=year),
            api.get("/v1/events"),
            api.get("/v1/quality"),
            api.post("/v1/corrections/void/preview", json={"events": {"type": "call"}}),
        ]
        for answer in refused:
            assert answer.status_code == 503, (answer.request.url, answer.text)
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["mend"]
        while not sender.stats().is_away:
            assert not sender.flush(0.05), "nobody has taken them"

        engine.is_away = False
        assert sender.flush(30)
        assert api.post("/v1/events", json=events).json()["counts"]["accepted"] == 3
        (row,) = api.get("/v1/usage", params=year).json()["results"]
        assert row["quantity"] == "103", "each once: those before, within and after"
