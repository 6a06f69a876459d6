"""A server that answers as Tallybook does, and misbehaves when told to.

It keeps every event it took by its identity, so a test can ask what was counted, and how often the
same event came again.
"""

from __future__ import annotations

import json
import socket
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

KEY = "tb_test_key"


@dataclass
class Behaviour:
    """How one request is answered. Without a status, as it should be."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    """How long it does nothing at first."""
    answer_seconds: float = 0.0
    """How long it keeps the answer back, the events taken."""
    drops_before: bool = False
    """Close the connection without taking anything."""
    drops_after: bool = False
    """Take the events, then close the connection without an answer."""


class Books:
    """What the server took."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.order: list[str] = []
        self.texts: list[bytes] = []
        self.requests: list[int] = []
        self.bodies: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.repeats = 0
        self.script: deque[Behaviour] = deque()
        self.always: Behaviour | None = None
        self.max_events = 10_000
        self.rejects: set[str] = set()
        self.holds: set[str] = set()
        self.poison = ""
        self.lock = threading.Lock()

    def ids(self) -> list[str]:
        """The ids taken, in order of arrival."""
        with self.lock:
            return list(self.order)

    def take(self, lines: list[bytes]) -> tuple[int, bytes]:
        """The status and body for a batch, deduplicated."""
        counts = {"accepted": 0, "duplicate": 0, "conflict": 0, "rejected": 0, "quarantined": 0}
        results = []
        with self.lock:
            for index, line in enumerate(lines):
                verdict = self._judge(line)
                counts[verdict] += 1
                if verdict != "accepted":
                    told = {"index": index, "id": "", "verdict": verdict, "reason": f"is {verdict}"}
                    results.append(told)
        answer = {"counts": counts, "position": len(self.order), "results": results}
        is_complete = counts["accepted"] + counts["duplicate"] == len(lines)
        return (200 if is_complete else 207), json.dumps(answer).encode()

    def _judge(self, line: bytes) -> str:
        event = json.loads(line, parse_float=str)
        if event["type"] in self.rejects:
            return "rejected"
        if event["type"] in self.holds:
            return "quarantined"
        identity = (event["source"], event["id"])
        known = self.events.get(identity)
        if known is not None:
            self.repeats += 1
            return "duplicate" if known == event else "conflict"
        self.events[identity] = event
        self.order.append(event["id"])
        self.texts.append(line)
        return "accepted"


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    books: ClassVar[Books]

    def do_POST(self) -> None:
        books = self.books
        body = self.rfile.read(int(self.headers["content-length"]))
        with books.lock:
            books.times.append(time.monotonic())
            books.headers.append({name.lower(): value for name, value in self.headers.items()})
            books.bodies.append(len(body))
            behaviour = books.script.popleft() if books.script else books.always or Behaviour()
        if behaviour.seconds:
            time.sleep(behaviour.seconds)
        if behaviour.drops_before:
            self._hang_up()
            return
        if behaviour.status:
            self._send(behaviour.status, behaviour.body, behaviour.headers)
            return
        status, answer = self._taken(body)
        time.sleep(behaviour.answer_seconds)
        if behaviour.drops_after:
            self._hang_up()
        else:
            self._send(status, answer, behaviour.headers)

    def _taken(self, body: bytes) -> tuple[int, bytes]:
        if self.headers.get("authorization") != f"Bearer {KEY}" or self.path != "/v1/events":
            return 401, b'{"detail": "no such key"}'
        if self.headers.get("content-encoding") == "gzip":
            body = zlib.decompress(body, 31)
        lines = body.split(b"\n")
        self.books.requests.append(len(lines))
        if len(lines) > self.books.max_events:
            return 413, b'{"detail": "too many"}'
        if self.books.poison and any(self.books.poison.encode() in line for line in lines):
            return 500, b'{"detail": "broke"}'
        return self.books.take(lines)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    allow_reuse_port = True  # beside the one that keeps the port

    def __init__(self, address: tuple[str, int], answering: type[_Answering]) -> None:
        super().__init__(address, answering)
        self.connections: set[socket.socket] = set()

    def get_request(self) -> Any:
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close every connection that is open."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _say_nothing(*_: object) -> None:
    """A client that went away is part of the tests."""


_Server.handle_error = _say_nothing  # type: ignore[method-assign,assignment]


class Server:
    """Runs on one port, and can stop and come back on it. Nobody else gets it in between."""

    def __init__(self) -> None:
        self.books = Books()
        self._server: _Server | None = None
        self._place = socket.socket()  # bound and never listening: connections are refused
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port: int = self._place.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen."""
        answering = type("Answering", (_Answering,), {"books": self.books})
        self._server = _Server(("127.0.0.1", self.port), answering)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            server.hang_up()

    def leave(self) -> None:
        """Stop for good."""
        self.stop()
        self._place.close()

    def misbehave(self, behaviours: Iterable[Behaviour]) -> None:
        """Answer the next requests so."""
        self.books.script.extend(behaviours)


@contextmanager
def serving(*, started: bool = True) -> Iterator[Server]:
    """A server, stopped at the end."""
    server = Server()
    if started:
        server.start()
    try:
        yield server
    finally:
        server.leave()


def eventually(condition: Any, seconds: float = 20.0) -> bool:
    """Whether `condition()` becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())
