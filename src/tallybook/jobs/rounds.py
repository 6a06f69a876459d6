"""Work that is done again and again beside the server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def in_rounds(
    work: Callable[[], Iterable[object] | None], *, name: str, every_seconds: float
) -> Iterator[None]:
    """While the block runs, do `work` in a thread of its own, pausing between rounds.

    Leaving the block waits for the round under way; of one that answers its steps as they are done,
    for the step. `work` does not raise.
    """
    stopped = threading.Event()

    def rounds() -> None:
        while not stopped.wait(every_seconds):
            for _ in work() or ():
                if stopped.is_set():
                    return

    thread = threading.Thread(target=rounds, name=name, daemon=True)
    try:
        thread.start()  # a signal that ends the program may raise in here
        yield
    finally:
        stopped.set()
        if thread.is_alive():
            thread.join()
