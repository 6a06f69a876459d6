"""The clock and the chance of the program: made here, handed to everything else."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime

from tallybook.domain.kernel.identifiers import crockford

_CHANCE_BITS = 82


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class IdMaker:
    """Makes ids `prefix_…`: 48 bits of milliseconds, then 82 random bits, in 26 characters.

    Ids made by one process sort in the order they were made: within a millisecond, and when the
    clock steps back, the last number is counted up.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self, prefix: str) -> str:
        milliseconds = int(now().timestamp() * 1000)
        # The top bit of chance stays clear, so that counting up has room.
        fresh = milliseconds << _CHANCE_BITS | secrets.randbits(_CHANCE_BITS - 1)
        with self._lock:
            if fresh >> _CHANCE_BITS <= self._last >> _CHANCE_BITS:
                fresh = self._last + 1 + secrets.randbits(40)
            self._last = fresh
        return f"{prefix}_{crockford(fresh, 26)}"


new_secret = secrets.token_bytes
