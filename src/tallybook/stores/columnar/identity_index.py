"""Which identities the log holds, in memory: 16 bytes each, exact, found by thousands at once.

An identity and the content it came with are 64-bit hashes. They lie in sorted runs, as in a
log-structured merge tree: what was added last in a few short runs, all else in buckets by the
leading bits. Full short runs are moved into the buckets a few at a time, so that no single call
takes long and no merge needs room for a second copy of everything. Most events sent are new, so a
bit for each stretch of hashes tells first, in one step, that an identity cannot be known.

The index holds nothing that the events table does not; it is made from it at every start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

Given = TypeVar("Given")
Made = TypeVar("Made")

_AT_ONCE = 2
_BITS = 6
_BUCKETS = 1 << _BITS
_SHIFT = np.uint64(64 - _BITS)
_EDGES = (np.arange(1, _BUCKETS, dtype=np.uint64)) << _SHIFT
_NONE = np.empty(0, np.uint64)

ENOUGH_TO_MOVE = 1 << 18
"""Recent identities before they are moved into the buckets, or a sixteenth of those there."""


class Run:
    """Identities in ascending order, each with its content. An identity may occur twice."""

    __slots__ = ("contents", "identities")

    def __init__(self, identities: Hashes, contents: Hashes) -> None:
        self.identities = identities
        self.contents = contents

    def __len__(self) -> int:
        return len(self.identities)

    def find(self, wanted: Hashes, found: npt.NDArray[np.bool_], contents: Hashes) -> None:
        """Mark in `found` the `wanted` that are here, and note their contents."""
        at = np.searchsorted(self.identities, wanted)
        np.minimum(at, len(self.identities) - 1, out=at)
        hits = self.identities[at] == wanted
        if hits.any():
            found |= hits
            contents[hits] = self.contents[at[hits]]

    def merged_with(self, other: Run) -> Run:
        """One run of both, best called on the longer."""
        total = len(self) + len(other)
        places = np.searchsorted(self.identities, other.identities) + np.arange(len(other))
        is_own = np.ones(total, np.bool_)
        is_own[places] = False
        merged = Run(np.empty(total, np.uint64), np.empty(total, np.uint64))
        merged.identities[places] = other.identities
        merged.identities[is_own] = self.identities
        merged.contents[places] = other.contents
        merged.contents[is_own] = self.contents
        return merged


def sorted_run(identities: Hashes, contents: Hashes) -> Run:
    """A run of identities in any order."""
    order = np.argsort(identities)
    return Run(identities[order], contents[order])


class Sieve:
    """Says of most unknown identities, from one bit each, that they are unknown."""

    def __init__(self, room: int) -> None:
        self._bits = max(20, (8 * room).bit_length())
        self._words = np.zeros(1 << (self._bits - 3), np.uint8)

    def has_room_for(self, count: int) -> bool:
        """Whether, with `count` identities, at most one in eight unknown ones is let through."""
        return 8 * count <= 1 << self._bits

    @property
    def size_bytes(self) -> int:
        """Memory taken."""
        return self._words.nbytes

    def add(self, identities: Hashes) -> None:
        """Let these through."""
        word, bit = self._place(identities)
        np.bitwise_or.at(self._words, word, bit)

    def lets_through(self, wanted: Hashes) -> npt.NDArray[np.bool_]:
        """False for what was never added; true for all that was, and for one in eight besides."""
        word, bit = self._place(wanted)
        passes: npt.NDArray[np.bool_] = (self._words[word] & bit) != 0
        return passes

    def _place(self, identities: Hashes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
        leading = identities >> np.uint64(64 - self._bits)
        word = (leading >> np.uint64(3)).astype(np.intp)
        return word, np.left_shift(np.uint8(1), (leading & np.uint64(7)).astype(np.uint8))


class _Filling:
    """A bucket while it is loaded: arrays with room at their end."""

    def __init__(self, room: int) -> None:
        self._identities = np.empty(room, np.uint64)
        self._contents = np.empty(room, np.uint64)
        self._count = 0

    def add(self, identities: Hashes, contents: Hashes) -> None:
        """Put these at the end, with more room if there is not enough."""
        end = self._count + len(identities)
        if end > len(self._identities):
            self._identities = np.resize(self._identities, end * 5 // 4)
            self._contents = np.resize(self._contents, end * 5 // 4)
        self._identities[self._count : end] = identities
        self._contents[self._count : end] = contents
        self._count = end

    def sorted_run(self) -> Run:
        """All of it in order, where it is."""
        identities, contents = self._identities[: self._count], self._contents[: self._count]
        order = np.argsort(identities)
        identities[:], contents[:] = identities[order], contents[order]
        return Run(identities, contents)


def _by_bucket(chunk: tuple[Hashes, Hashes]) -> tuple[Hashes, Hashes, list[int]]:
    """Identities and contents in the order of their buckets, and where each bucket begins."""
    identities, contents = chunk
    buckets = (identities >> _SHIFT).astype(np.uint8)
    order = np.argsort(buckets, kind="stable")
    starts = np.searchsorted(buckets[order], np.arange(_BUCKETS + 1, dtype=np.uint8))
    return identities[order], contents[order], starts.tolist()


def _ahead(
    pool: ThreadPoolExecutor, do: Callable[[Given], Made], given: Iterable[Given]
) -> Iterator[Made]:
    """What `do` makes of each given, in order; a few are in hand while the next is awaited."""
    in_hand: deque[Future[Made]] = deque()
    for each in given:
        in_hand.append(pool.submit(do, each))
        if len(in_hand) > _AT_ONCE:
            yield in_hand.popleft().result()
    for last in in_hand:
        yield last.result()


class IdentityIndex:
    """The identities of all events. Used by one thread at a time."""

    def __init__(self) -> None:
        self._sieve = Sieve(0)
        self._settled = [Run(_NONE, _NONE) for _ in range(_BUCKETS)]
        self._settled_count = 0
        self._recent: list[Run] = []
        self._recent_count = 0
        self._moving: Run | None = None
        self._moved = 0

    def __len__(self) -> int:
        unmoved = 0
        if self._moving is not None:
            unmoved = len(self._moving) - self._edge(self._moving, self._moved)
        return self._settled_count + self._recent_count + unmoved

    @property
    def size_bytes(self) -> int:
        """Memory taken by what is known."""
        return 16 * sum(map(len, self._runs())) + self._sieve.size_bytes

    def find(self, wanted: Hashes) -> tuple[npt.NDArray[np.bool_], Hashes]:
        """Which of `wanted` (in ascending order) are known, and the content each came with.

        Of an identity known twice (two events of one 64-bit hash) one of the contents is given.
        """
        found = np.zeros(len(wanted), np.bool_)
        contents = np.zeros(len(wanted), np.uint64)
        maybe = self._sieve.lets_through(wanted)
        if maybe.any():
            found[maybe], contents[maybe] = self._find(wanted[maybe])
        return found, contents

    def _find(self, wanted: Hashes) -> tuple[npt.NDArray[np.bool_], Hashes]:
        found = np.zeros(len(wanted), np.bool_)
        contents = np.zeros(len(wanted), np.uint64)
        for run in self._recent:
            run.find(wanted, found, contents)
        if self._moving is not None:
            self._moving.find(wanted, found, contents)
        starts = [0, *np.searchsorted(wanted, _EDGES).tolist(), len(wanted)]
        for bucket, settled in enumerate(self._settled):
            part = slice(starts[bucket], starts[bucket + 1])
            if part.start < part.stop and len(settled):
                settled.find(wanted[part], found[part], contents[part])
        return found, contents

    def add(self, run: Run) -> None:
        """Know these from now on."""
        added = len(run)
        if not added:
            return
        self._sieve.add(run.identities)
        self._recent_count += len(run)
        while self._recent and len(self._recent[-1]) <= 2 * len(run):
            run = self._recent.pop().merged_with(run)
        self._recent.append(run)
        enough = max(ENOUGH_TO_MOVE, self._settled_count // 16)
        if self._moving is not None:
            self._move(1 + 4 * _BUCKETS * added // enough)
        elif self._recent_count >= enough:
            self._begin_to_move()
        if not self._sieve.has_room_for(len(self)):
            self._widen_sieve()

    def load(self, chunks: Iterable[tuple[Hashes, Hashes]], expected: int) -> None:
        """Know all of `chunks`, some `expected` identities: the start-up of an index.

        Room is made once, and what comes is put where it stays: no second copy is ever held.
        """
        filling = [_Filling(expected // _BUCKETS * 51 // 50 + 64) for _ in range(_BUCKETS)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for identities, contents, starts in _ahead(pool, _by_bucket, chunks):
                for bucket, (start, stop) in enumerate(pairwise(starts)):
                    filling[bucket].add(identities[start:stop], contents[start:stop])
            self._settled = list(pool.map(_Filling.sorted_run, filling))
        self._settled_count = sum(map(len, self._settled))
        self._widen_sieve()

    def _widen_sieve(self) -> None:
        self._sieve = Sieve(2 * len(self))
        for run in self._runs():
            self._sieve.add(run.identities)

    def _runs(self) -> list[Run]:
        moving = [] if self._moving is None else [self._moving]
        return [*self._settled, *self._recent, *moving]

    def _begin_to_move(self) -> None:
        runs = self._recent[::-1]  # the shortest first
        moving = runs[0]
        for run in runs[1:]:
            moving = run.merged_with(moving)
        self._moving, self._moved = moving, 0
        self._recent, self._recent_count = [], 0

    def _move(self, buckets: int) -> None:
        """Merge the next few buckets' share of what is moving. It stays findable meanwhile."""
        assert self._moving is not None
        for bucket in range(self._moved, min(self._moved + buckets, _BUCKETS)):
            part = slice(self._edge(self._moving, bucket), self._edge(self._moving, bucket + 1))
            share = Run(self._moving.identities[part], self._moving.contents[part])
            self._settled[bucket] = self._settled[bucket].merged_with(share)
            self._settled_count += len(share)
            self._moved = bucket + 1
        if self._moved == _BUCKETS:
            self._moving = None

    @staticmethod
    def _edge(run: Run, bucket: int) -> int:
        """Where `bucket` begins in `run`."""
        if bucket >= _BUCKETS:
            return len(run)
        return int(np.searchsorted(run.identities, np.uint64(bucket) << _SHIFT))
