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


class _Parquet:
    def __init__(self, path: Path, file: Any) -> None:
        self._path = path
        self._file = file
        self._seen = 0
        self.columns = tuple(file.schema_arrow.names)
        self._floats = tuple(c.name for c in file.schema_arrow if str(c.type) in _FLOATS)

    def rows(self) -> Iterator[Row | Broken]:
        for number, cells in enumerate(self._cells(), 1):
            self._seen = number
            for name in self._floats:
                cells[name] = _number(cells[name])
            yield Row(number, cells)

    def _cells(self) -> Iterator[dict[str, Any]]:
        pa: Any = import_module("pyarrow")
        try:
            for batch in self._file.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from _to_microseconds(batch).to_pylist()
        except (pa.ArrowException, OSError) as error:
            why = str(error).splitlines()[0].rstrip(".")
            raise unreadable(self._path, f"is damaged: {why}.", "Write the file anew.") from None

    def progress(self) -> tuple[int, int]:
        return self._seen, self._file.metadata.num_rows


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
    """Read Parquet. Decimals stay exact; a column of floats is as exact as its writer made it."""
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        why = str(error).rstrip(".")
        raise unreadable(path, f"is not Parquet: {why}.", "Check the file.") from None
    with file:
        yield _Parquet(path, file)
