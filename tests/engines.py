"""The engines' databases and the doors, made once and used by one test after another.

Making them was most of what a test cost: a database copied, tables made, clients opened, two
hundred routes registered. Here they are kept. What a test gets is empty, and what a test has
altered otherwise than by its rows is thrown away instead of handed on.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from clickhouse_connect.driver.client import Client
from litestar import Litestar
from litestar.testing import TestClient

from tallybook.api.app import build_api
from tallybook.services.ports import Wiring
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.schema import TABLES
from tallybook.stores.sql.database import open_database
from tallybook.stores.sql.migrate import migrate

_EMPTY = """
DO $$
DECLARE
    name text;
    is_used boolean;
BEGIN
    SET LOCAL session_replication_role = replica;  -- what is finalized goes as well, in any order
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        AND tablename <> 'alembic_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_used;
        IF is_used THEN EXECUTE format('DELETE FROM %I', name); END IF;
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL
    LOOP
        EXECUTE format('ALTER SEQUENCE %I RESTART', name);
    END LOOP;
END $$
"""
_SHAPE = """
SELECT (SELECT version_num FROM alembic_version),
    (SELECT sum(hashtext(a::text)::bigint) FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind <> 'S'),
    (SELECT sum(hashtext(oid::text || tgenabled::text)::bigint) FROM pg_trigger),
    (SELECT sum(hashtext(oid::text || conname)::bigint) FROM pg_constraint),
    (SELECT sum(hashtext(oid::text || prosrc)::bigint) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace),
    (SELECT setconfig::text FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_LEAVE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Databases:
    """PostgreSQL databases with all tables and no rows."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = itertools.count(1)
        self._free: list[tuple[str, Any]] = []
        self._server = psycopg.connect(url, autocommit=True)

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a database without tables."""
        name = self._create("template1")
        yield self._address(name)
        self._drop(name)

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """The URL of a database with all tables and no rows."""
        name, shape = self._free.pop() if self._free else self._new()
        yield self._address(name)
        with psycopg.connect(self._address(name), autocommit=True) as connection:
            connection.execute(_LEAVE)
            is_as_it_was = connection.execute(_SHAPE).fetchone() == shape
            if is_as_it_was:
                connection.execute(_EMPTY)
        if is_as_it_was:
            self._free.append((name, shape))
        else:
            self._drop(name)

    def close(self) -> None:
        """Leave the server."""
        self._server.close()

    def _new(self) -> tuple[str, Any]:
        if not self._exists("migrated"):
            self._server.execute("CREATE DATABASE migrated")
            engine = open_database(self._address("migrated"))
            migrate(engine)
            engine.dispose()
        name = self._create("migrated")
        with psycopg.connect(self._address(name)) as connection:
            return name, connection.execute(_SHAPE).fetchone()

    def _exists(self, name: str) -> bool:
        found = self._server.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        return found.rowcount > 0

    def _create(self, template: str) -> str:
        name = f"t{next(self._numbers)}"
        self._server.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def _drop(self, name: str) -> None:
        self._server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def _address(self, name: str) -> str:
        return self._url.replace("/postgres?", f"/{name}?")


class KeptColumnar(Columnar):
    """An event store whose clients outlive those who had one of their own."""

    def __init__(self, url: str, *, database: str) -> None:
        super().__init__(url, database=database)
        self.name = database
        self._lent: list[Client] = []
        self._back: list[Client] = []

    def own_client(self) -> Client:
        """A client beside the pool; one that a test before this had, if there is one."""
        client = self._back.pop() if self._back else super().own_client()
        self._lent.append(client)
        return client

    def take_back(self) -> None:
        """Nobody has a client of their own any more."""
        self._back += self._lent
        self._lent.clear()


class EventStores:
    """ClickHouse databases without rows, with their clients, in one embedded engine."""

    def __init__(self, directory: Path) -> None:
        self._url = f"chdb://{directory}"
        self._numbers = itertools.count(1)
        self._free: list[KeptColumnar] = []
        self._tables = self._tables_as_made()

    @contextmanager
    def empty(self) -> Iterator[Columnar]:
        """A database that nobody else uses; its tables may be there already, without rows."""
        store = self._free.pop() if self._free else self._new()
        yield store
        if self._is_emptied(store):
            store.take_back()
            self._free.append(store)
        else:
            _drop(store)

    def close(self) -> None:
        """Drop all that are kept."""
        for store in self._free:
            _drop(store)

    def _new(self) -> KeptColumnar:
        return KeptColumnar(self._url, database=f"t{next(self._numbers)}")

    def _tables_as_made(self) -> dict[str, str]:
        store = self._new()
        with store.client() as client:
            for table in TABLES:
                client.command(table)
        made = {name: told for name, _, told in _tables_of(store)}
        self._free.append(store)
        return made

    def _is_emptied(self, store: KeptColumnar) -> bool:
        """Whether its tables are as they are made; then they have no rows any more."""
        found = _tables_of(store)
        if any(self._tables.setdefault(name, told) != told for name, _, told in found):
            return False
        with store.client() as client:
            for name, rows, _ in found:
                if rows:
                    client.command(f"TRUNCATE TABLE {store.name}.{name} SYNC")
        return True


def _tables_of(store: KeptColumnar) -> list[tuple[str, int, str]]:
    with store.client() as client:
        found = client.query(
            "SELECT name, total_rows, create_table_query FROM system.tables "
            "WHERE database = {name:String}",
            parameters={"name": store.name},
        ).result_rows
    return [(name, rows, told.replace(f" {store.name}.", " ")) for name, rows, told in found]


def _drop(store: KeptColumnar) -> None:
    with store.client() as client:
        client.command(f"DROP DATABASE {store.name} SYNC")
    store.close()


class Doors:
    """Applications, each over a `Wiring` whose parts are those of the test that has it just now."""

    def __init__(self, build: Callable[[Wiring], Litestar]) -> None:
        self._build = build
        self._free: list[tuple[Wiring, Litestar]] = []

    @contextmanager
    def over(self, wiring: Wiring) -> Iterator[Litestar]:
        """An application over `wiring`."""
        if not self._free:
            own = dataclasses.replace(wiring)
            self._free.append((own, self._build(own)))
        held, application = self._free.pop()
        _become(held, wiring)
        yield application
        self._free.append((held, application))

    @contextmanager
    def open(self, wiring: Wiring, **options: Any) -> Iterator[TestClient[Litestar]]:
        """An HTTP client of an application over `wiring`; `options` are the client's."""
        with self.over(wiring) as application, TestClient(application, **options) as client:
            yield client


API = Doors(build_api)
"""The API, for every test of this process."""


def _become(held: Wiring, wiring: Wiring) -> None:
    for part in dataclasses.fields(Wiring):
        object.__setattr__(held, part.name, getattr(wiring, part.name))
