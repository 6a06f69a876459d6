"""What is appended to the log at once: events of one request, and the block of many requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime

import msgspec
import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

from tallybook.domain.events.event import SentEvent
from tallybook.services.ports import Appended, NotTaken
from tallybook.stores.columnar.identity_index import Hashes

COLUMNS = (
    "position",
    "identity",
    "content",
    "received_at",
    "organization_id",
    "type",
    "customer",
    "source",
    "id",
    "actor",
    "occurred_at",
    "properties",
)
"""The columns of a row as `rows` writes them; from `type` on, the canonical text of the event."""

SETTINGS: dict[str, str | int] = {
    "async_insert": 0,
    "date_time_input_format": "best_effort",
    "input_format_parallel_parsing": 0,
    "input_format_json_read_numbers_as_strings": 1,
    "input_format_json_read_bools_as_strings": 1,
    "input_format_json_read_arrays_as_strings": 1,
    "input_format_json_read_objects_as_strings": 1,
    "max_insert_threads": 1,
}
"""How the engine reads such rows: every property's value as text, all of them as one block."""

_encode = msgspec.json.encode


def identity_of(organization_id: str, source: str, event_id: str) -> int:
    """The 64-bit hash of an identity. Lengths go before texts, so no two run into one another."""
    return xxh3_64_intdigest((_prefix(organization_id, source) + event_id).encode())


def _prefix(organization_id: str, source: str) -> str:
    return f"{len(organization_id)}:{organization_id}{len(source)}:{source}"


class Appending:
    """The events of one request on their way into the log, and the promise of what becomes of them.

    `texts` are the events' canonical texts. The content of an event is their hash, seeded with the
    organization, so that nothing of one tenant equals anything of another.

    What `is_whole` is taken together with what was appended at once with it, in a block of their
    own: all of it or, if one event is not new, nothing.
    """

    __slots__ = (
        "bytes",
        "contents",
        "done",
        "events",
        "head",
        "identities",
        "is_whole",
        "organization_id",
        "texts",
    )

    def __init__(
        self,
        organization_id: str,
        events: Sequence[SentEvent],
        texts: Sequence[bytes],
        received_at: datetime,
    ) -> None:
        self.organization_id = organization_id
        self.events = events
        self.texts = texts
        self.bytes = sum(map(len, texts))
        self.head = b"%b,%b" % (_encode(received_at), _encode(organization_id))
        self.identities = np.array(_identities(organization_id, events), np.uint64)
        seed = xxh3_64_intdigest(organization_id.encode())
        self.contents = np.array([xxh3_64_intdigest(text, seed) for text in texts], np.uint64)
        self.is_whole = False
        self.done: Future[Appended] = Future()
        self.done.set_running_or_notify_cancel()  # a client that leaves takes nothing back

    def __len__(self) -> int:
        return len(self.events)


def _identities(organization_id: str, events: Sequence[SentEvent]) -> list[int]:
    prefixes = {source: _prefix(organization_id, source) for source in {e.source for e in events}}
    digest = xxh3_64_intdigest
    return [digest((prefixes[event.source] + event.id).encode()) for event in events]


class Block:
    """Several requests' events, in the order of their arrival."""

    def __init__(self, appendings: Sequence[Appending]) -> None:
        self.appendings = appendings
        self.identities: Hashes = np.concatenate([each.identities for each in appendings])
        self.contents: Hashes = np.concatenate([each.contents for each in appendings])
        self.starts = np.cumsum([0, *map(len, appendings)]).tolist()

    def __len__(self) -> int:
        return len(self.identities)

    @property
    def is_whole(self) -> bool:
        """Whether it is taken as a whole or not at all."""
        return self.appendings[0].is_whole

    def event(self, number: int) -> tuple[str, SentEvent]:
        """The organization and the event at `number`."""
        which = int(np.searchsorted(self.starts, number, side="right")) - 1
        appending = self.appendings[which]
        return appending.organization_id, appending.events[number - self.starts[which]]

    def by_appending(self, exceptions: Mapping[int, NotTaken]) -> dict[int, dict[int, NotTaken]]:
        """What is said by number in the block, by the request and by number in that."""
        found: dict[int, dict[int, NotTaken]] = {}
        which = 0
        for number in sorted(exceptions):
            while number >= self.starts[which + 1]:
                which += 1
            found.setdefault(which, {})[number - self.starts[which]] = exceptions[number]
        return found

    def rows(self, accepted: npt.NDArray[np.bool_], base: int) -> bytes:
        """The rows of the accepted events, at positions from `base` + 1 on, for `COLUMNS`."""
        is_whole = bool(accepted.all())
        identities, contents = self.identities.tolist(), self.contents.tolist()
        rows: list[bytes] = []
        for start, appending in zip(self.starts, self.appendings, strict=False):
            stop = start + len(appending)
            numbers: Iterable[int] = range(start, stop)
            if not is_whole:
                numbers = [number for number in numbers if accepted[number]]
            head, texts = appending.head, appending.texts
            rows += [
                b"[%d,%d,%d,%b,%b"
                % (position, identities[number], contents[number], head, texts[number - start][1:])
                for position, number in enumerate(numbers, base + 1 + len(rows))
            ]
        return b"\n".join(rows)
