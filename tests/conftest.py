"""Real engines for every test that wants them: one PostgreSQL and one ClickHouse a process."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings
from litestar import Litestar
from litestar.testing import TestClient

from tallybook.api.app import build_api
from tallybook.bootstrap.embedded import start_postgres
from tallybook.bootstrap.wire import wire
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.create_organization import create_organization
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.migrate import migrate

_numbers = itertools.count(1)

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


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A fresh, empty database. `migrated_database_url` has the tables too."""
    with _database(postgres_url, "template1") as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str) -> str:
    """The name of a database with all tables and no rows, to copy from."""
    name = "migrated"
    _administer(postgres_url, f"CREATE DATABASE {name}")
    engine = open_database(postgres_url.replace("/postgres?", f"/{name}?"))
    migrate(engine)
    engine.dispose()
    return name


@pytest.fixture
def migrated_database_url(postgres_url: str, migrated_template: str) -> Iterator[str]:
    """A fresh database with all tables."""
    with _database(postgres_url, migrated_template) as url:
        yield url


@contextmanager
def _database(postgres_url: str, template: str) -> Iterator[str]:
    name = f"t{next(_numbers)}"
    _administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield postgres_url.replace("/postgres?", f"/{name}?")
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(postgres_url: str, statement: str) -> None:
    admin = open_database(postgres_url).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(statement))
    admin.dispose()


@pytest.fixture
def columnar(engines_home: Path) -> Iterator[Columnar]:
    """A fresh ClickHouse database in the embedded engine."""
    name = f"t{next(_numbers)}"
    store = Columnar(f"chdb://{engines_home / 'events'}", database=name)
    yield store
    with store.client() as client:
        client.command(f"DROP DATABASE {name} SYNC")
    store.close()


@pytest.fixture
def wiring(migrated_database_url: str, columnar: Columnar) -> Iterator[Wiring]:
    """All that services are given, over fresh databases in both engines."""
    engine = open_database(migrated_database_url)
    wiring = wire(engine, columnar)
    yield wiring
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
    with TestClient(build_api(wiring), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {issued.text}"
        yield client
