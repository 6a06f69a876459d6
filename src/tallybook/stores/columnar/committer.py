"""The one thread that appends to the log. See docs/decisions/0005-one-committer.md.

It takes all that is waiting as one block, decides what of it is new, inserts that at the positions
that follow, and only then answers. Identity and event are one fact: the index is told of an event
after the table has it, and is made from the table at every start.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from tallybook.domain.kernel.errors import Refusal, Unavailable
from tallybook.services.ports import Appended, NotTaken
from tallybook.stores.columnar.block import Appending, Block
from tallybook.stores.columnar.deduplication import Decided, Kept, decide
from tallybook.stores.columnar.identity_index import Hashes, IdentityIndex

_log = structlog.get_logger("tallybook.events")

MAX_BLOCK_EVENTS = 20_000
MAX_BLOCK_BYTES = 32 * 1024 * 1024
MAX_WAITING_EVENTS = 200_000
MAX_WAITING_BYTES = 256 * 1024 * 1024
_LINGER_SECONDS = 0.003
_IDLE_SECONDS = 15


class EventTable(Protocol):
    """What the committer asks of the table of events."""

    def insert(self, rows: bytes) -> None:
        """Insert a block. After an exception it is unknown which of its rows are in."""

    def check(self) -> None:
        """Pass if all that was written is on disk, as far as can be told without reading it."""

    def settle(self) -> None:
        """Make sure that what the table shows is what there is, and will not change by itself."""

    def count(self, position: int) -> int:
        """How many events there are up to `position`."""

    def after(self, position: int) -> tuple[int, Hashes, Hashes]:
        """The highest position, and identities and contents of the events after `position`."""

    def kept(self, identities: Sequence[int]) -> Mapping[int, Sequence[Kept]]:
        """Events by the hash of their identity."""


class Committer:
    """Appends blocks, one after another, to a table whose identities up to `position` are known."""

    def __init__(self, table: EventTable, index: IdentityIndex, position: int) -> None:
        self._table = table
        self._index = index
        self.position = position
        self._events = table.count(position)
        self._is_sure = True
        self._is_closing = False
        self._waiting: deque[Appending] = deque()
        self._waiting_events = 0
        self._waiting_bytes = 0
        self._expected = 1
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def append(self, appending: Appending) -> None:
        """Let `appending` wait for its block. `Unavailable` when too much is waiting, or closed."""
        with self._changed:
            if self._is_closing or not self._thread.is_alive():
                raise Unavailable(
                    "shutting_down",
                    "The server is about to stop and takes no more events.",
                    mend="Send them again when it is back.",
                )
            if (
                self._waiting_events >= MAX_WAITING_EVENTS
                or self._waiting_bytes >= MAX_WAITING_BYTES
            ):
                raise Unavailable(
                    "too_busy",
                    "More events are waiting than can be written at once.",
                    mend="Send them again after a moment.",
                )
            self._waiting.append(appending)
            self._waiting_events += len(appending)
            self._waiting_bytes += appending.bytes
            self._changed.notify()

    def close(self) -> None:
        """Take no more, commit what is waiting, and stop."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (appendings := self._next()) is not None:
            try:
                self._commit(appendings)
            except BaseException as error:  # whatever it was, whoever waits gets an answer
                self._is_sure = False
                refusal = _refusal(error)
                for appending in appendings:
                    if not appending.done.done():
                        appending.done.set_exception(refusal)
                with suppress(Exception):  # where there is no room, there may be none for a log
                    _log.exception("commit failed", code=refusal.code)
                with suppress(Exception):  # else before the next block
                    self._find_out()

    def _next(self) -> list[Appending] | None:
        """All that is waiting, up to a block's size; nothing of a while, and None once closed.

        Where several were answered together, the same senders are likely to send again: waiting a
        moment for them makes one block of two.
        """
        with self._changed:
            if not self._waiting and not self._is_closing:
                self._changed.wait(_IDLE_SECONDS)
            if not self._waiting:
                return None if self._is_closing else []
            until = time.monotonic() + _LINGER_SECONDS
            while len(self._waiting) < self._expected and not self._is_closing:
                if not self._changed.wait(max(0.0, until - time.monotonic())):
                    break
            taken: list[Appending] = []
            events = size = 0
            while self._waiting and events < MAX_BLOCK_EVENTS and size < MAX_BLOCK_BYTES:
                taken.append(self._waiting.popleft())
                events += len(taken[-1])
                size += taken[-1].bytes
            self._waiting_events -= events
            self._waiting_bytes -= size
            self._expected = len(taken)
            return taken

    def _commit(self, appendings: Sequence[Appending]) -> None:
        if not self._is_sure:
            self._find_out()
        if not appendings:
            self._table.check()  # merges go on when nothing is sent
            return
        block = Block(appendings)
        decided = decide(block, self._index, self._table.kept)
        count = int(decided.accepted.sum())
        if count:
            rows = block.rows(decided.accepted, self.position)
            try:
                self._table.insert(rows)
            except BaseException:
                self._is_sure = False
                raise
            self._index.add(block.identities[decided.accepted], block.contents[decided.accepted])
            self.position += count
            self._events += count
        self._answer(block, decided)

    def _find_out(self) -> None:
        """Learn which rows of an insert that failed are in, and go on after them."""
        self._table.settle()
        missing = self._events - self._table.count(self.position)
        if missing:
            raise Unavailable(
                "events_missing",
                f"The event store has lost {missing:,} events that were acknowledged.",
                mend="Put its data back from a copy, then start the server again.",
                retry_after_seconds=60,
            )
        position, identities, contents = self._table.after(self.position)
        self._index.add(identities, contents)
        self._events += len(identities)
        self.position = max(self.position, position)
        self._is_sure = True

    def _answer(self, block: Block, decided: Decided) -> None:
        exceptions: dict[int, dict[int, NotTaken]] = {}
        if decided.exceptions:
            exceptions = _by_appending(block, decided.exceptions)
        for number, appending in enumerate(block.appendings):
            appending.done.set_result(Appended(self.position, exceptions.get(number, {})))


def _by_appending(
    block: Block, exceptions: Mapping[int, NotTaken]
) -> dict[int, dict[int, NotTaken]]:
    found: dict[int, dict[int, NotTaken]] = {}
    which = 0
    for number in sorted(exceptions):
        while number >= block.starts[which + 1]:
            which += 1
        found.setdefault(which, {})[number - block.starts[which]] = exceptions[number]
    return found


_SIGNS_OF_A_FULL_DISK = ("No space left", "NOT_ENOUGH_SPACE", "File too large", "quota exceeded")


def _refusal(error: BaseException) -> Refusal:
    """What is answered when a block could not be committed. The log has the whole of it."""
    texts = " ".join(str(each) for each in (error, error.__cause__))
    if any(sign in texts for sign in _SIGNS_OF_A_FULL_DISK):
        return Unavailable(
            "event_store_full",
            "The event store has no room left on its disk.",
            mend="Free some space where its data is, then send the events again.",
            retry_after_seconds=10,
        )
    if isinstance(error, Refusal):
        return error
    return Unavailable(
        "event_store_unavailable",
        "The event store did not take the events.",
        mend="Send them again: what did get in counts once. If it stays so, see the server's log.",
    )
