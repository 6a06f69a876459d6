"""Formats of lines with columns of their own: one reading for a file or an archive of many."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tallybook.cli.files.rows import Broken, Reading, Row, unreadable
from tallybook.cli.files.unpacking import UNPACKING_ERRORS, Line, lines_of, text_files

Parse = Callable[[str, Iterable[Line]], Iterator[Row | Broken]]
"""The rows of one text file, by its name and lines. Their numbers are given here."""


class LineReading:
    """The rows of every text file in a file. `files` counts those opened so far."""

    def __init__(self, path: Path, on_disk: io.BufferedReader, columns: tuple[str, ...]) -> None:
        self._path = path
        self._on_disk = on_disk
        self._size_bytes = path.stat().st_size
        self.columns = columns
        self.files = 0

    def parsed_by(self, parse: Parse) -> Reading:
        """This reading, its files read by `parse`."""
        self._parse = parse
        return self

    def rows(self) -> Iterator[Row | Broken]:
        number = 0
        try:
            for name, stream in text_files(self._path.name, self._on_disk):
                self.files += 1
                within = name if not self._path.name.startswith(name) else ""
                for row in self._parse(name, lines_of(stream)):
                    number += 1
                    yield row._replace(number=number, file=within)
        except UNPACKING_ERRORS as error:
            raise unreadable(
                self._path, f"breaks off after row {number}: {error}.", "Fetch it again."
            ) from None

    def progress(self) -> tuple[int, int]:
        return min(self._on_disk.tell(), self._size_bytes), self._size_bytes


@contextmanager
def read_lines(path: Path, columns: tuple[str, ...], parse: Parse) -> Iterator[Reading]:
    """Open `path` for `parse`; gzip, tar and zip are walked through."""
    try:
        on_disk = path.open("rb")
    except OSError as error:
        raise unreadable(path, f"cannot be opened: {error.strerror}.", "Check the path.") from None
    with on_disk:
        yield LineReading(path, on_disk, columns).parsed_by(parse)
