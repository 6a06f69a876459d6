"""A spool on disk: blocks of rows in the order of their positions, each there whole or not at all.

It is a directory of segments, each named by the number in which they follow one another. A segment
is a sequence of frames: a head with the length and the checksum of what follows, then the rows. A
frame that was cut short by a crash stands at the very end, and was never acknowledged.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from xxhash import xxh3_64_intdigest

SEGMENT_BYTES = 64 * 1024 * 1024
"""A segment that has grown beyond this is followed by another."""

_HEAD = struct.Struct("<4sQQQ")
_MARK = b"TBS1"


class DamagedSpoolError(Exception):
    """The spool holds something else than what was written to it."""


class Spool:
    """Appends blocks, synced to disk, and forgets those that are kept elsewhere.

    Used by one thread for `append`, by another for `forget`. What a crashed process left is read
    with `left_behind` before anything is appended.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        numbers = sorted(int(path.stem) for path in directory.glob("*.spool"))
        self._full: deque[tuple[Path, int]] = deque()
        self._left = [self._path(number) for number in numbers]
        self._number = numbers[-1] if numbers else 0
        self._file = -1
        self._current = directory
        self._size = self._through = 0
        self._is_torn = False

    def left_behind(self, after: int) -> Iterator[bytes]:
        """The blocks found at the start that go beyond position `after`, in order.

        `DamagedSpoolError` if one is not as it was.
        """
        for path in self._left:
            for rows, through in _frames(path, is_last=path is self._left[-1]):
                if through > after:
                    yield rows

    def forget_left_behind(self) -> None:
        """Let go of what was found at the start: it is kept elsewhere now."""
        while self._left:
            self._left.pop().unlink(missing_ok=True)

    def append(self, rows: bytes, through: int) -> None:
        """Write a block whose last position is `through`, and sync it.

        `OSError` if that fails; then the block is not in the spool.
        """
        self.mend()
        if self._file < 0 or self._size >= SEGMENT_BYTES:
            self._begin_segment()
        head = _HEAD.pack(_MARK, len(rows), xxh3_64_intdigest(rows), through)
        self._is_torn = True
        _write_all(self._file, head + rows)
        os.fdatasync(self._file)
        self._is_torn = False
        self._size += len(head) + len(rows)
        self._through = through

    def mend(self) -> None:
        """Cut off what an `append` that failed has left. `OSError` if that is not possible yet."""
        if self._is_torn:
            os.ftruncate(self._file, self._size)
            os.lseek(self._file, self._size, os.SEEK_SET)
            os.fsync(self._file)
            self._is_torn = False

    def forget(self, through: int) -> None:
        """Let go of segments whose every position is at or below `through`."""
        while self._full and self._full[0][1] <= through:
            self._full.popleft()[0].unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file that is written to."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin_segment(self) -> None:
        self._number += 1  # also if what follows fails: an empty segment may be there then
        path = self._path(self._number)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _sync_directory(self._directory)
        except OSError:
            os.close(file)
            raise
        if self._file >= 0:
            self._full.append((self._current, self._through))
            os.close(self._file)
        self._file, self._size, self._current = file, 0, path

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:010d}.spool"


def _frames(path: Path, *, is_last: bool) -> Iterator[tuple[bytes, int]]:
    """The blocks of a segment, each with its last position."""
    with path.open("rb") as segment:
        while head := segment.read(_HEAD.size):
            if len(head) == _HEAD.size:
                mark, length, checksum, through = _HEAD.unpack(head)
                rows = segment.read(length) if mark == _MARK else b""
                if mark == _MARK and len(rows) == length and xxh3_64_intdigest(rows) == checksum:
                    yield rows, through
                    continue
            if is_last:
                return
            raise DamagedSpoolError(
                f"The spool of events is damaged: {path.name} breaks off before its end. "
                "Put it back from a copy, or move it away to go on without what is in it."
            )


def _write_all(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _sync_directory(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
