"""The bytes of a file, unpacked if gzipped, and how much of it on disk has been read."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from tallybook.cli.files.rows import unreadable

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Source:
    """A file being read: `stream` gives its unpacked bytes."""

    path: Path
    stream: BinaryIO
    on_disk: BinaryIO
    size_bytes: int

    def progress(self) -> tuple[int, int]:
        """Bytes read from disk, of all there are."""
        return self.on_disk.tell(), self.size_bytes


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open `path`; gzip is known by its first two bytes, whatever the name says."""
    try:
        on_disk = path.open("rb")
    except OSError as error:
        raise unreadable(path, f"cannot be opened: {error.strerror}.", "Check the path.") from None
    with on_disk:
        is_packed = on_disk.read(2) == _GZIP
        on_disk.seek(0)
        size_bytes = path.stat().st_size
        if not is_packed:
            yield Source(path, cast(BinaryIO, on_disk), cast(BinaryIO, on_disk), size_bytes)
            return
        with gzip.open(on_disk) as unpacked:
            stream = cast(BinaryIO, unpacked)
            yield Source(path, stream, cast(BinaryIO, on_disk), size_bytes)
