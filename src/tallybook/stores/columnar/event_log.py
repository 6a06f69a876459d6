"""The log of events in ClickHouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

from tallybook.domain.events.event import EventQuery, SentEvent, StoredEvent
from tallybook.services.ports import Appended
from tallybook.stores.columnar.block import Appending
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.committer import Committer
from tallybook.stores.columnar.event_table import ClickHouseEvents, Right
from tallybook.stores.columnar.identity_index import IdentityIndex
from tallybook.stores.columnar.spool import Spool
from tallybook.stores.columnar.spooled import SpooledEvents


class ColumnarEventLog:
    """The `EventLog` port. One at a time for an event store: it alone gives out positions.

    Opening it reads the identities of all events into memory: 10 million take a few seconds. Where
    servers share the event store, `right` is what the one that commits holds. `learn` is called
    before the position moves past corrections. With a directory for a `spool`, events are
    acknowledged when they are in that; without, when they are in the table.
    """

    def __init__(
        self,
        columnar: Columnar,
        right: Right | None = None,
        learn: Callable[[], None] = lambda: None,
        spool: Path | None = None,
    ) -> None:
        self._table: ClickHouseEvents | SpooledEvents = ClickHouseEvents(columnar, right)
        if spool is not None:
            self._table = SpooledEvents(self._table, Spool(spool))

        def learn_all() -> None:
            self._table.catch_up()
            learn()

        index = IdentityIndex()
        position, events = self._table.extent()
        index.load(self._table.identities(), expected=events)
        learn_all()
        self._committer = Committer(self._table, index, (position, events), learn_all)

    def position(self) -> int:
        """The as-of of now: no event will ever appear at or below it that is not there yet."""
        position = self._committer.position
        self._table.catch_up()
        return position

    def acknowledged(self) -> int:
        """The last position that was told. Does not wait."""
        return self._committer.position

    def append(
        self,
        organization_id: str,
        events: Sequence[SentEvent],
        texts: Sequence[bytes],
        *,
        received_at: datetime,
    ) -> Future[Appended]:
        """Take these events, `texts` being their canonical texts. At once with others'."""
        appending = Appending(organization_id, events, texts, received_at)
        self._committer.append(appending)
        return appending.done

    def append_whole(self, parts: Sequence[Appending]) -> list[Appended]:
        """Take all that `parts` are, as one block, or nothing if one event in them is not new."""
        for part in parts:
            part.is_whole = True
        self._committer.append(*parts)
        return [part.done.result() for part in parts]

    def find(
        self, organization_id: str, wanted: EventQuery, *, before: int | None, limit: int
    ) -> list[StoredEvent]:
        """Events, the last to arrive first, those at positions before `before` if one is given."""
        return self._table.find(organization_id, wanted, before=before, limit=limit)

    def close(self) -> None:
        """Take no more, and finish what is waiting."""
        self._committer.close()
        self._table.close()
