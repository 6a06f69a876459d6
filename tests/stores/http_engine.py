"""The embedded engine behind ClickHouse's HTTP protocol, as a server of one's own answers it.

It keeps no session: what a request does not name, such as its database, it does not know. So does a
server with a client that was idle for a minute.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb  # type: ignore[import-untyped, unused-ignore]

_OF_TRANSPORT = (
    "session_",
    "query_id",
    "wait_end",
    "client_",
    "enable_http",
    "cancel_http",
    "send_",
)


@contextmanager
def served(events: Path) -> Iterator[str]:
    """The address, `127.0.0.1:port`, at which the engine's data in `events` is served."""
    engine = chdb.connect(os.path.realpath(events))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Asked)
    server.engine, server.turn = engine, threading.Lock()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    engine.close()


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length")
        if length is not None:
            return self.rfile.read(int(length))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, body: bytes) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        statement, rows = asked.pop("query", None), body
        if statement is None:
            statement, rows = body.decode(), b""
        try:
            status, answer = 200, self._carried_out(statement, rows, asked)
        except Exception as error:
            status, answer = 500, str(error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-ClickHouse-Summary", "{}")
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", "1")
        self.end_headers()
        self.wfile.write(answer)

    def _carried_out(self, statement: str, rows: bytes, asked: dict[str, str]) -> bytes:
        parameters = {
            name.removeprefix("param_"): value
            for name, value in asked.items()
            if name.startswith("param_")
        }
        settings = {
            name: value
            for name, value in asked.items()
            if not name.startswith(("param_", "database", *_OF_TRANSPORT))
        }
        engine = self.server.engine  # type: ignore[attr-defined]
        with self.server.turn:  # type: ignore[attr-defined]
            engine.query(f"USE `{asked.get('database', 'default')}`")
            for name, value in settings.items():
                engine.query(f"SET {name} = '{value}'")
            if not rows:
                found = engine.query(statement, "TabSeparated", params=parameters)
                return bytes(found.bytes() or b"")
            into, _, form = statement.rpartition(" FORMAT ")
            file = os.memfd_create("rows")
            try:
                with os.fdopen(os.dup(file), "wb") as memory:
                    memory.write(rows)
                engine.query(f"{into} FROM INFILE '/proc/self/fd/{file}' FORMAT {form}")
            finally:
                os.close(file)
        return b""
