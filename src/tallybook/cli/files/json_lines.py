"""NDJSON: one JSON object a line. Values stay the JSON they were, number for number."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tallybook.cli.files.rows import Broken, Reading, ReadOptions, Row, unreadable
from tallybook.cli.files.source import Source, open_source

_LONGEST_LINE = 16 * 1024 * 1024
_MEND = "Write one JSON object on each line, in UTF-8."


class _JsonLines:
    columns = None

    def __init__(self, source: Source) -> None:
        self._source = source

    def rows(self) -> Iterator[Row | Broken]:
        decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        for number, line in enumerate(self._lines(), 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901
            if not line or line.isspace():
                continue
            if number == 1 and line.lstrip().startswith(b"["):
                raise unreadable(
                    self._source.path,
                    "is a JSON array, not one object a line.",
                    "Write one object on each line, as `jq -c '.[]'` does.",
                )
            try:
                cells = decode(line)
                if not line.isascii():
                    line.decode()  # the decoder has not looked at the values
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                yield Broken(number, f"The line is not a JSON object: {error}.", _MEND)
                continue
            yield Row(number, cells)

    def _lines(self) -> Iterator[bytes]:
        count = 0
        try:
            while line := self._source.stream.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE:
                    raise unreadable(
                        self._source.path,
                        f"has no end of line within 16 MiB after line {count}.",
                        "Put one JSON object on each line.",
                    )
                count += 1
                yield line
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(
                self._source.path, f"breaks off after line {count}: {error}.", "Fetch it again."
            ) from None

    def progress(self) -> tuple[int, int]:
        return self._source.progress()


@contextmanager
def read_json_lines(path: Path, _options: ReadOptions) -> Iterator[Reading]:
    """Read NDJSON. A row's number is its line's; blank lines are passed over.

    So is a byte order mark.
    """
    with open_source(path) as source:
        yield _JsonLines(source)
