"""Events waiting to be sent: in memory, and behind that on disk, in the order they were tracked.

The order is always: what is being sent, then the spool, then memory. Events get from memory to the
spool only at its end, and are taken from memory only while the spool is empty.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from queue import Empty, SimpleQueue

from tallybook_sdk.segments import Content, read_segment
from tallybook_sdk.settings import Settings
from tallybook_sdk.spool import Segment, Spool


@dataclass(slots=True)
class Batch:
    """Events to be sent together. `through` is the number of the last one; 0 for an earlier run's.

    `rest` is what of them has no answer yet, in pieces that are each one request. Other threads may
    look at it at any time, so that nothing of it is missing in between.
    """

    lines: Sequence[bytes]
    through: int
    segment: Segment | None = None
    content: Content | None = None
    rest: deque[Sequence[bytes]] = field(default_factory=deque)

    def unanswered(self) -> list[bytes]:
        """The events in it that the server has not answered for."""
        return [line for piece in tuple(self.rest) for line in piece]


class Backlog:
    """What waits. `put` is called by the caller's threads, the rest by those of the library.

    `put` holds a lock that may be entered again, so that a destructor or a signal handler which
    tracks an event in the middle of another does not wait for itself.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.spool: Spool | None = None
        self.spooled = 0
        self.in_flight: Batch | None = None
        self._lines: list[bytes] = []
        self._bytes = 0
        self._left_memory = 0
        self._settled_through = 0
        self._hurry_through = 0
        self._lock = threading.RLock()
        self._order = threading.Lock()
        self._progress = threading.Condition()
        self._work: SimpleQueue[None] = SimpleQueue()
        self._pressure: SimpleQueue[None] = SimpleQueue()
        self._max_events = settings.max_queued_events
        self._max_bytes = settings.max_queued_bytes
        self._full_events = min(settings.batch_events, self._max_events)
        self._full_bytes = min(settings.max_batch_bytes, self._max_bytes) // 2
        self._much_events = self._max_events // 2
        self._much_bytes = self._max_bytes // 2

    def put(self, line: bytes) -> bool:
        """Take an event, or say that there is no room. Called for every event: keep it small."""
        with self._lock:
            before = self._bytes
            after = before + len(line)
            count = len(self._lines) + 1
            if count > self._max_events or (after > self._max_bytes and count > 1):
                return False
            self._lines.append(line)
            self._bytes = after
        if count in (1, self._full_events) or before < self._full_bytes <= after:
            self._work.put(None)
        if count == self._much_events or before < self._much_bytes <= after:
            self._pressure.put(None)
        return True

    def put_waiting(self, line: bytes, seconds: float) -> bool:
        """Take an event as soon as there is room, or say after `seconds` that there was none."""
        deadline = time.monotonic() + seconds
        while not self.put(line):
            self._pressure.put(None)
            with self._progress:
                left = deadline - time.monotonic()
                if left <= 0 or not self._max_events:
                    return False
                self._progress.wait(min(left, 0.05))
        return True

    @property
    def queued(self) -> tuple[int, int]:
        """Events and bytes in memory, those being sent not counted."""
        return len(self._lines), self._bytes

    @property
    def tracked(self) -> int:
        """The number of the last event put."""
        with self._lock:
            return self._left_memory + len(self._lines)

    def wait_for_work(self) -> None:
        """Wait until there is something to send; then a little for more, unless in a hurry."""
        if not self._lines:
            self._work.get()
        if len(self._lines) >= self._full_events or self._hurry_through > self._left_memory:
            return
        try:
            self._work.get(timeout=max(self.settings.linger_seconds, 1e-6))
        except Empty:
            return

    def wake(self) -> None:
        """Let `wait_for_work` and `wait_for_pressure` return."""
        self._work.put(None)
        self._pressure.put(None)

    def press(self) -> None:
        """Let `wait_for_pressure` return."""
        self._pressure.put(None)

    def wait_for_pressure(self, seconds: float | None) -> None:
        """Wait until memory is half full, or `seconds`; None is as long as it takes."""
        try:
            self._pressure.get(timeout=seconds)
        except Empty:
            return

    def take(self, max_events: int, max_bytes: int) -> Batch | None:
        """The next batch to send, if there is any. It stays `in_flight` until it is settled."""
        with self._order:
            segment = self.spool.first() if self.spool is not None else None
            if segment is not None:
                batch = self._read(segment)
            else:
                lines, through = self._leave_memory(max_events, max_bytes)
                if not lines:
                    return None
                batch = Batch(lines, through)
            pieces = range(0, len(batch.lines), max_events)
            batch.rest.extend(batch.lines[start : start + max_events] for start in pieces)
            self.in_flight = batch
        return batch

    def spill(self, patience: float = -1) -> None:
        """Move what is in memory to the spool, as far as there is room. OSError moves nothing.

        A batch that was taken from memory and is on its way goes before it: so what is in the spool
        has no gap. Does nothing if others keep the spool busy for `patience` seconds; -1 waits for
        them.
        """
        spool = self.spool
        if spool is None or not self._lines or not self._order.acquire(timeout=patience):
            return
        try:
            if spool.has_room:
                self._keep_in_flight(spool)
            with self._lock:
                lines, through = list(self._lines), self._left_memory + len(self._lines)
            kept = spool.append(lines, through)
            with self._lock:
                gone = sum(map(len, self._lines[:kept]))
                del self._lines[:kept]
                self._bytes -= gone
                self._left_memory += kept
            self.spooled += kept
        finally:
            self._order.release()
        if kept:
            self._tell_progress()

    def put_back(self, batch: Batch) -> bool:
        """Move a batch from memory to the front of the spool; False if there is no spool."""
        if self.spool is None:
            return False
        with self._order:
            if self.in_flight is batch:
                self._keep_in_flight(self.spool)
                self.in_flight = None
        return True

    def _keep_in_flight(self, spool: Spool) -> None:
        """Write the batch that is on its way to the spool too, if it is in memory alone."""
        batch = self.in_flight
        if batch is not None and batch.segment is None:
            lines = batch.unanswered()
            if lines:
                batch.segment = spool.put_front(lines, batch.through)
                self.spooled += len(lines)

    def settle(self, batch: Batch) -> None:
        """The server has answered for all of `batch`: forget it."""
        with self._order:
            if self.in_flight is not batch:
                return
            self.in_flight = None
            if batch.segment is not None and self.spool is not None:
                self._remove(self.spool, batch)
        self._settled_through = max(self._settled_through, batch.through)
        self._tell_progress()

    def _remove(self, spool: Spool, batch: Batch) -> None:
        segment, content = batch.segment, batch.content
        if segment is None:
            return
        try:
            if content is not None and content.damaged_bytes:
                spool.set_aside(segment)
            else:
                spool.remove(segment)
        except OSError:
            return  # the file stays, and is sent once more at the next start

    def abandon(self) -> list[bytes]:
        """Stop: all that waits goes to the spool; what cannot is returned, in order, and forgotten.

        A batch on its way may still arrive; the server knows it by its ids if it comes again.
        """
        with self._order:
            batch, self.in_flight = self.in_flight, None
            sending = [] if batch is None or batch.segment else batch.unanswered()
            with self._lock:
                waiting, self._lines = self._lines, []
                self._bytes = self._max_events = 0  # from here on, there is no room
                self._left_memory += len(waiting)
            if self.spool is not None:
                sending, waiting = self._to_spool(self.spool, batch, sending, waiting)
        self._tell_progress()
        return [*sending, *waiting]

    def _to_spool(
        self, spool: Spool, batch: Batch | None, sending: list[bytes], waiting: list[bytes]
    ) -> tuple[list[bytes], list[bytes]]:
        try:
            if sending and batch is not None:
                spool.put_front(sending, batch.through)
                self.spooled += len(sending)
                sending = []
            kept = spool.append(waiting, self._left_memory) if waiting else 0
        except OSError:
            return sending, waiting
        self.spooled += kept
        return sending, waiting[kept:]

    def wait_settled(self, seconds: float | None) -> bool:
        """Wait until all that was put before this call, and what was recovered, is settled."""
        target = self.tracked
        self._hurry_through = max(self._hurry_through, target)
        self._work.put(None)
        with self._progress:
            return self._progress.wait_for(lambda: self._is_settled(target), seconds)

    def _is_settled(self, target: int) -> bool:
        recovered = self.spool.recovered_segments if self.spool is not None else 0
        return self._settled_through >= target and not recovered

    def _read(self, segment: Segment) -> Batch:
        """A segment as a batch; an unreadable one is a batch without events."""
        try:
            content = read_segment(segment.path)
        except OSError:
            content = Content([], damaged_bytes=max(segment.size, 1))
        return Batch(content.lines, segment.through, segment, content)

    def _leave_memory(self, max_events: int, max_bytes: int) -> tuple[list[bytes], int]:
        while not self._work.empty():
            self._work.get()  # every event these tell of is taken now
        with self._lock:
            lines = self._lines
            if len(lines) <= max_events and self._bytes <= max_bytes:
                self._lines, self._bytes = [], 0
            else:
                sizes = list(accumulate(map(len, lines[:max_events])))
                count = max(bisect_right(sizes, max_bytes), 1)
                lines, self._lines = lines[:count], lines[count:]
                self._bytes -= sizes[count - 1]
            self._left_memory += len(lines)
            return lines, self._left_memory

    def _tell_progress(self) -> None:
        with self._progress:
            self._progress.notify_all()
