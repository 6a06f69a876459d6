"""Requests' events that wait for the next block."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from tallybook.domain.kernel.errors import Unavailable
from tallybook.stores.columnar.block import Appending

MAX_BLOCK_EVENTS = 20_000
MAX_BLOCK_BYTES = 32 * 1024 * 1024
MAX_WAITING_EVENTS = 200_000
MAX_WAITING_BYTES = 256 * 1024 * 1024
LINGER_SECONDS = 0.003


class Waiting:
    """A line of requests. Many threads append; one takes.

    While the writer is busy a block may grow: it is taken once as many wait as were taken the last
    time. When the writer has nothing to do, it is taken after a moment's lingering for the senders
    that were answered together and are about to send again.
    """

    def __init__(self, is_writer_idle: Callable[[], bool]) -> None:
        self._is_writer_idle = is_writer_idle
        self._line: deque[Sequence[Appending]] = deque()
        self._events = 0
        self._bytes = 0
        self._expected = 1
        self._is_closed = False
        self._changed = threading.Condition()

    def append(self, *together: Appending) -> None:
        """Join the line, in one block if several. `Unavailable` when it is too long, or closed."""
        with self._changed:
            if self._is_closed:
                raise Unavailable(
                    "shutting_down",
                    "The server is about to stop and takes no more events.",
                    mend="Send them again when it is back.",
                )
            if self._events >= MAX_WAITING_EVENTS or self._bytes >= MAX_WAITING_BYTES:
                raise Unavailable(
                    "too_busy",
                    "More events are waiting than can be written at once.",
                    mend="Send them again after a moment.",
                )
            self._line.append(together)
            for appending in together:
                self._events += len(appending)
                self._bytes += appending.bytes
            self._changed.notify()

    def close(self) -> None:
        """Let nobody join any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def wake(self) -> None:
        """Let the one who takes look again: the writer is idle, or something went wrong."""
        with self._changed:
            self._changed.notify()

    def take(self, patience_seconds: float) -> list[Appending] | None:
        """A block's worth of requests; none of a while, or when woken; None once closed."""
        with self._changed:
            if not self._line and not self._is_closed:
                self._changed.wait(patience_seconds)
            if not self._line:
                return None if self._is_closed else []
            self._linger()
            taken: list[Appending] = []
            events = size = 0
            while self._line and events < MAX_BLOCK_EVENTS and size < MAX_BLOCK_BYTES:
                is_whole = self._line[0][0].is_whole
                if taken and is_whole:
                    break
                for appending in self._line.popleft():
                    taken.append(appending)
                    events += len(appending)
                    size += appending.bytes
                if is_whole:
                    break
            self._events -= events
            self._bytes -= size
            self._expected = len(taken)
            return taken

    def _linger(self) -> None:
        until = 0.0
        while len(self._line) < self._expected and not self._is_closed:
            if self._events >= MAX_BLOCK_EVENTS:
                return
            if not self._is_writer_idle():
                self._changed.wait(1)
                continue
            now = time.monotonic()
            until = until or now + LINGER_SECONDS
            if now >= until:
                return
            self._changed.wait(until - now)
