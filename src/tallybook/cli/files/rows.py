"""Rows as every format gives them: a number, and cells by column, exact as they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.errors import Invalid

Cells = Mapping[str, Any]

_WORDS = {None: "", False: "false", True: "true"}


class Row(NamedTuple):
    """One row of a file. `number` counts from 1; a header is not counted.

    Where a line holds several rows, or none, `line` is where this one is, and `file` the name of
    its file within an archive. They are what a report names.

    A cell is text, a `msgspec.Raw` of JSON, a number, a time, a truth value or None: whatever the
    format holds, without a number ever passing through a float that was not one in the file.
    """

    number: int
    cells: Cells
    line: int = 0
    file: str = ""


class Broken(NamedTuple):
    """A row that could not be read. It is reported, and reading goes on after it."""

    number: int
    reason: str
    mend: str
    field: str = ""
    line: int = 0
    file: str = ""


class Reading(Protocol):
    """An open file. `columns` is None where rows may differ in theirs."""

    @property
    def columns(self) -> tuple[str, ...] | None: ...

    def rows(self) -> Iterator[Row | Broken]:
        """The rows, once, in file order."""

    def progress(self) -> tuple[int, int]:
        """How far reading is, and how far it goes, in one unit (bytes on disk, or rows)."""


@runtime_checkable
class ReadingOfFiles(Reading, Protocol):
    """A reading that walks through an archive. `files` counts those opened so far."""

    @property
    def files(self) -> int: ...


class ReadOptions(NamedTuple):
    """What a person may say of a file. An empty `delimiter` is found out from the header.

    `client_key` gives the key by which a format that holds addresses of people hides them.
    """

    delimiter: str = ""
    encoding: str = "utf-8-sig"
    client_key: Callable[[], bytes] = bytes


class Reader(Protocol):
    """A format: opens a file as a `Reading`, or refuses it with the mend."""

    def __call__(self, path: Path, options: ReadOptions, /) -> AbstractContextManager[Reading]: ...


def text_of(cell: Any) -> str:
    """A cell as text: numbers in their own notation, "" for nothing.

    >>> text_of(msgspec.Raw(b'"a\\\\u0062"')), text_of(msgspec.Raw(b"1.50")), text_of(None)
    ('ab', '1.50', '')
    """
    if isinstance(cell, str):
        return cell
    match cell:
        case None | False | True:
            return _WORDS[cell]
        case msgspec.Raw():
            return _text_of_json(bytes(cell))
        case Decimal():
            return plain(cell)
        case datetime() | date():
            return cell.isoformat()
    return str(cell)


def _text_of_json(raw: bytes) -> str:
    if raw.startswith(b'"'):
        return msgspec.json.decode(raw, type=str)
    return "" if raw == b"null" else raw.decode()


def cell_at(cells: Cells, column: str) -> Any:
    """The cell of `column`; `usage.input.cached` reaches into what is nested. None if absent."""
    if column in cells:
        return cells[column]
    outer, dot, inner = column.partition(".")
    if not dot or outer not in cells:
        return None
    if isinstance(cells[outer], Mapping):
        return cell_at(cells[outer], inner)
    try:
        nested = msgspec.json.decode(cells[outer], type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, TypeError):
        return None
    return cell_at(nested, inner)


def unreadable(path: Path, why: str, mend: str) -> Invalid:
    """The refusal of a file as a whole."""
    return Invalid("unreadable_file", f"{path.name}: {why}", mend=mend)


def unwritable(path: Path, error: OSError) -> Invalid:
    """The refusal to write a file that cannot be."""
    return Invalid(
        "unwritable_file",
        f"{path.name}: cannot be written: {error.strerror}.",
        mend="Check the path.",
    )
