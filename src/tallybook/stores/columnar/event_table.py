"""The table of events, as the committer and readers of single events use it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tallybook.domain.events.event import EventQuery, StoredEvent
from tallybook.domain.kernel.errors import Unavailable
from tallybook.stores.columnar.block import COLUMNS, SETTINGS
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.deduplication import Kept
from tallybook.stores.columnar.identity_index import Hashes
from tallybook.stores.columnar.parameters import Parameters
from tallybook.stores.columnar.schema import EVENTS
from tallybook.stores.columnar.stored import STORED, stored_event
from tallybook.stores.columnar.wanted import placed, told_apart

_INTO = f"events ({', '.join(COLUMNS)})"
_INSERTS = "tallybook-"
_ARE_INSERTS = "query_id LIKE {inserts:String} AND current_database = currentDatabase()"
_PATIENCE_SECONDS = 30
_AT_ONCE = 5_000
_PAIR = np.dtype([("identity", "<u8"), ("content", "<u8")])


class Right(Protocol):
    """The right to commit, where several servers share an event store."""

    def is_held(self) -> bool:
        """Whether it is still ours."""

    def take(self) -> bool:
        """Have it, if nobody else does."""


class ClickHouseEvents:
    """The `EventTable` of the committer, and single events found again."""

    def __init__(self, columnar: Columnar, right: Right | None = None) -> None:
        self._columnar = columnar
        self._right = right
        with columnar.client() as client:
            client.command(EVENTS)
        self._writer = columnar.own_client()
        if not columnar.is_embedded:
            self.end_inserts()
        self._failed_writes = columnar.failed_writes(self._writer)

    def insert(self, rows: bytes, through: int) -> None:
        """Insert a block. After an exception it is unknown which of its rows are in."""
        del through
        if self._right is not None and not self._right.is_held():
            raise _not_ours()
        settings = dict(SETTINGS)
        if not self._columnar.is_embedded:
            settings["query_id"] = f"{_INSERTS}{uuid.uuid4()}"
        self._columnar.insert(self._writer, _INTO, rows, settings)
        self.check()

    def catch_up(self) -> None:
        """What was inserted is in the table already."""

    def close(self) -> None:
        """Nothing is left to do."""

    def check(self) -> None:
        """Pass if the engine has written all that it says it has, by inserts and by merges."""
        if self._columnar.failed_writes(self._writer) > self._failed_writes:
            raise Unavailable(
                "event_store_unwritable",
                "The event store could not write to its disk.",
                mend="See that the disk of its data is well and has space, then send them again.",
                retry_after_seconds=5,
            )

    def settle(self) -> None:
        """Make sure that what the table shows is what there is, and will not change by itself."""
        if self._right is not None and not self._right.take():
            raise _not_ours()
        if self._columnar.is_embedded:
            self._load_anew()
        else:
            self.end_inserts()

    def _load_anew(self) -> None:
        """Let the engine look at every file of the table, if it may have failed to write one.

        Loading, it compares the sizes of files with those that it meant to write. A part that is
        broken is put aside, and those that a broken merge replaced are taken up again.
        """
        failed = self._columnar.failed_writes(self._writer)
        if failed > self._failed_writes:
            # Tallies may have been cut short, too; they are made anew from the events.
            self._writer.command("TRUNCATE TABLE IF EXISTS tally_batches")
            self._writer.command("DETACH TABLE IF EXISTS events SYNC")
        self._writer.command("ATTACH TABLE IF NOT EXISTS events")
        self._failed_writes = failed

    def end_inserts(self) -> None:
        """Wait until no insert of a committer can still be at work: neither ours nor another's.

        A server may go on with one after the connection is lost, or after the committer that sent
        it is dead: it is told to stop, and asked until it has.
        """
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        which = {"inserts": f"{_INSERTS}%"}
        while True:
            with self._columnar.client() as client:
                client.command(f"KILL QUERY WHERE {_ARE_INSERTS} ASYNC", parameters=which)
                running = client.query(
                    f"SELECT count() FROM system.processes WHERE {_ARE_INSERTS}", parameters=which
                )
            if not running.result_rows[0][0]:
                return
            if time.monotonic() > give_up_at:
                raise Unavailable(
                    "event_store_unavailable",
                    "The event store is still busy with an insert that failed.",
                    mend="Send the events again after a while.",
                )
            threading.Event().wait(0.2)

    def extent(self) -> tuple[int, int]:
        """The highest position, and how many events there are; zeros of an empty table."""
        with self._columnar.client() as client:
            rows = client.query("SELECT max(position), count() FROM events").result_rows
            position, events = rows[0]
            return position, events

    def identities(self) -> Iterator[tuple[Hashes, Hashes]]:
        """Identity and content of every event, in portions."""
        with self._columnar.client() as client:
            stream: Any = client.raw_stream("SELECT identity, content FROM events", fmt="RowBinary")
            rest = b""
            with stream:
                while portion := stream.read(_PAIR.itemsize << 20):
                    portion = rest + portion if rest else portion
                    pairs = np.frombuffer(portion, _PAIR, len(portion) // _PAIR.itemsize)
                    rest = portion[pairs.nbytes :]
                    yield pairs["identity"], pairs["content"]
            assert not rest, "every event has both hashes"

    def count(self, position: int) -> int:
        """How many events there are up to `position`."""
        with self._columnar.client() as client:
            counted: int = client.query(
                "SELECT count() FROM events WHERE position <= {position:UInt64}",
                parameters={"position": position},
            ).result_rows[0][0]
            return counted

    def after(self, position: int) -> tuple[int, Hashes, Hashes]:
        """The highest position, and identities and contents of the events after `position`."""
        with self._columnar.client() as client:
            found = client.query(
                "SELECT position, identity, content FROM events WHERE position > {after:UInt64}",
                parameters={"after": position},
                column_oriented=True,
            ).result_columns
        if not found:
            return position, np.empty(0, np.uint64), np.empty(0, np.uint64)
        positions, identities, contents = (np.array(column, np.uint64) for column in found)
        return int(positions.max()), identities, contents

    def kept(self, identities: Sequence[int]) -> Mapping[int, Sequence[Kept]]:
        """Events by the hash of their identity."""
        kept: dict[int, list[Kept]] = {}
        for start in range(0, len(identities), _AT_ONCE):
            with self._columnar.client() as client:
                rows = client.query(
                    f"SELECT identity, organization_id, {STORED} FROM events "
                    "WHERE identity IN (SELECT arrayJoin({identities:Array(UInt64)}))",
                    parameters={"identities": list(identities[start : start + _AT_ONCE])},
                ).result_rows
            for identity, organization_id, *event in rows:
                kept.setdefault(identity, []).append((organization_id, stored_event(event)))
        return kept

    def find(
        self, organization_id: str, wanted: EventQuery, *, before: int | None, limit: int
    ) -> list[StoredEvent]:
        """Events, the last to arrive first, those at positions before `before` if one is given."""
        bind = Parameters()
        where = [f"organization_id = {bind.text(organization_id)}"]
        if before is not None:
            where.append(f"position < {bind.position(before)}")
        where += placed(wanted, bind) + told_apart(organization_id, wanted, bind)
        with self._columnar.client() as client:
            rows = client.query(
                f"SELECT {STORED} FROM events WHERE {' AND '.join(where)} "
                f"ORDER BY position DESC LIMIT {bind.whole(limit)}",
                parameters=bind.values,
            ).result_rows
        return [stored_event(row) for row in rows]


def _not_ours() -> Unavailable:
    return Unavailable(
        "not_the_committer",
        "This server has lost the right to take events: the database of records went away.",
        mend="Send the events again after a while, or to the server that has the right now.",
        retry_after_seconds=5,
    )
