"""The formats a usage file may have. A new one is a module of its own and a line here."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from tallybook.cli.files.delimited import read_delimited
from tallybook.cli.files.json_lines import read_json_lines
from tallybook.cli.files.parquet import read_parquet
from tallybook.cli.files.rows import Reader, Reading, ReadOptions, unreadable


class Format(NamedTuple):
    """A format by the endings of its files' names, without `.gz`."""

    reader: Reader
    suffixes: tuple[str, ...]


FORMATS = {
    "csv": Format(read_delimited, (".csv", ".tsv", ".txt")),
    "ndjson": Format(read_json_lines, (".ndjson", ".jsonl", ".jsonlines", ".json")),
    "parquet": Format(read_parquet, (".parquet", ".pq")),
}


def open_file(
    path: Path, format_name: str, options: ReadOptions
) -> AbstractContextManager[Reading]:
    """Open a usage file by its format, or, with `format_name` "", by its name's ending."""
    return FORMATS[format_name or format_of(path)].reader(path, options)


def format_of(path: Path) -> str:
    """The format that the name's ending stands for; refused if none does."""
    endings = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    for name, known in FORMATS.items():
        if endings and endings[-1] in known.suffixes:
            return name
    raise unreadable(
        path, "has an ending that names no format.", f"Add --format: {', '.join(FORMATS)}."
    )
