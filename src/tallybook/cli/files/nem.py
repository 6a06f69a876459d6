"""NEM12 and NEM13: interval and register readings as the Australian electricity market sends them.

NEM12 has a channel (200), its days (300) with the quality of parts of them (400); NEM13 has the
reads of a register (250). 500 and 550 tell of service orders and measure nothing: they are passed
over. All times are market time, UTC+10 without summer time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tallybook.cli.files.lines import read_lines
from tallybook.cli.files.nem_records import (
    Channel,
    Day,
    Fault,
    channel_of,
    day_of,
    part_of,
    reads_of,
    rows_of_day,
)
from tallybook.cli.files.rows import Broken, Reading, ReadOptions, Row
from tallybook.cli.files.unpacking import LONGEST_LINE, Line

COLUMNS = (
    "id", "kind", "at", "nmi", "suffix", "register", "serial", "series", "value", "unit",
    "quality", "method", "reason", "minutes", "direction", "quantity", "updated_at", "file",
)  # fmt: skip
KEPT = (
    "nmi", "suffix", "register", "serial", "series", "value", "unit", "quality", "method",
    "minutes", "direction",
)  # fmt: skip
"""What an event keeps unless told otherwise: what was measured, not how and when it was sent."""

DEFAULTS: dict[str, Any] = {
    "type": "kind", "customer": "nmi", "time": {"column": "at"}, "id": ["id"],
    "properties": {name: name for name in KEPT},
}  # fmt: skip

_RECORDS = {"NEM12": {"200", "300", "400", "500"}, "NEM13": {"250", "550"}}


def read_nem(path: Path, _options: ReadOptions) -> AbstractContextManager[Reading]:
    """Read NEM12 or NEM13, told by the file's own first record.

    A row is one interval, at its start, so that the last one of a month is in that month; or one
    read of a register, at its time. Days are read whole or not at all.
    """

    def parse(name: str, lines: Iterable[Line]) -> Iterator[Row | Broken]:
        file = _File(name)
        for line in lines:
            yield from file.read(line)
        yield from file.end()

    return read_lines(path, COLUMNS, parse)


class _File:
    """Where reading is within a file: its version, channel, and the day that waits for its 400."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._version = ""
        self._line = 0
        self._outside = (0, 0)  # the first and last line that no 100 record stands before
        self._is_empty = True
        self._channel: Channel | None = None
        self._day: Day | None = None
        self._is_day_refused = False

    def read(self, line: Line) -> Iterator[Row | Broken]:
        """The rows that are complete with this line."""
        self._line = line.number
        try:
            cells = _cells(line)
            if not any(cells):
                return
            self._is_empty = False
            if cells[0] != "400":
                yield from self._without_rest()
            if cells[0] == "100":
                yield from self._told_outside()
                self._version = ""
                self._version = _version(cells)
            elif not self._version:
                self._outside = (self._outside[0] or line.number, line.number)
            else:
                yield from self._rows(cells)
        except Fault as fault:
            yield Broken(0, fault.reason, fault.mend, fault.field, line.number)

    def end(self) -> Iterator[Broken]:
        """What is wrong with the file as a whole."""
        yield from self._without_rest()
        yield from self._told_outside()
        if self._is_empty:
            yield Broken(0, "The file is empty.", "Fetch it again.", "", 1)
        elif self._version:
            yield Broken(
                0, "The file ends without a 900 record: it may be cut short.", "Fetch it again.",
                "record", self._line,
            )  # fmt: skip

    def _rows(self, cells: list[str]) -> Iterator[Row]:
        record = cells[0]
        if record == "900":
            self._version, self._channel = "", None
            return
        if record not in _RECORDS[self._version]:
            raise Fault(
                f"{record[:20]!r} is no record of {self._version}.", "record", "Mend the line."
            )
        match record:
            case "200":
                self._channel, self._is_day_refused = None, False
                self._channel = channel_of(cells)
            case "300":
                yield from self._start_day(cells)
            case "400":
                yield from self._add_part(cells)
            case "250":
                for reading in reads_of(cells):
                    yield self._row(reading)

    def _start_day(self, cells: list[str]) -> Iterator[Row]:
        self._is_day_refused = True
        if self._channel is None:
            raise Fault("No readable 200 record is before it.", "record", "Mend the 200 record.")
        day = day_of(cells, self._channel, self._line)
        self._is_day_refused = False
        if day.is_complete:
            yield from self._of_day(day)
        else:
            self._day = day

    def _add_part(self, cells: list[str]) -> Iterator[Row]:
        if self._is_day_refused:
            return
        day, self._day = self._day, None
        if day is None:
            raise Fault("It follows no 300 record of quality V.", "record", "Mend the 300 record.")
        try:
            day = part_of(cells, day)
            if day.is_complete:
                yield from self._of_day(day)
            else:
                self._day = day
        except Fault as fault:
            self._is_day_refused = True
            reason = f"{fault.reason} The day in line {day.line} is not read."
            raise Fault(reason, fault.field, fault.mend) from None

    def _of_day(self, day: Day) -> Iterator[Row]:
        for cells in rows_of_day(day):
            yield self._row(cells, day.line)

    def _row(self, cells: dict[str, Any], line: int = 0) -> Row:
        cells["file"] = self._name
        return Row(0, cells, line or self._line)

    def _without_rest(self) -> Iterator[Broken]:
        day, self._day = self._day, None
        if day is not None:
            yield Broken(
                0, f"No 400 record tells the quality of its intervals from {day.told + 1} on.",
                "Mend its 400 records.", "quality", day.line,
            )  # fmt: skip

    def _told_outside(self) -> Iterator[Broken]:
        (first, last), self._outside = self._outside, (0, 0)
        if first:
            lines = f"Line {first} stands" if first == last else f"Lines {first} to {last} stand"
            reason = f"{lines} after no 100 record and before no 900: not read."
            yield Broken(0, reason, "Put the 100 record back.", "record", first)


def _cells(line: Line) -> list[str]:
    if len(line.content) >= LONGEST_LINE:
        raise Fault("The line is longer than 1 MiB.", "", "Check the file.")
    try:
        text = line.content.decode("utf-8-sig")
        return [cell.strip() for cell in next(csv.reader([text], strict=True))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Fault(f"The line cannot be read: {error}.", "", "Mend the line.") from None


def _version(cells: list[str]) -> str:
    version = cells[1].upper() if len(cells) > 1 else ""
    if version not in _RECORDS:
        raise Fault(f"{version[:20]!r} is not NEM12 or NEM13.", "version", "Check --format.")
    return version
