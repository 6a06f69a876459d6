"""Real engines for every test that wants them: one PostgreSQL and one ClickHouse a process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from litestar import Litestar
from litestar.testing import TestClient

from engines import API, Databases, EventStores
from tallybook.bootstrap.embedded import start_postgres
from tallybook.bootstrap.wire import wire
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.create_organization import create_organization
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.sql.database import open_database

# A law that holds slowly on a busy machine still holds.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def engines_home() -> Iterator[Path]:
    """A directory of this process's engines; short, because a socket's path may not be long."""
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def postgres_url(engines_home: Path) -> Iterator[str]:
    """A running embedded PostgreSQL, which does not wait for the disk."""
    server = start_postgres(engines_home / "postgres", {"fsync": "off"})
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Iterator[Databases]:
    """The databases of this process's PostgreSQL, used again and again."""
    databases = Databases(postgres_url)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def event_stores(engines_home: Path) -> Iterator[EventStores]:
    """The databases of this process's ClickHouse, used again and again."""
    stores = EventStores(engines_home / "events")
    yield stores
    stores.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A fresh database without tables. `migrated_database_url` has the tables too."""
    with databases.empty() as url:
        yield url


@pytest.fixture
def migrated_database_url(databases: Databases) -> Iterator[str]:
    """A database with all tables and no rows."""
    with databases.migrated() as url:
        yield url


@pytest.fixture
def columnar(event_stores: EventStores) -> Iterator[Columnar]:
    """A ClickHouse database without rows in the embedded engine."""
    with event_stores.empty() as store:
        yield store


@pytest.fixture
def wiring(migrated_database_url: str, columnar: Columnar) -> Iterator[Wiring]:
    """All that services are given, over fresh databases in both engines."""
    engine = open_database(migrated_database_url)
    wiring = wire(engine, columnar)
    yield wiring
    wiring.workers.close()
    wiring.event_log.close()
    engine.dispose()


@pytest.fixture
def organization(wiring: Wiring) -> Organization:
    """A tenant to act for."""
    return create_organization(wiring, key="acme", name="Acme")


@pytest.fixture
def api(wiring: Wiring, organization: Organization) -> Iterator[TestClient[Litestar]]:
    """An HTTP client of the API that carries a key with every scope."""
    issued = issue_key(wiring, organization.id, name="tests", scopes=Scope)
    with API.open(wiring, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {issued.text}"
        yield client
