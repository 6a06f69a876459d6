"""The stage: events that wait to be added by a backfill, outside the log until it is committed.

They lie in a table like that of events, under an organization made of their backfill's, with the
positions in which they came; so a meter can be asked what they would come to. What is sent again is
known by its identity. Nothing here counts, and all of it may be dropped at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, overload

import msgspec
import numpy as np
import numpy.typing as npt

from tallybook.domain.events.correction import MOST_ADDED, MOST_ADDED_BYTES, Backfill
from tallybook.domain.events.event import SentEvent, Verdict
from tallybook.domain.events.quarantined import read_canonical
from tallybook.domain.kernel.errors import TooLarge
from tallybook.services.correction_ports import Staged
from tallybook.services.ports import Appended
from tallybook.stores.columnar.block import COLUMNS, SETTINGS, Appending, Block
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.identity_index import Hashes
from tallybook.stores.columnar.parameters import Parameters
from tallybook.stores.columnar.schema import EVENTS

STAGED_EVENTS = EVENTS.replace(
    "IF NOT EXISTS events (", "IF NOT EXISTS staged_events (\n    text String,", 1
)
"""As the table of events, and each event's canonical text; in a backfill's own row, what it is."""

_INTO = f"staged_events ({', '.join(COLUMNS)}, text)"
_AT_ONCE = 20_000
_encode = msgspec.json.encode
_decode_event = msgspec.json.Decoder(SentEvent, float_hook=msgspec.Raw).decode
_decode_backfill = msgspec.json.Decoder(Backfill).decode


def stage_of(organization_id: str, backfill_id: str) -> str:
    """The organization that a backfill's staged events are rows of."""
    return f"{organization_id}/{backfill_id}"


