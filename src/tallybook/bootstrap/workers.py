"""A few threads for work that waits for an engine, and a bound on what may wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tallybook.domain.kernel.errors import Unavailable

T = TypeVar("T")

MAX_WAITING = 64 * 1024 * 1024
"""Of the sizes of all work that is not done yet: bytes of events that break a rule.

Work by itself may be larger than that.
"""


class BoundedWorkers:
    """The `Workers` port."""

    def __init__(self, threads: int = 4, max_waiting: int = MAX_WAITING) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="work")
        self._max_waiting = max_waiting
        self._waiting = 0
        self._lock = threading.Lock()

    def start(self, size: int, work: Callable[[], T]) -> Future[T]:
        """Do `work` soon. `Unavailable` when work of too great a `size` in all is waiting."""
        with self._lock:
            if self._waiting and self._waiting + size > self._max_waiting:
                raise Unavailable(
                    "quarantine_busy",
                    "More events break their rules than can be written down at once.",
                    mend="Send them again after a while; or relax the rule that so many break.",
                    retry_after_seconds=2,
                )
            self._waiting += size
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: self._finish(size))
        return future

    def close(self) -> None:
        """Take no more, and finish what is waiting."""
        self._pool.shutdown(wait=True)

    def _finish(self, size: int) -> None:
        with self._lock:
            self._waiting -= size
