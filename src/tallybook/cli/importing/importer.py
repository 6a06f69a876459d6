"""A usage file → events counted once: read, map, send, account for every row."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import httpx
import msgspec

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
from tallybook.cli.importing.sending import EVENTS, Answered, Batch, Problem, send, send_all
from tallybook.domain.kernel.errors import Refusal

PROBLEMS_SHOWN = 10


class Report(msgspec.Struct):
    """What became of a file's rows.

    `rows` were read; of them `skipped` did not meet the conditions, `resumed` were answered for by
    an earlier run, `unreadable` could not be made events; the rest were sent and are in `verdicts`.
    `files` is how many files there were in an archive.
    """

    file: str
    rows: int = 0
    skipped: int = 0
    resumed: int = 0
    unreadable: int = 0
    verdicts: dict[str, int] = msgspec.field(default_factory=dict)
    problems: list[Problem] = msgspec.field(default_factory=list)
    files: int = 0
    elapsed_seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether every row that was meant to count does."""
        left_out = ("rejected", "conflict", "quarantined")
        return not (self.unreadable or any(self.verdicts.get(verdict) for verdict in left_out))


@dataclass(slots=True)
class Import:
    """One file on its way to a path of the API.

    `watch` is told (done, total, rows) as it goes, `keep` each problem.
    """

    path: Path
    mapping: FileMapping
    batch_size: int = 1000
    connections: int = 4
    is_resumed: bool = True
    to: str = EVENTS
    watch: Callable[[int, int, int], None] = lambda _done, _total, _rows: None
    keep: Callable[[Problem], None] = lambda _problem: None
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.report = Report(self.path.name)

    def run(self, client: httpx.Client, where: str) -> Report:
        """Send every row. Interrupted by a refusal or by hand, it can be run again."""
        started = time.monotonic()
        content = content_hash(self.path)
        checkpoint = Checkpoint(self.path, content, self.mapping, where)
        rows_done = checkpoint.read() if self.is_resumed else 0
        if rows_done and not self._is_known(client, rows_done, content):
            rows_done = 0
        checkpoint.rows_done = rows_done
        with self._open() as reading:
            batches = self._batches(reading, content, rows_done)
            try:
                for answered in send_all(
                    client, _told(batches, checkpoint), connections=self.connections, to=self.to
                ):
                    self._account(answered)
                    checkpoint.answered(answered.batch)
                    self.watch(*reading.progress(), self.report.rows)
            except BaseException:
                checkpoint.save()
                raise
            if isinstance(reading, ReadingOfFiles):
                self.report.files = reading.files
        checkpoint.forget()
        self.report.elapsed_seconds = round(time.monotonic() - started, 3)
        return self.report

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
        report = self.report
        events: list[dict[str, Any]] = []
        numbers: list[int] = []
        files: list[str] = []
        last_row = 0
        for row in reading.rows():
            last_row = row.number
            report.rows += 1
            if row.number <= rows_done:
                report.resumed += 1
                continue
            match _made(maker, row):
                case None:
                    report.skipped += 1
                case Problem() as problem:
                    report.unreadable += 1
                    self._note(problem)
                case event:
                    events.append(event)
                    numbers.append(row.line or row.number)
                    files.append(row.file)
            if len(events) == self.batch_size:
                yield Batch(events, numbers, last_row, files=files)
                events, numbers, files = [], [], []
        if events:
            yield Batch(events, numbers, last_row, files=files)

    def _account(self, answered: Answered) -> None:
        self.report.verdicts = dict(Counter(self.report.verdicts) + Counter(answered.counts))
        for problem in answered.problems:
            self._note(problem)

    def _note(self, problem: Problem) -> None:
        if len(self.report.problems) < PROBLEMS_SHOWN:
            self.report.problems.append(problem)
        self.keep(problem)


def _made(maker: EventMaker, row: Row | Broken) -> dict[str, Any] | Problem | None:
    """The row's event; or why there is none; or None for a row that is not wanted."""
    number = row.line or row.number
    if isinstance(row, Broken):
        return Problem(number, "unreadable", row.field, row.reason, row.mend, file=row.file)
    if not maker.keeps(row):
        return None
    try:
        return maker.make(row)
    except Refusal as refusal:
        cells = {name: text_of(cell) for name, cell in row.cells.items()}
        return Problem(
            number, "unreadable", refusal.field, refusal.message, refusal.mend, cells, row.file
        )


def _told(batches: Iterable[Batch], checkpoint: Checkpoint) -> Iterator[Batch]:
    for batch in batches:
        checkpoint.sent(batch)
        yield batch
