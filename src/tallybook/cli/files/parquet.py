"""Parquet: typed columns, read a few thousand rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from tallybook.cli.files.rows import Broken, Reading, ReadOptions, Row, unreadable

_ROWS_AT_ONCE = 4096
_FLOATS = frozenset({"float", "double", "halffloat"})
_NO_VALUE = (UnicodeDecodeError, OverflowError)
"""What a cell raises that is no text in UTF-8, or a time outside of the years 1 to 9999."""


class _Parquet:
    def __init__(self, path: Path, file: Any) -> None:
        pa: Any = import_module("pyarrow")
        self._path = path
        self._file = file
        self._seen = 0
        self.columns = tuple(file.schema_arrow.names)
        self._floats = tuple(c.name for c in file.schema_arrow if str(c.type) in _FLOATS)
        self._bytes = tuple(c.name for c in file.schema_arrow if _is_bytes(pa.types, c.type))
        if len(set(self.columns)) < len(self.columns):
            raise unreadable(path, "has two columns of the same name.", "Give each its own name.")

    def rows(self) -> Iterator[Row | Broken]:
        for number, cells in enumerate(self._cells(), 1):
            self._seen = number
            try:
                if isinstance(cells, Exception):
                    raise cells
                for name in self._floats:
                    cells[name] = _number(cells[name])
                for name in self._bytes:  # text of a writer that did not say that it is
                    cells[name] = cells[name] and cells[name].decode()
            except _NO_VALUE as error:
                yield Broken(number, f"The row cannot be read: {error}.", "Write it anew.")
            else:
                yield Row(number, cells)

    def _cells(self) -> Iterator[dict[str, Any] | Exception]:
        pa: Any = import_module("pyarrow")
        try:
            for batch in self._file.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from _rows_of(_to_microseconds(batch))
        except (pa.ArrowException, OSError) as error:
            why = str(error).splitlines()[0].rstrip(".")
            raise unreadable(self._path, f"is damaged: {why}.", "Write the file anew.") from None

    def progress(self) -> tuple[int, int]:
        return self._seen, self._file.metadata.num_rows


def _rows_of(batch: Any) -> list[dict[str, Any] | Exception]:
    """The rows of a batch; in the place of one with a value that is none in Python, the error."""
    try:
        return list(batch.to_pylist())
    except _NO_VALUE as error:
        if len(batch) == 1:
            return [error]
    halves = batch.slice(0, len(batch) // 2), batch.slice(len(batch) // 2)
    return [row for half in halves for row in _rows_of(half)]


def _is_bytes(types: Any, type_: Any) -> bool:
    return bool(
        types.is_binary(type_) or types.is_large_binary(type_) or types.is_fixed_size_binary(type_)
    )


def _number(cell: float | None) -> float | str | None:
    """A float as it is; not-a-number, which writers use for a blank, as None; infinity as text."""
    if cell is None or math.isnan(cell):
        return None
    return str(cell) if math.isinf(cell) else cell


def _to_microseconds(batch: Any) -> Any:
    """Cut nanosecond times to the microseconds that Python's times have."""
    pa: Any = import_module("pyarrow")
    schema = batch.schema
    for index, column in enumerate(schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            schema = schema.set(index, column.with_type(pa.timestamp("us", tz=column.type.tz)))
    if schema is batch.schema:
        return batch
    return pa.Table.from_batches([batch]).cast(schema, safe=False)


@contextmanager
def read_parquet(path: Path, _options: ReadOptions) -> Iterator[Reading]:
    """Read Parquet. Decimals stay exact; a column of floats is as exact as its writer made it.

    A row with a value that Python has none for is `Broken`; columns of bytes are text in UTF-8.
    """
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        why = str(error).rstrip(".")
        raise unreadable(path, f"is not Parquet: {why}.", "Check the file.") from None
    with file:
        yield _Parquet(path, file)
