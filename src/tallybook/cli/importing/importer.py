"""A usage file → events counted once: read, map, send, account for every row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import httpx

from tallybook.cli.files.formats import open_file
from tallybook.cli.files.rows import (
    Broken,
    Reading,
    ReadingOfFiles,
    ReadOptions,
    Row,
    text_of,
)
from tallybook.cli.importing.checkpoint import Checkpoint, content_hash
from tallybook.cli.importing.client_key import client_key
from tallybook.cli.importing.events import EventMaker
from tallybook.cli.importing.mapping import FileMapping
from tallybook.cli.importing.rejected import RejectedFile
from tallybook.cli.importing.report import Report
from tallybook.cli.importing.sending import EVENTS, Batch, Problem, send, send_all
from tallybook.domain.kernel.errors import Refusal


@dataclass(slots=True)
class Import:
    """One file on its way to a path of the API.

    `watch` is told (done, total, rows) as it goes; each problem is written to `rejected`.
    """

    path: Path
    mapping: FileMapping
    batch_size: int = 1000
    connections: int = 4
    is_resumed: bool = True
    to: str = EVENTS
    watch: Callable[[int, int, int], None] = lambda _done, _total, _rows: None
    rejected: RejectedFile = field(default_factory=RejectedFile)
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.report = Report(self.path.name)

    def run(self, client: httpx.Client, where: str) -> Report:
        """Send every row. Interrupted by a refusal or by hand, it can be run again."""
        started = time.monotonic()
        content = content_hash(self.path)
        checkpoint = Checkpoint(self.path, content, self.mapping, where)
        if self.is_resumed:
            self._go_on(checkpoint, client, content)
        else:
            self.rejected.begin()
        with self._open() as reading:
            batches = self._batches(reading, content, checkpoint.rows_done)
            try:
                for answered in send_all(
                    client, _told(batches, checkpoint), connections=self.connections, to=self.to
                ):
                    for passed in checkpoint.answered(answered):
                        for problem in self.report.add(passed):
                            self.rejected.write(problem)
                    if checkpoint.is_due:
                        checkpoint.save(self.report, self.rejected)
                    self.watch(*reading.progress(), self.report.rows)
            except BaseException:
                checkpoint.save(self.report, self.rejected)
                raise
            finally:
                self.rejected.end()
            if isinstance(reading, ReadingOfFiles):
                self.report.files = reading.files
        checkpoint.forget()
        self.report.elapsed_seconds = round(time.monotonic() - started, 3)
        return self.report

    def _go_on(self, checkpoint: Checkpoint, client: httpx.Client, content: str) -> None:
        """Go on from where an earlier run broke off, if all it did is known; else begin anew."""
        reached = checkpoint.read()
        if (
            reached is None
            or not self.rejected.continues(reached.rejected, reached.rejected_bytes)
            or not self._is_known(client, reached.rows_done, content)
        ):
            self.rejected.begin()
            return
        checkpoint.rows_done = reached.rows_done
        self.report = reached.report
        self.report.resumed = self.report.rows
        self.rejected.begin(reached.rejected_bytes)

    def sample(self, count: int) -> list[dict[str, Any] | Problem]:
        """The first events that would be sent; for rows that cannot be events, why."""
        content = content_hash(self.path)
        with self._open() as reading:
            maker = self._maker(reading, content)
            made = (_made(maker, row) for row in reading.rows())
            return list(islice((one for one in made if one is not None), count))

    def _open(self) -> AbstractContextManager[Reading]:
        options = ReadOptions(self.mapping.delimiter, self.mapping.encoding, client_key)
        return open_file(self.path, self.mapping.format, options)

    def _maker(self, reading: Reading, content: str) -> EventMaker:
        name = self.path.name.removesuffix(".gz")
        return EventMaker(self.mapping, reading.columns, name=name, content=content)

    def _is_known(self, client: httpx.Client, rows_done: int, content: str) -> bool:
        """Whether the server still knows the last rows before the checkpoint."""
        with self._open() as reading:
            maker = self._maker(reading, content)
            last = (row for row in reading.rows() if row.number > rows_done - self.batch_size)
            made = [_made(maker, row) for row in takewhile(lambda r: r.number <= rows_done, last)]
        events = [event for event in made if isinstance(event, dict)]
        if not events:
            return False
        answered = send(client, Batch(events, range(len(events)), rows_done), self.to)
        return not answered.counts.get("accepted")

    def _batches(self, reading: Reading, content: str, rows_done: int) -> Iterator[Batch]:
        maker = self._maker(reading, content)
        filling = _Filling()
        for row in reading.rows():
            if row.number <= rows_done:
                continue
            filling.take(row, _made(maker, row))
            if filling.size >= self.batch_size:
                yield filling.batch()
                filling = _Filling()
        if filling.read:
            yield filling.batch()


@dataclass(slots=True)
class _Filling:
    """A batch that rows are put into."""

    events: list[dict[str, Any]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    unreadable: list[Problem] = field(default_factory=list)
    read: int = 0
    skipped: int = 0
    last_row: int = 0

    @property
    def size(self) -> int:
        """How many rows take room in it."""
        return len(self.events) + len(self.unreadable)

    def take(self, row: Row | Broken, made: dict[str, Any] | Problem | None) -> None:
        """Put in what was made of a row."""
        self.read += 1
        self.last_row = row.number
        match made:
            case None:
                self.skipped += 1
            case Problem():
                self.unreadable.append(made)
            case _:
                self.events.append(made)
                self.rows.append(row.line or row.number)
                self.files.append(row.file)

    def batch(self) -> Batch:
        """The batch, to be sent."""
        return Batch(
            self.events,
            self.rows,
            self.last_row,
            files=self.files,
            read=self.read,
            skipped=self.skipped,
            unreadable=tuple(self.unreadable),
        )


def _made(maker: EventMaker, row: Row | Broken) -> dict[str, Any] | Problem | None:
    """The row's event; or why there is none; or None for a row that is not wanted."""
    number = row.line or row.number
    if isinstance(row, Broken):
        return Problem(number, "unreadable", row.field, row.reason, row.mend, file=row.file)
    try:
        return maker.make(row) if maker.keeps(row) else None
    except Refusal as refusal:
        cells = {name: text_of(cell) for name, cell in row.cells.items()}
        return Problem(
            number, "unreadable", refusal.field, refusal.message, refusal.mend, cells, row.file
        )


def _told(batches: Iterable[Batch], checkpoint: Checkpoint) -> Iterator[Batch]:
    for batch in batches:
        checkpoint.sent(batch)
        yield batch
