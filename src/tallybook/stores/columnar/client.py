"""Connections to ClickHouse, embedded or served, behind one small pool.

A client runs one statement at a time; several run side by side, also in the embedded engine. The
pool opens clients as they are needed and keeps them.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tallybook.domain.kernel.errors import Unavailable


class Columnar:
    """A pool of clients of one ClickHouse database."""

    def __init__(self, url: str, *, database: str = "tallybook", size: int = 6) -> None:
        self._url = url
        self._database = database
        self._free: queue.LifoQueue[Client | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)
        self._open: list[Client] = []
        with self.client() as client:
            client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
            client.command(f"USE {database}")

    @property
    def is_embedded(self) -> bool:
        """Whether the engine runs in this process."""
        return urlsplit(self._url).scheme == "chdb"

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client for one statement after another; given back when the block ends."""
        client = self._free.get()
        try:
            if client is None:
                client = self._connect()
            yield client
        except ClickHouseError as error:
            raise Unavailable(
                "event_store_unavailable",
                f"The event store did not carry this out: {str(error).splitlines()[0][:300]}",
                mend="Try again; if it stays so, look at the server's disk and log.",
            ) from error
        finally:
            self._free.put(client)

    def close(self) -> None:
        """Close every client that was opened."""
        for client in self._open:
            client.close()
        self._open.clear()

    def _connect(self) -> Client:
        options: dict[str, Any] = {"dsn": self._url}
        if self._open:
            options["database"] = self._database
        client = clickhouse_connect.get_client(**options)
        self._open.append(client)
        return client