class Stage:
    """The staged events of every backfill that is open."""

    def __init__(self, columnar: Columnar) -> None:
        self._columnar = columnar
        self._lock = threading.Lock()
        with columnar.client() as client:
            client.command(STAGED_EVENTS)

    def open(self, organization_id: str, backfill: Backfill) -> None:
        """Keep what a backfill is about."""
        own = SentEvent("", "", "", backfill.id, "", backfill.opened_at, {})
        stage = stage_of(organization_id, backfill.id)
        appending = Appending(stage, [own], [own.canonical()], backfill.opened_at)
        self._insert(appending, [0], 0, [_encode(backfill)])

    def find(self, organization_id: str, backfill_id: str) -> Backfill | None:
        """The backfill of that id, if it is open."""
        bind = Parameters()
        whose = bind.text(stage_of(organization_id, backfill_id))
        found = self._opened(f"organization_id = {whose}", bind)
        return found[0] if found else None

    def opened(self, organization_id: str) -> list[Backfill]:
        """The backfills that are open, in the order of their ids."""
        bind = Parameters()
        whose = bind.text(stage_of(organization_id, ""))
        return self._opened(f"startsWith(organization_id, {whose})", bind)

    def add(
        self,
        organization_id: str,
        backfill: Backfill,
        events: Sequence[SentEvent],
        received_at: datetime,
    ) -> dict[int, Verdict]:
        """Stage events; by number the verdict on those that are staged already, or contradict."""
        texts = [event.canonical() for event in events]
        appending = Appending(organization_id, events, texts, received_at)
        stage = stage_of(organization_id, backfill.id)
        with self._lock:
            known = self._known(stage, appending.identities)
            exceptions: dict[int, Verdict] = {}
            pairs = zip(appending.identities.tolist(), appending.contents.tolist(), strict=True)
            for number, (identity, content) in enumerate(pairs):
                kept = known.setdefault(identity, [])
                if not kept:
                    kept.append(content)
                elif content in kept:
                    exceptions[number] = Verdict.DUPLICATE
                else:
                    exceptions[number] = Verdict.CONFLICT
            numbers = [number for number in range(len(events)) if number not in exceptions]
            more = [texts[number] for number in numbers]
            count = self._check_room(organization_id, backfill.id, more)
            appending.head = _head(received_at, stage)
            self._insert(appending, numbers, count + 1, texts)
        return exceptions

    def staged(self, organization_id: str, backfill_id: str) -> Staged:
        """How many events are staged, and their checksum."""
        bind = Parameters()
        [(count, checksum)] = self._rows(
            "SELECT count(), sumWithOverflow(content) FROM staged_events "
            f"WHERE {_of(organization_id, backfill_id, bind)}",
            bind,
        )
        return Staged(count, checksum)

    def appending(self, organization_id: str, backfill_id: str, received_at: datetime) -> Appending:
        """All that is staged, to be appended to the log; read a portion at a time."""
        texts: list[bytes] = []
        hashes = [np.empty((2, 0), np.uint64)]
        for portion in self._portions(organization_id, backfill_id):
            texts += [text.encode() for text, _, _ in portion]
            hashes.append(np.array([row[1:] for row in portion], np.uint64).T)
        return _Prepared(organization_id, texts, np.concatenate(hashes, axis=1), received_at)

    def events(self, organization_id: str, backfill_id: str) -> Iterator[SentEvent]:
        """All that is staged, in order of position; read a portion at a time."""
        for portion in self._portions(organization_id, backfill_id):
            for text, _, _ in portion:
                yield read_canonical(text.encode())

    def drop(self, organization_id: str, backfill_id: str) -> None:
        """Forget what is staged, and the backfill."""
        bind = Parameters()
        whose = bind.text(stage_of(organization_id, backfill_id))
        with self._columnar.client() as client:
            client.command(
                f"ALTER TABLE staged_events DELETE WHERE organization_id = {whose} "
                "SETTINGS mutations_sync = 1",
                bind.values,
            )

    def _portions(
        self, organization_id: str, backfill_id: str
    ) -> Iterator[Sequence[Sequence[Any]]]:
        """Texts, identities and contents of all that is staged, by position."""
        read = 0
        while True:
            bind = Parameters()
            portion = self._rows(
                "SELECT text, identity, content FROM staged_events "
                f"WHERE {_of(organization_id, backfill_id, bind)} "
                f"AND position > {bind.position(read)} ORDER BY position LIMIT {_AT_ONCE}",
                bind,
            )
            if not portion:
                return
            yield portion
            read += len(portion)

    def _opened(self, whose: str, bind: Parameters) -> list[Backfill]:
        rows = self._rows(
            f"SELECT text FROM staged_events WHERE {whose} AND type = '' ORDER BY id", bind
        )
        return [_decode_backfill(text) for (text,) in rows]

    def _known(self, stage: str, identities: Hashes) -> dict[int, list[int]]:
        """What is staged already of these identities, with its contents."""
        bind = Parameters()
        bind.values["identities"] = identities.tolist()
        rows = self._rows(
            f"SELECT identity, content FROM staged_events WHERE organization_id = "
            f"{bind.text(stage)} "
            "AND identity IN (SELECT arrayJoin({identities:Array(UInt64)}))",
            bind,
        )
        return {identity: [content] for identity, content in rows}

    def _check_room(self, organization_id: str, backfill_id: str, more: Sequence[bytes]) -> int:
        """How many events are staged; `TooLarge` if with these they are too many for one block."""
        bind = Parameters()
        [(count, size)] = self._rows(
            "SELECT count(), sum(length(text)) FROM staged_events "
            f"WHERE {_of(organization_id, backfill_id, bind)}",
            bind,
        )
        if count + len(more) > MOST_ADDED or size + sum(map(len, more)) > MOST_ADDED_BYTES:
            raise TooLarge(
                "backfill_too_large",
                f"One backfill adds at most {MOST_ADDED:,} events, "
                f"and {MOST_ADDED_BYTES:,} bytes of them.",
                mend="Make several, of a shorter time or of one customer each.",
            )
        return int(count)

    def _insert(
        self, appending: Appending, numbers: Sequence[int], first: int, texts: Sequence[bytes]
    ) -> None:
        """Write the events of these numbers, at positions from `first` on, each with its text."""
        if not numbers:
            return
        accepted = np.zeros(len(appending), np.bool_)
        accepted[list(numbers)] = True
        rows = Block([appending]).rows(accepted, first - 1).split(b"\n")
        whole = [
            row[:-1] + b"," + _encode(texts[number].decode()) + b"]"
            for row, number in zip(rows, numbers, strict=True)
        ]
        with self._columnar.client() as client:
            self._columnar.insert(client, _INTO, b"\n".join(whole), SETTINGS)

    def _rows(self, statement: str, bind: Parameters) -> Sequence[Sequence[Any]]:
        with self._columnar.client() as client:
            rows: Sequence[Sequence[Any]] = client.query(
                statement, parameters=bind.values
            ).result_rows
            return rows


class _Events(Sequence[SentEvent]):
    """Events, each read from its canonical text when it is looked at."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, number: int) -> SentEvent: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[SentEvent]: ...
    def __getitem__(self, number: int | slice) -> SentEvent | Sequence[SentEvent]:
        if isinstance(number, slice):
            return _Events(self._texts[number])
        return _decode_event(self._texts[number])


class _Prepared(Appending):
    """Events whose texts and hashes were made when they were staged."""

    def __init__(
        self,
        organization_id: str,
        texts: Sequence[bytes],
        hashes: npt.NDArray[np.uint64],
        received_at: datetime,
    ) -> None:
        self.organization_id = organization_id
        self.events = _Events(texts)
        self.texts = texts
        self.bytes = sum(map(len, texts))
        self.head = _head(received_at, organization_id)
        self.identities, self.contents = hashes
        self.is_whole = True
        self.done: Future[Appended] = Future()
        self.done.set_running_or_notify_cancel()


def _head(received_at: datetime, organization_id: str) -> bytes:
    return b"%b,%b" % (_encode(received_at), _encode(organization_id))


def _of(organization_id: str, backfill_id: str, bind: Parameters) -> str:
    return f"organization_id = {bind.text(stage_of(organization_id, backfill_id))} AND type != ''"
