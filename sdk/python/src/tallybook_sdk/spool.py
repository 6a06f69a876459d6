"""Events on disk, in order, while the server is away.

New events go to the end of the last segment; whole segments are read from the front and removed
when the server has answered for all of their events. What was sent from a segment before the
process died is sent again at the next start, and the server knows it by its ids.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from tallybook_sdk.segments import frames, sync_directory, write_fully
from tallybook_sdk.slots import Slot, abandoned_slots, take_slot

SUFFIX = ".segment"
REFUSED = "refused.ndjson"
MAX_REFUSED_BYTES = 64 * 1024 * 1024
MIN_ROOM_BYTES = 4096
_FIRST_NUMBER = 1_000_000_000  # there is room before it, for what has to be sent before the rest


@dataclass(slots=True)
class Segment:
    """One file. `through` is the number of the last event in it, 0 for those of an earlier run."""

    number: int
    path: Path
    size: int = 0
    count: int = 0
    through: int = 0
    is_recovered: bool = False


class Spool:
    """One slot of a spool directory. Not for several threads at once: its owner sees to that.

    Every method may raise OSError; what it was to keep is then not kept.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int,
        fsync: bool,
        segment_events: int,
        segment_bytes: int,
    ) -> None:
        self.max_bytes = max_bytes
        self._fsync = fsync
        self._segment_events = segment_events
        self._segment_bytes = segment_bytes
        self._slot: Slot = take_slot(directory)
        self._tail: int = -1  # the descriptor of the last segment, while it is written
        self._segments = deque(_found(self._slot.directory))
        self._last_number = max([_FIRST_NUMBER, *(each.number for each in self._segments)])
        self._adopt(directory)
        self.size = sum(segment.size for segment in self._segments)
        self.recovered_segments = len(self._segments)

    @property
    def directory(self) -> Path:
        """The slot's own directory."""
        return self._slot.directory

    @property
    def has_room(self) -> bool:
        """Whether some events more can be kept. The last few KiB are not worth a search."""
        return self.max_bytes - self.size >= MIN_ROOM_BYTES

    def __bool__(self) -> bool:
        return bool(self._segments)

    def append(self, lines: Sequence[bytes], through: int) -> int:
        """Keep as many of `lines` at the end as there is room for, and say how many.

        `through` is the number of the last of `lines`.
        """
        if not self.has_room:
            return 0
        kept = self._fitting(lines, self.max_bytes - self.size)
        done = 0
        try:
            while done < kept:
                segment = self._open_tail()
                fit = self._fitting(lines[done:kept], self._segment_bytes - segment.size)
                fit = min(fit, self._segment_events - segment.count)
                if not fit and segment.count:
                    self._seal()
                    continue
                fit = max(fit, 1)  # a lone event larger than a segment
                self._write(segment, lines[done : done + fit])
                done += fit
                segment.count += fit
                segment.through = through - (len(lines) - done)
        except OSError:
            if not done:
                raise
        if done and self._tail >= 0 and self._fsync:
            os.fsync(self._tail)
        return done

    def put_front(self, lines: Sequence[bytes], through: int) -> Segment:
        """Keep `lines` before all others, whether or not there is room."""
        first = self._segments[0].number if self._segments else self._next_number()
        segment = Segment(first - 1, self._path(first - 1), count=len(lines), through=through)
        descriptor = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            for frame in frames(lines):
                write_fully(descriptor, frame)
                segment.size += len(frame)
            if self._fsync:
                os.fsync(descriptor)
        except OSError:
            os.close(descriptor)
            segment.path.unlink(missing_ok=True)
            raise
        os.close(descriptor)
        self._sync_names()
        self._segments.appendleft(segment)
        self.size += segment.size
        return segment

    def first(self) -> Segment | None:
        """The segment at the front; it is not written any more from here on."""
        if not self._segments:
            return None
        if len(self._segments) == 1:
            self._seal()
        return self._segments[0]

    def remove(self, segment: Segment) -> None:
        """Forget a segment: the server has its events. A name that stays is sent again, no more."""
        self._forget(segment)
        segment.path.unlink(missing_ok=True)

    def set_aside(self, segment: Segment) -> Path:
        """Take a segment that cannot be read out of the way, and keep it."""
        aside = segment.path.with_suffix(".unreadable")
        self._forget(segment)
        os.replace(segment.path, aside)
        return aside

    def keep_refused(self, lines: Sequence[bytes]) -> bool:
        """Keep events that the server will not have, one JSON a line; False if there are many."""
        path = self.directory / REFUSED
        if path.exists() and path.stat().st_size > MAX_REFUSED_BYTES:
            return False
        with path.open("ab") as file:
            file.write(b"\n".join(lines) + b"\n")
        return True

    def close(self, *, in_child: bool = False) -> None:
        """Let the slot go. In a forked child only its copies are closed."""
        if not in_child:
            self._seal()
        elif self._tail >= 0:
            os.close(self._tail)
            self._tail = -1
        self._slot.release()

    def _adopt(self, directory: Path) -> None:
        """Move what dead processes left in other slots behind what is in ours."""
        for slot in abandoned_slots(directory):
            for found in _found(slot.directory):
                number = self._next_number()
                path = self._path(number)
                os.replace(found.path, path)
                self._segments.append(Segment(number, path, found.size, is_recovered=True))

    def _forget(self, segment: Segment) -> None:
        self._segments.remove(segment)
        self.size -= segment.size
        self.recovered_segments -= segment.is_recovered

    def _fitting(self, lines: Sequence[bytes], room: int) -> int:
        """How many of `lines`, from the first, take no more than `room` bytes."""
        if not lines or room <= 0:
            return 0
        sizes = list(accumulate(len(line) + 2 for line in lines))
        if sizes[-1] <= room:
            return len(lines)
        return next(number for number, size in enumerate(sizes) if size > room)

    def _open_tail(self) -> Segment:
        if self._tail >= 0:
            return self._segments[-1]
        number = self._next_number()
        segment = Segment(number, self._path(number))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._tail = os.open(segment.path, flags, 0o600)
        self._segments.append(segment)
        self._sync_names()
        return segment

    def _write(self, segment: Segment, lines: Sequence[bytes]) -> None:
        written = 0
        try:
            for frame in frames(lines):
                write_fully(self._tail, frame)
                written += len(frame)
        except OSError:
            os.ftruncate(self._tail, segment.size)
            raise
        segment.size += written
        self.size += written

    def _seal(self) -> None:
        if self._tail < 0:
            return
        descriptor, self._tail = self._tail, -1
        try:
            if self._fsync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _next_number(self) -> int:
        """A number not used before: a file whose removal failed may still bear an old one."""
        self._last_number += 1
        return self._last_number

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:010d}{SUFFIX}"

    def _sync_names(self) -> None:
        if self._fsync:
            sync_directory(self.directory)


def _found(directory: Path) -> list[Segment]:
    """The segments that an earlier run left, in order."""
    return [
        Segment(int(path.stem), path, path.stat().st_size, is_recovered=True)
        for path in sorted(directory.glob(f"*{SUFFIX}"))
        if path.stem.isdecimal()
    ]
