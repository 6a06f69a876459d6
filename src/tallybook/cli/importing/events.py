"""A row's cells → the event to send."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

import msgspec

from tallybook.cli.files.rows import Cells, Row, cell_at, text_of
from tallybook.cli.importing.mapping import BY_CONTENT, BY_ROW, FileMapping
from tallybook.cli.importing.times import TimeFormat, instants
from tallybook.domain.kernel.errors import Invalid

_NULL = msgspec.Raw(b"null")

Read = Callable[[Cells], Any]


class EventMaker:
    """Makes events of rows by a mapping. `columns` None means that rows may differ in theirs."""

    def __init__(
        self, mapping: FileMapping, columns: tuple[str, ...] | None, *, name: str, content: str
    ) -> None:
        if columns is not None:
            _check_columns(mapping, columns)
        self._type = _text(mapping.type)
        self._customer = _text(mapping.customer)
        self._source = _text(mapping.source)
        self._actor = _text(mapping.actor) if mapping.actor else None
        time = mapping.time
        self._time = _cell(time.column)
        self._to_instant = instants(TimeFormat(time.format, time.timezone, time.base))
        self._prefix = {BY_ROW: name, BY_CONTENT: content}.get(mapping.id[0])
        self._id = tuple(_text(part) for part in mapping.id)
        self._wanted: tuple[tuple[str, Read], ...] | None = None
        if mapping.properties is not None:
            self._wanted = tuple((key, _cell(spec)) for key, spec in mapping.properties.items())
        self._taken = frozenset(mapping.columns) - {kept.column for kept in mapping.where}
        self._where = mapping.where

    def keeps(self, row: Row) -> bool:
        """Whether the row meets every condition."""
        return all(condition.holds(row.cells) for condition in self._where)

    def make(self, row: Row) -> dict[str, Any]:
        """The event of a row, ready to be sent; `Invalid` where its time cannot be read.

        Everything else about it is for the server to judge.
        """
        cells = row.cells
        occurred_at = self._to_instant(self._time(cells)).astimezone(UTC)
        event: dict[str, Any] = {
            "id": self._identify(row),
            "source": self._source(cells),
            "type": self._type(cells),
            "customer": self._customer(cells),
            "time": occurred_at.isoformat().replace("+00:00", "Z"),
            "properties": self._properties(cells),
        }
        if self._actor is not None:
            event["actor"] = self._actor(cells)
        return event

    def _identify(self, row: Row) -> str:
        if self._prefix is not None:
            return f"{self._prefix}:{row.number}"
        return ":".join(part(row.cells) for part in self._id)

    def _properties(self, cells: Cells) -> dict[str, Any]:
        if self._wanted is not None:
            read = ((name, cell(cells)) for name, cell in self._wanted)
        else:
            read = ((name, cell) for name, cell in cells.items() if name not in self._taken)
        return {name: cell for name, cell in read if cell not in (None, "", _NULL)}


def _cell(spec: str) -> Read:
    if spec.startswith("="):
        constant = spec[1:]
        return lambda _: constant
    return lambda cells: cell_at(cells, spec)


def _text(spec: str) -> Callable[[Cells], str]:
    read = _cell(spec)
    return lambda cells: text_of(read(cells))


def _check_columns(mapping: FileMapping, columns: tuple[str, ...]) -> None:
    for column, field in mapping.columns.items():
        if column not in columns and column.partition(".")[0] not in columns:
            raise Invalid(
                "unknown_column",
                f"The file has no column {column!r}. It has: {', '.join(columns)}.",
                field=field,
                mend=f"Name one of them, or write ={column} for that text in every row.",
            )
