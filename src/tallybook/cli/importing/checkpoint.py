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
from pathlib import Path

import msgspec

from tallybook.cli.files.rows import unreadable
from tallybook.cli.importing.mapping import FileMapping
from tallybook.cli.importing.sending import Batch

_SECONDS_BETWEEN_SAVES = 1.0


class _Kept(msgspec.Struct, frozen=True):
    file: str
    rows_done: int


class Checkpoint:
    """The checkpoint of one file, mapped in one way, sent to one place."""

    def __init__(self, path: Path, content: str, mapping: FileMapping, where: str) -> None:
        key = hashlib.sha256(msgspec.json.encode([content, mapping, where])).hexdigest()[:32]
        self._file = path.name
        self._path = state_directory() / "imports" / f"{key}.json"
        self._outstanding: deque[Batch] = deque()
        self._answered: set[int] = set()
        self.rows_done = 0
        self._saved_at = 0.0

    def read(self) -> int:
        """Rows that an unfinished import had got answers for; 0 if there is none."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept).rows_done
        except (OSError, msgspec.DecodeError):
            return 0

    def sent(self, batch: Batch) -> None:
        """A batch is on its way; batches are told in file order."""
        self._outstanding.append(batch)

    def answered(self, batch: Batch) -> None:
        """A batch has its answer; the checkpoint follows once all before it have theirs."""
        self._answered.add(batch.last_row)
        while self._outstanding and self._outstanding[0].last_row in self._answered:
            self.rows_done = self._outstanding.popleft().last_row
            self._answered.discard(self.rows_done)
        if time.monotonic() - self._saved_at > _SECONDS_BETWEEN_SAVES:
            self.save()

    def save(self) -> None:
        """Keep the checkpoint; where that cannot be done, the import just cannot be resumed."""
        self._saved_at = time.monotonic()
        kept = msgspec.json.encode(_Kept(self._file, self.rows_done))
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
