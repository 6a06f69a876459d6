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
from tallybook.domain.kernel.errors import Invalid

_DELIMITERS = ",;\t|"
_LONGEST_CELL = 16 * 1024 * 1024


class _Delimited:
    def __init__(self, source: Source, options: ReadOptions) -> None:
        self._source = source
        self._encoding = options.encoding
        text = _text(source, options.encoding)
        csv.field_size_limit(_LONGEST_CELL)
        try:
            first = text.readline()
            delimiter = options.delimiter or max(_DELIMITERS, key=first.count)
            header = next(csv.reader([first], delimiter=delimiter), [])
        except (UnicodeDecodeError, csv.Error, OSError, EOFError, zlib.error) as error:
            raise unreadable(
                source.path, f"cannot be read: {error}.", "Check --encoding."
            ) from None
        except TypeError:
            raise Invalid(
                "not_a_delimiter",
                f"{delimiter!r} is not one character.",
                field="delimiter",
                mend="Give the character that stands between two cells.",
            ) from None
        self._reader = csv.reader(text, delimiter=delimiter, strict=True)
        if not_text := self._not_text(header):
            raise unreadable(source.path, f"cannot be read: {not_text}.", "Check --encoding.")
        self.columns = _checked(source.path, header)

    def rows(self) -> Iterator[Row | Broken]:
        columns, width = self.columns, len(self.columns)
        number = lines = 0
        while True:
            number += 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                through = self._reader.line_num - lines
                lines = self._reader.line_num
                yield Broken(number, *_ill_formed(error, through))
                continue
            except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
                raise unreadable(
                    self._source.path,
                    f"breaks off after row {number - 1}: {error}.",
                    "Check the file and --encoding.",
                ) from None
            lines = self._reader.line_num
            if not_text := self._not_text(cells):
                yield Broken(number, f"The row cannot be read: {not_text}.", "Check --encoding.")
            elif len(cells) == width:
                yield Row(number, dict(zip(columns, cells, strict=True)))
            elif cells:
                yield Broken(
                    number,
                    f"The row has {len(cells)} cells where the header names {width} columns.",
                    "Quote cells that contain the delimiter.",
                )

    def _not_text(self, cells: list[str]) -> str:
        """What of a row is no text in the file's encoding; "" if all of it is."""
        row = "".join(cells)
        if row.isascii():
            return ""
        try:
            row.encode()
        except UnicodeEncodeError as error:
            byte = ord(row[error.start]) - 0xDC00  # as `surrogateescape` marks it
            return f"the byte 0x{byte:02x} is no {self._encoding.removesuffix('-sig')}"
        return ""

    def progress(self) -> tuple[int, int]:
        return self._source.progress()


def _text(source: Source, encoding: str) -> io.TextIOWrapper:
    """The file as text. Bytes that are none are marked, so that their rows alone are broken."""
    try:
        return io.TextIOWrapper(source.stream, encoding, "surrogateescape", newline="")
    except LookupError:
        raise Invalid(
            "unknown_encoding",
            f"No encoding of text is called {encoding[:40]!r}.",
            field="encoding",
            mend="Use one that Python knows, such as utf-8, latin-1, cp1252 or utf-16.",
        ) from None


def _ill_formed(error: csv.Error, lines: int) -> tuple[str, str]:
    """Why a row is not well-formed, and the mend."""
    why = f"The row is not well-formed: {error}."
    if lines > 1:
        why += f" Its quotes take in {lines} lines, and none of them is read."
    return why, "Check its quotes."


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

    A byte order mark is dropped. Rows of another width, with unbalanced quotes or with bytes that
    are no text are `Broken`; blank lines are passed over, but counted.
    """
    with open_source(path) as source:
        yield _Delimited(source, options)
