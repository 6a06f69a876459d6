"""CSV and its relatives: a header, then rows of as many cells; every cell is text."""

from __future__ import annotations

import csv
import io
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tallybook.cli.files.rows import Broken, Reading, ReadOptions, Row, unreadable
from tallybook.cli.files.source import Source, open_source

_DELIMITERS = ",;\t|"
_LONGEST_CELL = 16 * 1024 * 1024


class _Delimited:
    def __init__(self, source: Source, options: ReadOptions) -> None:
        self._source = source
        text = io.TextIOWrapper(source.stream, encoding=options.encoding, newline="")
        csv.field_size_limit(_LONGEST_CELL)
        try:
            first = text.readline()
            delimiter = options.delimiter or max(_DELIMITERS, key=first.count)
            header = next(csv.reader([first], delimiter=delimiter), [])
        except (UnicodeDecodeError, csv.Error, OSError, EOFError, zlib.error) as error:
            raise unreadable(
                source.path, f"cannot be read: {error}.", "Check --encoding."
            ) from None
        self._reader = csv.reader(text, delimiter=delimiter, strict=True)
        self.columns = _checked(source.path, header)

    def rows(self) -> Iterator[Row | Broken]:
        columns, width = self.columns, len(self.columns)
        number = 0
        while True:
            number += 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Broken(number, f"The row is not well-formed: {error}.", "Check its quotes.")
                continue
            except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
                raise unreadable(
                    self._source.path,
                    f"breaks off after row {number - 1}: {error}.",
                    "Check the file and --encoding.",
                ) from None
            if len(cells) == width:
                yield Row(number, dict(zip(columns, cells, strict=True)))
            elif cells:
                yield Broken(
                    number,
                    f"The row has {len(cells)} cells where the header names {width} columns.",
                    "Quote cells that contain the delimiter.",
                )

    def progress(self) -> tuple[int, int]:
        return self._source.progress()


def _checked(path: Path, header: list[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in header)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not any(names):
        raise unreadable(path, "has no header row.", "Put the columns' names in the first row.")
    if twice:
        raise unreadable(
            path, f"names the column {twice[0]!r} more than once.", "Give each its own name."
        )
    return names


@contextmanager
def read_delimited(path: Path, options: ReadOptions) -> Iterator[Reading]:
    """Read CSV by RFC 4180; the delimiter is the commonest of , ; tab | in the header.

    A byte order mark is dropped. Rows of another width and unbalanced quotes are `Broken`; blank
    lines are passed over, but counted.
    """
    with open_source(path) as source:
        yield _Delimited(source, options)
