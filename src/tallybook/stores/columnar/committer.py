"""What appends to the log: one who decides, one who writes. See decision 5.

The decider takes what is waiting as one block, and decides what of it is new and at which positions
it will be. The writer inserts one block after another, and answers each when it is on disk. While
one is written, which leaves Python's lock free, the next is prepared.

Identity and event are one fact. The index is told of an event after the table has it; what is still
in flight the decider knows besides, and forgets if it does not land.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import structlog

from tallybook.domain.kernel.errors import Refusal, Unavailable
from tallybook.services.ports import Appended
from tallybook.stores.columnar.block import Appending, Block
from tallybook.stores.columnar.deduplication import Decided, Kept, decide
from tallybook.stores.columnar.identity_index import Hashes, IdentityIndex, Run, sorted_run
from tallybook.stores.columnar.refusals import events_missing, refusal_for
from tallybook.stores.columnar.waiting import Waiting

_log = structlog.get_logger("tallybook.events")

_IDLE_SECONDS = 15


class EventTable(Protocol):
    """What the committer asks of the table of events."""

    def insert(self, rows: bytes, through: int) -> None:
        """Take a block, `through` being its last position: afterwards it is on disk.

        After an exception it is unknown which of its rows are in.
        """

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


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    """A block that is decided, with its rows, and the run of identities that it adds.

    It was decided as if those before it had landed; `hope` tells whether one has failed since.
    """

    block: Block
    decided: Decided
    rows: bytes
    run: Run
    hope: int


class Committer:
    """Appends blocks, one after another, to a table all of whose identities `index` knows.

    `extent` is the table's highest position, and how many events it has.
    `learn` is called before the position moves past what is no event of a customer, a correction:
    whoever asks as of a position has then been told of all corrections up to it.
    """

    def __init__(
        self,
        table: EventTable,
        index: IdentityIndex,
        extent: tuple[int, int],
        learn: Callable[[], None] = lambda: None,
    ) -> None:
        self.position, self._events = extent
        self._table = table
        self._index = index
        self._learn = learn
        self._promised = self.position
        self._hope = 0
        self._is_sure = True
        self._check_at = 0.0
        self._flying: deque[_Flight] = deque()
        self._landed: deque[_Flight] = deque()
        self._line: queue.Queue[_Flight | None] = queue.Queue(1)
        self._waiting = Waiting(self._is_writer_idle)
        self._threads = [
            threading.Thread(target=self._decide_all, name="decider", daemon=True),
            threading.Thread(target=self._write_all, name="writer", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def append(self, *together: Appending) -> None:
        """Let it wait for its block. `Unavailable` when too much is waiting, or closed."""
        self._waiting.append(*together)

    def close(self) -> None:
        """Take no more, commit what is waiting, and stop."""
        self._waiting.close()
        for thread in self._threads:
            thread.join()

    def find(self, wanted: Hashes) -> tuple[npt.NDArray[np.bool_], Hashes]:
        """Which identities are known, those in flight included, and the contents they came with."""
        found, contents = self._index.find(wanted)
        for flight in self._flying:
            if len(flight.run):
                flight.run.find(wanted, found, contents)
        return found, contents

    def _is_writer_idle(self) -> bool:
        return not self._line.unfinished_tasks

    # The decider's thread. It alone touches the index, and what is flying.

    def _decide_all(self) -> None:
        while (appendings := self._waiting.take(_IDLE_SECONDS)) is not None:
            try:
                self._decide(appendings)
            except BaseException as error:  # whatever it was, whoever waits gets an answer
                _refuse(appendings, error)
        self._line.put(None)

    def _decide(self, appendings: Sequence[Appending]) -> None:
        hope = self._hope
        self._note_landed()
        if not self._is_sure:
            self._line.join()
            self._find_out()
            hope = self._hope
        if not appendings:
            self._check_by_and_by()
            return
        block = Block(appendings)
        decided = decide(block, self.find, self._kept)
        if block.is_whole:
            decided = decided.as_a_whole()
        accepted = decided.accepted
        rows = block.rows(accepted, self._promised)
        run = sorted_run(block.identities[accepted], block.contents[accepted])
        flight = _Flight(block, decided, rows, run, hope)
        self._promised += len(run)
        self._flying.append(flight)
        self._line.put(flight)

    def _note_landed(self) -> None:
        while self._landed:
            flight = self._landed.popleft()
            assert self._flying[0] is flight, "blocks land in the order they were decided"
            self._flying.popleft()
            self._index.add(flight.run)

    def _check_by_and_by(self) -> None:
        """Look after what was written: merges go on when nothing is sent."""
        now = time.monotonic()
        if now < self._check_at or not self._is_writer_idle():
            return
        self._check_at = now + _IDLE_SECONDS
        try:
            self._table.check()
        except Refusal:
            self._is_sure = False
            self._find_out()

    def _find_out(self) -> None:
        """Learn which rows of an insert that failed are in, and go on after them.

        The writer has nothing in hand. What was to follow the failed block has been refused.
        """
        self._note_landed()
        self._flying.clear()
        self._table.settle()
        missing = self._events - self._table.count(self.position)
        if missing:
            raise events_missing(missing)
        position, identities, contents = self._table.after(self.position)
        self._learn()
        # Together, and last: what fails above is asked again, from where it was.
        self._index.add(sorted_run(identities, contents))
        self._events += len(identities)
        self.position = self._promised = max(self.position, position)
        self._is_sure = True

    def _kept(self, identities: Sequence[int]) -> Mapping[int, Sequence[Kept]]:
        """Events by the hash of their identity, those in flight included."""
        kept = {identity: list(events) for identity, events in self._table.kept(identities).items()}
        for flight in self._flying:
            wanted = np.isin(flight.block.identities, np.array(identities, np.uint64))
            for number in np.flatnonzero(wanted & flight.decided.accepted).tolist():
                owner, event = flight.block.event(number)
                identity = int(flight.block.identities[number])
                kept.setdefault(identity, []).append((owner, event.kept()))
        return kept

    # The writer's thread. It alone inserts, and moves the position while it does.

    def _write_all(self) -> None:
        while (flight := self._line.get()) is not None:
            try:
                self._write(flight)
            except BaseException as error:  # whatever it was, whoever waits gets an answer
                self._is_sure = False
                self._hope += 1
                _refuse(flight.block.appendings, error)
            self._line.task_done()
            self._waiting.wake()
        self._line.task_done()

    def _write(self, flight: _Flight) -> None:
        if flight.hope != self._hope:
            raise Unavailable(
                "event_store_unavailable",
                "The event store did not take the events before these.",
                mend="Send them again.",
            )
        if len(flight.run):
            self._table.insert(flight.rows, self.position + len(flight.run))
            if flight.block.is_whole:
                self._learn()
            self.position += len(flight.run)
            self._events += len(flight.run)
        self._landed.append(flight)
        exceptions = flight.block.by_appending(flight.decided.exceptions)
        for number, appending in enumerate(flight.block.appendings):
            appending.done.set_result(Appended(self.position, exceptions.get(number, {})))


def _refuse(appendings: Sequence[Appending], error: BaseException) -> None:
    refusal = refusal_for(error)
    for appending in appendings:
        if not appending.done.done():
            appending.done.set_exception(refusal)
    with suppress(Exception):  # where there is no room, there may be none for a log
        _log.error("events not taken", code=refusal.code, requests=len(appendings), exc_info=error)
