"""Who has the data directory open: one process at a time, told by a lock and a note beside it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tallybook.bootstrap.failures import NotStartedError


@dataclass(frozen=True, slots=True)
class Server:
    """The note a server leaves for programs of the same user: where it is and how to speak to it.

    `operator_token` is made anew at every start and is in memory and in this note only, which
    nobody else may read.
    """

    pid: int
    url: str
    operator_token: str


class OccupiedError(NotStartedError):
    """Another process has the data directory open."""

    def __init__(self, directory: Path, pid: str, server: Server | None) -> None:
        where = f" and serves {server.url}" if server else ""
        mend = (
            "Talk to it over HTTP, or stop it first."
            if server
            else "Wait until it has ended, or stop it first."
        )
        super().__init__(f"Process {pid} has {directory} open{where}. {mend}")
        self.server = server


@contextmanager
def occupied(directory: Path) -> Iterator[None]:
    """Hold the directory for this process; `OccupiedError` if another one does.

    The operating system gives the lock up with the process, however it ends.
    """
    run = _run_directory(directory)
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(descriptor, 32).decode().strip() or "unknown"
            raise OccupiedError(directory, pid, read_server(directory)) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        (run / "server.json").unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


def is_occupied(directory: Path) -> bool:
    """Whether some process holds the directory now."""
    try:
        descriptor = os.open(directory / "run" / "lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def announced(directory: Path, server: Server) -> Iterator[None]:
    """Leave the note of a running server, readable by its own user alone, while the block runs."""
    note = _run_directory(directory) / "server.json"
    draft = note.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(server), file)
    draft.replace(note)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def read_server(directory: Path) -> Server | None:
    """The note of the server that holds the directory, if one does and it may be read."""
    try:
        return Server(**json.loads((directory / "run" / "server.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _run_directory(directory: Path) -> Path:
    run = directory / "run"
    run.mkdir(parents=True, exist_ok=True)
    run.chmod(0o700)
    return run
