"""How far an import came, kept beside the user's other state, so that it can go on from there.

It saves time only. What counts once is decided by the events' identities, so a checkpoint that is
lost, or that speaks of a server which has forgotten the events, does no harm: before an import goes
on, the last batch before the checkpoint is sent again and must be known.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tallybook.cli.files.rows import unreadable
from tallybook.cli.importing.mapping import FileMapping
from tallybook.cli.importing.rejected import RejectedFile
from tallybook.cli.importing.report import Report
from tallybook.cli.importing.sending import Answered, Batch

_SECONDS_BETWEEN_SAVES = 1.0


class Reached(msgspec.Struct, frozen=True):
    """How far an import came: what became of the rows so far, and where it was written."""

    file: str
    rows_done: int
    report: Report
    rejected: str = ""
    rejected_bytes: int = 0


_decode = msgspec.json.Decoder(Reached, float_hook=msgspec.Raw).decode


class Checkpoint:
    """The checkpoint of one file, mapped in one way, sent to one place."""

    def __init__(self, path: Path, content: str, mapping: FileMapping, where: str) -> None:
        key = hashlib.sha256(msgspec.json.encode([content, mapping, where])).hexdigest()[:32]
        self._file = path.name
        self._path = state_directory() / "imports" / f"{key}.json"
        self._outstanding: deque[Batch] = deque()
        self._answered: dict[int, Answered] = {}
        self.rows_done = 0
        self._saved_at = 0.0

    def read(self) -> Reached | None:
        """How far an unfinished import had answers for all it sent; None if there is none."""
        try:
            return _decode(self._path.read_bytes())
        except (OSError, msgspec.DecodeError):
            return None

    def sent(self, batch: Batch) -> None:
        """A batch is on its way; batches are told in file order."""
        self._outstanding.append(batch)

    def answered(self, answered: Answered) -> Iterator[Answered]:
        """A batch has its answer: those that the checkpoint passes by it, in file order.

        It passes a batch once all before it have their answers, too.
        """
        self._answered[answered.batch.last_row] = answered
        while self._outstanding and self._outstanding[0].last_row in self._answered:
            self.rows_done = self._outstanding.popleft().last_row
            yield self._answered.pop(self.rows_done)

    @property
    def is_due(self) -> bool:
        """Whether it was not saved for a while."""
        return time.monotonic() - self._saved_at > _SECONDS_BETWEEN_SAVES

    def save(self, report: Report, rejected: RejectedFile) -> None:
        """Keep the checkpoint; where that cannot be done, the import just cannot be resumed."""
        self._saved_at = time.monotonic()
        reached = Reached(self._file, self.rows_done, report, rejected.name, rejected.size_bytes())
        kept = msgspec.json.encode(reached)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as unnamed:
                unnamed.write(kept)
            Path(unnamed.name).replace(self._path)
        except OSError:
            return

    def forget(self) -> None:
        """The import is complete, or starts anew."""
        self._path.unlink(missing_ok=True)


def state_directory() -> Path:
    """Where programs of this user keep state: `XDG_STATE_HOME`, or `~/.local/state`."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "tallybook"


def content_hash(path: Path) -> str:
    """24 hexadecimal digits that stand for the bytes of the file."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:24]
    except OSError as error:
        raise unreadable(path, f"cannot be read: {error.strerror}.", "Check the path.") from None
