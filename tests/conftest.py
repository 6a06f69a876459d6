"""Real engines for every test that wants them: one PostgreSQL and one ClickHouse a process."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tallybook.bootstrap.embedded import start_postgres
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.sql.database import open_database

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def engines_home() -> Iterator[Path]:
    """A directory of this process's engines; short, because a socket's path may not be long."""
    with tempfile.TemporaryDirectory(prefix="tb-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def postgres_url(engines_home: Path) -> Iterator[str]:
    """A running embedded PostgreSQL."""
    server = start_postgres(engines_home / "postgres")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A fresh, empty database. `migrated_database_url` has the tables too."""
    name = f"t{next(_numbers)}"
    admin = open_database(postgres_url).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield postgres_url.replace("/postgres?", f"/{name}?")
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
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
