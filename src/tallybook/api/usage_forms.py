"""Usage in other forms than JSON: CSV, NDJSON and Parquet, a page of rows at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from litestar.response import Stream

from tallybook.domain.kernel.decimals import SCALE, plain
from tallybook.domain.metering.report import Reported
from tallybook.services.measure_usage import UsageStreamed

AsAnswered = Callable[[Reported], msgspec.Struct]


class Form(StrEnum):
    """In which form usage is answered."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class _Written:
    """How a form is called in requests, and how rows are written in it."""

    media_type: str
    write: Callable[[UsageStreamed, AsAnswered], Iterator[bytes]]


def wanted_form(form: Form | None, accept: str) -> Form:
    """The form named; else the first that an `Accept` header names; else JSON."""
    if form is not None:
        return form
    by_type = {written.media_type: name for name, written in FORMS.items()}
    by_type["application/json"] = Form.JSON
    for each in accept.split(","):
        found = by_type.get(each.partition(";")[0].strip().lower())
        if found is not None:
            return found
    return Form.JSON


class _Streamed(Stream):
    """A stream of its own media type, where a handler's answers have another."""

    def to_asgi_response(self, *given: Any, **named: Any) -> Any:
        """The same with its own media type, which the framework would pass by."""
        return super().to_asgi_response(*given, **named | {"media_type": self.media_type})


def streamed(usage: UsageStreamed, form: Form, as_answered: AsAnswered) -> Stream:
    """An answer whose rows are sent as they are measured."""
    written = FORMS[form]
    name = f"{usage.meter.key.replace('/', '_')}.{form.value}"
    headers = {
        "Tallybook-As-Of": str(usage.query.as_of),
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    rows = _breaking_off(written.write(usage, as_answered))
    return _Streamed(rows, media_type=written.media_type, headers=headers)


def _breaking_off(rows: Iterator[bytes]) -> Iterator[bytes]:
    """The same rows. The framework takes a `ValueError` for their end, and would end in order."""
    try:
        yield from rows
    except ValueError as error:
        raise RuntimeError("the rows cannot be written to their end") from error


def _ndjson(usage: UsageStreamed, as_answered: AsAnswered) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode_lines
    for page in usage.pages:
        yield encode([as_answered(row) for row in page])


def _csv(usage: UsageStreamed, _: AsAnswered) -> Iterator[bytes]:
    columns = _columns(usage)
    spelled = [_SPELLED.get(kind, _as_it_is) for _, kind in columns]
    yield _lines([[name for name, _ in columns]])
    for page in usage.pages:
        yield _lines(
            [spell(cell) for spell, cell in zip(spelled, _values(usage, row), strict=True)]
            for row in page
        )


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _parquet(usage: UsageStreamed, _: AsAnswered) -> Iterator[bytes]:
    """A row group a page. A number beyond 38 digits has no place in it and breaks it off."""
    columns = _columns(usage)
    about = {"meter": usage.meter.key, "timezone": usage.query.timezone}
    schema = pa.schema(columns, metadata=about)
    sink = _Sink()
    with pq.ParquetWriter(sink, schema) as writer:  # type: ignore[no-untyped-call]
        for page in usage.pages:
            values = zip(*(_values(usage, row) for row in page), strict=True)
            arrays = [
                pa.array(cells, kind) for (_, kind), cells in zip(columns, values, strict=False)
            ]
            if arrays:
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """What was written since it was last taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        self._length += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._length

    def taken(self) -> bytes:
        """All of it, once."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _number(cell: Decimal | None) -> str:
    return "" if cell is None else plain(cell)


def _instant(cell: datetime) -> str:
    return cell.isoformat().replace("+00:00", "Z")


def _as_it_is(cell: Any) -> Any:
    return cell


_DECIMAL = pa.decimal128(38, SCALE)
_INSTANT = pa.timestamp("us", tz="UTC")
_SPELLED: dict[Any, Callable[[Any], Any]] = {_DECIMAL: _number, _INSTANT: _instant}
"""How a cell of a kind of column is written as text."""


def _columns(usage: UsageStreamed) -> list[tuple[str, Any]]:
    """The names and kinds of the columns."""
    dimensions = [(f"dimensions.{name}", pa.string()) for name in usage.query.group_by]
    before = [("quantity_before", _DECIMAL)] if usage.compares else []
    return [
        ("customer", pa.string()),
        ("from", _INSTANT),
        ("to", _INSTANT),
        *dimensions,
        ("quantity", _DECIMAL),
        ("unit", pa.string()),
        ("event_count", pa.int64()),
        ("checksum", pa.string()),
        ("rest_of", pa.int64()),
        ("combined", pa.string()),
        *before,
        ("as_of", pa.int64()),
    ]


def _values(usage: UsageStreamed, reported: Reported) -> list[Any]:
    """A row's cells, in the order of the columns."""
    row, before = reported.usage, reported.before
    return [
        row.customer,
        row.span.starts,
        row.span.ends,
        *row.dimensions.values(),
        row.quantity,
        usage.meter.unit,
        row.evidence.event_count,
        f"{row.evidence.checksum:016x}",
        reported.rest_of,
        reported.combined,
        *([None if before is None else before.quantity] if usage.compares else []),
        usage.query.as_of,
    ]


FORMS = {
    Form.CSV: _Written("text/csv", _csv),
    Form.NDJSON: _Written("application/x-ndjson", _ndjson),
    Form.PARQUET: _Written("application/vnd.apache.parquet", _parquet),
}
