"""The file that what did not count is written to, a line each, with the event."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import msgspec

from tallybook.cli.files.rows import unwritable
from tallybook.cli.importing.sending import Problem

_encode = msgspec.json.Encoder().encode


class RejectedFile:
    """Problems as NDJSON; nowhere without a path. An import that goes on goes on writing it."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lines: BinaryIO | None = None

    @property
    def name(self) -> str:
        """Its absolute path, or ""."""
        return str(self._path.absolute()) if self._path else ""

    def continues(self, name: str, size_bytes: int) -> bool:
        """Whether what an earlier run wrote to `name` is in this file; so it is if no file is."""
        if self._path is None:
            return True
        try:
            return name == self.name and self._path.stat().st_size >= size_bytes
        except OSError:
            return False

    def begin(self, size_bytes: int = 0) -> None:
        """Write anew after the first `size_bytes`: what comes after them is told again."""
        if self._path is None:
            return
        try:
            self._lines = self._path.open("r+b" if size_bytes else "wb")
            self._lines.truncate(size_bytes)
            self._lines.seek(size_bytes)
        except OSError as error:
            raise unwritable(self._path, error) from None

    def write(self, problem: Problem) -> None:
        """Write a problem."""
        if self._lines is not None:
            self._lines.write(_encode(problem) + b"\n")

    def size_bytes(self) -> int:
        """How much there is of it, all of it out of this process."""
        if self._lines is None:
            return 0
        self._lines.flush()
        return self._lines.tell()

    def end(self) -> None:
        """Close it."""
        if self._lines is not None:
            self._lines.close()
