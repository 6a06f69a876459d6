"""Connections to ClickHouse, embedded or served, behind one small pool.

A client runs one statement at a time; several run side by side, also in the embedded engine. The
pool opens clients as they are needed and keeps them.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tallybook.domain.kernel.errors import Unavailable


class Columnar:
    """A pool of clients of one ClickHouse database: a server's is that of the URL's path, if any.

    A server forgets by and by what a client chose with `USE`, so every request names the database.
    """

    def __init__(self, url: str, *, database: str = "tallybook", size: int = 6) -> None:
        self._url = url
        self._database = database
        self._free: queue.LifoQueue[Client | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)
        self._open: list[Client] = []
        if self.is_embedded:
            with self.client() as client:
                client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
                client.command(f"USE {database}")
        else:
            parts = urlsplit(url)
            self._url = parts._replace(path="").geturl()
            self._database = unquote(parts.path.strip("/")) or database
            self._make_database()

    @property
    def is_embedded(self) -> bool:
        """Whether the engine runs in this process."""
        return urlsplit(self._url).scheme == "chdb"

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client for one statement after another; given back when the block ends."""
        client = self._free.get()
        try:
            with _refusing_outages():
                if client is None:
                    client = self._connect()
                yield client
        finally:
            self._free.put(client)

    def own_client(self) -> Client:
        """A client beside the pool, for one user that never waits for others; closed with all."""
        return self._connect()

    def insert(
        self,
        client: Client,
        into: str,
        rows: bytes,
        settings: Mapping[str, str | int],
    ) -> None:
        """Insert `rows`, lines of JSON arrays with a value for each column that `into` names.

        They are sent once: a lost connection leaves the outcome unknown, and is never tried again
        here. The embedded engine reads them from memory under a file's name, so that nothing is
        written twice and nothing is left behind by a crash.
        """
        if not self.is_embedded or not hasattr(os, "memfd_create"):
            client.command(
                f"INSERT INTO {into} FORMAT JSONCompactEachRow", data=rows, settings=dict(settings)
            )
            return
        file = os.memfd_create("rows")
        try:
            with os.fdopen(os.dup(file), "wb") as memory:
                memory.write(rows)
            chosen = ", ".join(f"{name} = {value!r}" for name, value in settings.items())
            client.command(
                f"INSERT INTO {into} FROM INFILE '/proc/self/fd/{file}' "
                f"SETTINGS {chosen} FORMAT JSONCompactEachRow"
            )
        finally:
            os.close(file)

    def failed_writes(self, client: Client) -> int:
        """How many writes to files failed since this process began.

        The embedded engine counts a write that failed, for want of space or by a fault of the disk,
        and goes on as if it had not. A server reports it as an error of the statement.
        """
        if not self.is_embedded:
            return 0
        found = client.query(
            "SELECT value FROM system.events "
            "WHERE event = 'WriteBufferFromFileDescriptorWriteFailed'"
        ).result_rows
        return int(found[0][0]) if found else 0

    def close(self) -> None:
        """Close every client that was opened."""
        for client in self._open:
            client.close()
        self._open.clear()

    def _connect(self) -> Client:
        options: dict[str, Any] = {"dsn": self._url}
        if self._open or not self.is_embedded:
            options["database"] = self._database
        client = clickhouse_connect.get_client(**options)
        self._open.append(client)
        return client

    def _make_database(self) -> None:
        """By a client that names none: a server refuses a request for one that is not there."""
        with _refusing_outages():
            client = clickhouse_connect.get_client(dsn=self._url)
            try:
                name = quote_identifier(self._database)
                client.command(f"CREATE DATABASE IF NOT EXISTS {name}")
            finally:
                client.close()


@contextmanager
def _refusing_outages() -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        raise Unavailable(
            "event_store_unavailable",
            f"The event store did not carry this out: {str(error).splitlines()[0][:300]}",
            mend="Try again; if it stays so, look at the server's disk and log.",
        ) from error
