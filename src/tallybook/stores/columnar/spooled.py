"""Events that are acknowledged once they are in a spool, and carried into the table in bulk.

A part of the table is a dozen files, each synced: that takes the same five milliseconds for one
event as for a thousand. A spool takes one write and one sync, so an event alone is answered in a
fraction of that, and the table gets fewer, larger parts, which spares it most of its merging.

The spool holds rows with their positions. They go into the table in that order and many blocks as
one part, so the highest position in the table tells what of the spool is in it, whatever crashed
in between. Whoever reads calls `catch_up` first, and so sees all that was acknowledged before.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import structlog

from tallybook.domain.events.event import EventQuery, StoredEvent
from tallybook.stores.columnar.deduplication import Kept
from tallybook.stores.columnar.event_table import ClickHouseEvents
from tallybook.stores.columnar.identity_index import Hashes
from tallybook.stores.columnar.refusals import events_missing, refusal_for
from tallybook.stores.columnar.spool import Spool

_log = structlog.get_logger("tallybook.events")

MOST_BYTES = 32 * 1024 * 1024
"""Rows that are carried at once: the more, the less is merged afterwards."""

ENOUGH_BYTES = 16 * 1024 * 1024
"""So many do not wait for more: whoever reads has to wait for all of them."""

MAX_BACKLOG_BYTES = 256 * 1024 * 1024
"""Rows that may wait to be carried before no more events are taken."""

LINGER_SECONDS = 1.0
"""Fewer do, as long as nobody reads: a part of a few rows costs as much as one of thousands."""

PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 10.0


class SpooledEvents:
    """The `EventTable` of a committer whose events rest in a spool on their way to the table.

    What an earlier process left in the spool is in the table once this is made.
    """

    def __init__(self, table: ClickHouseEvents, spool: Spool) -> None:
        self._table = table
        self._spool = spool
        self._carried, self._events = table.extent()
        self._carry_left_behind()
        self._appended = self._carried
        self._line: deque[tuple[bytes, int]] = deque()
        self._backlog = 0
        self._fault: BaseException | None = None
        self._is_awaited = False
        self._is_closed = False
        self._changed = threading.Condition()
        self._engine = threading.Lock()
        self._carrier = threading.Thread(target=self._carry_all, name="carrier", daemon=True)
        self._carrier.start()

    def insert(self, rows: bytes, through: int) -> None:
        """Take a block, the last position of which is `through`: afterwards it is on disk."""
        with self._changed:
            if self._backlog >= MAX_BACKLOG_BYTES:
                raise refusal_for(self._fault or TimeoutError())
        self._spool.append(rows, through)
        with self._changed:
            self._line.append((rows, through))
            self._backlog += len(rows)
            self._appended = through
            self._changed.notify_all()

    def catch_up(self) -> None:
        """Return once all that was inserted is in the table. `Unavailable` if it cannot be."""
        if self._carried == self._appended:
            return
        with self._changed:
            through = self._appended
            self._is_awaited = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._carried >= through or self._fault is not None or self._is_closed,
                PATIENCE_SECONDS,
            )
            if self._carried < through:
                raise refusal_for(self._fault or TimeoutError())

    def check(self) -> None:
        """Pass if all that was written is on disk, as far as can be told without reading it."""
        with self._engine:
            self._table.check()

    def settle(self) -> None:
        """Make sure that what the table shows is what there is, and will not change by itself."""
        self._spool.mend()
        with self._engine:
            self._table.settle()
        self.catch_up()

    def close(self) -> None:
        """Carry what waits, if the table takes it; else the spool keeps it for the next start."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._carrier.join()
        self._spool.close()

    # What the table tells, it tells of all that was inserted.

    def extent(self) -> tuple[int, int]:
        """The highest position, and how many events there are; zeros of an empty table."""
        self.catch_up()
        with self._changed:
            return self._carried, self._events

    def identities(self) -> Iterator[tuple[Hashes, Hashes]]:
        """Identity and content of every event, in portions."""
        self.catch_up()
        return self._table.identities()

    def count(self, position: int) -> int:
        """How many events there are up to `position`."""
        self.catch_up()
        return self._table.count(position)

    def after(self, position: int) -> tuple[int, Hashes, Hashes]:
        """The highest position, and identities and contents of the events after `position`."""
        self.catch_up()
        return self._table.after(position)

    def kept(self, identities: Sequence[int]) -> Mapping[int, Sequence[Kept]]:
        """Events by the hash of their identity."""
        self.catch_up()
        return self._table.kept(identities)

    def find(
        self, organization_id: str, wanted: EventQuery, *, before: int | None, limit: int
    ) -> list[StoredEvent]:
        """Events, the last to arrive first, those at positions before `before` if one is given."""
        self.catch_up()
        return self._table.find(organization_id, wanted, before=before, limit=limit)

    # The carrier's thread. It alone inserts into the table.

    def _carry_all(self) -> None:
        while (portion := self._next_portion()) is not None:
            while not self._is_in_the_table(portion):
                with self._changed:
                    if self._changed.wait_for(lambda: self._is_closed, PAUSE_SECONDS):
                        return

    def _next_portion(self) -> list[tuple[bytes, int]] | None:
        """Blocks to carry at once; None once there are none and never will be."""
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._is_closed)
            self._changed.wait_for(
                lambda: self._is_awaited or self._is_closed or self._backlog >= ENOUGH_BYTES,
                LINGER_SECONDS,
            )
            if not self._line:
                return None
            self._is_awaited = False
            portion = [self._line.popleft()]
            size = len(portion[0][0])
            while self._line and size + len(self._line[0][0]) <= MOST_BYTES:
                portion.append(self._line.popleft())
                size += len(portion[-1][0])
            return portion

    def _is_in_the_table(self, portion: Sequence[tuple[bytes, int]]) -> bool:
        """Whether the portion is in the table now, after having tried to bring it there."""
        through = portion[-1][1]
        rows = b"\n".join([rows for rows, _ in portion])
        number = 1 + rows.count(b"\n")
        try:
            with self._engine:
                if self._fault is not None:
                    self._table.settle()
                    self._check_nothing_is_missing()
                    rows = _beyond(self._table.extent()[0], rows)
                if rows:
                    self._table.insert(rows, through)
        except BaseException as error:  # whatever it was, the spool has the rows
            with self._changed:
                self._fault = error
                self._changed.notify_all()
            _log.error("events wait in the spool", exc_info=error, kind=type(error).__name__)
            return False
        with self._changed:
            self._fault = None
            self._carried = through
            self._events += number
            self._backlog -= sum(len(rows) for rows, _ in portion)
            self._changed.notify_all()
        try:
            self._spool.forget(through)
        except OSError as error:  # it takes room on the disk, and is passed over at the next start
            _log.error("a segment of the spool stays", exc_info=error)
        return True

    def _check_nothing_is_missing(self) -> None:
        """Pass if the table has all that was carried: anew loaded, it may have put parts aside."""
        missing = self._events - self._table.count(self._carried)
        if missing:
            raise events_missing(missing)

    def _carry_left_behind(self) -> None:
        for rows in _portions(self._spool.left_behind(self._carried), MOST_BYTES):
            new = _beyond(self._carried, rows)
            self._carried = _position_of(new[new.rfind(b"\n") + 1 :])
            self._events += 1 + new.count(b"\n")
            self._table.insert(new, self._carried)
        self._spool.forget_left_behind()


def _portions(blocks: Iterable[bytes], enough: int) -> Iterator[bytes]:
    """The rows of several blocks at once, of at least `enough` bytes but for the last."""
    waiting: list[bytes] = []
    size = 0
    for rows in blocks:
        waiting.append(rows)
        size += len(rows)
        if size >= enough:
            yield b"\n".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"\n".join(waiting)


def _beyond(position: int, rows: bytes) -> bytes:
    """Of rows in the order of their positions those after `position`."""
    return b"\n".join([row for row in rows.split(b"\n") if _position_of(row) > position])


def _position_of(row: bytes) -> int:
    """The position in a row: it is the first value, as `Block.rows` writes it."""
    return int(row[1 : row.index(b",")])
