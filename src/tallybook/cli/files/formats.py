"""The formats a usage file may have. A new one is a module of its own and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from tallybook.cli.files import access_log, nem
from tallybook.cli.files.delimited import read_delimited
from tallybook.cli.files.json_lines import read_json_lines
from tallybook.cli.files.parquet import read_parquet
from tallybook.cli.files.rows import Reader, Reading, ReadOptions, unreadable
from tallybook.domain.kernel.errors import Invalid


class Format(NamedTuple):
    """A format by the endings of its files' names, without `.gz`.

    `defaults` is the mapping of a format whose columns are known, as it would be written in TOML.
    """

    reader: Reader
    suffixes: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = {}


FORMATS = {
    "csv": Format(read_delimited, (".csv", ".tsv", ".txt")),
    "ndjson": Format(read_json_lines, (".ndjson", ".jsonl", ".jsonlines", ".json")),
    "parquet": Format(read_parquet, (".parquet", ".pq")),
    "access-log": Format(access_log.read_access_log, defaults=access_log.DEFAULTS),
    "nem": Format(nem.read_nem, defaults=nem.DEFAULTS),
}


def open_file(
    path: Path, format_name: str, options: ReadOptions
) -> AbstractContextManager[Reading]:
    """Open a usage file by its format, or, with `format_name` "", by its name's ending."""
    known = FORMATS[checked_format(format_name) or format_of(path)]
    return known.reader(path, options)


def checked_format(name: str) -> str:
    """`name` if it is a format's, or ""; refused if not."""
    if not name or name in FORMATS:
        return name
    raise Invalid(
        "unknown_format",
        f"No format is called {name[:40]!r}.",
        field="format",
        mend=f"Use {', '.join(FORMATS)}.",
    )


def format_of(path: Path) -> str:
    """The format that the name's ending stands for; refused if none does."""
    endings = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    for name, known in FORMATS.items():
        if endings and endings[-1] in known.suffixes:
            return name
    raise unreadable(
        path, "has an ending that names no format.", f"Add --format: {', '.join(FORMATS)}."
    )
