"""Which process owns which part of a spool's directory.

The directory has numbered slots, `0`, `1`, …. A process takes the first that no living process has
locked, and with it whatever a dead one left there. So several processes may name one directory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tallybook_sdk.problems import SpoolError

MAX_SLOTS = 1024


@dataclass(slots=True)
class Slot:
    """A part of the directory that this process alone uses, as long as `descriptor` is open."""

    directory: Path
    descriptor: int

    def release(self) -> None:
        """Let others have it. A forked child closes its copy only: the parent keeps the lock."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def take_slot(directory: Path) -> Slot:
    """Lock the first free slot, making it if need be."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for number in range(MAX_SLOTS):
            slot = _try(directory / str(number), create=True)
            if slot is not None:
                return slot
    except OSError as error:
        raise SpoolError(f"The spool {directory} cannot be used: {error}") from error
    raise SpoolError(f"All {MAX_SLOTS} slots of the spool {directory} are in use.")


def abandoned_slots(directory: Path) -> Iterator[Slot]:
    """The slots that dead processes left, each locked until the next is asked for."""
    numbers = sorted(int(path.name) for path in directory.iterdir() if path.name.isdecimal())
    for number in numbers:
        slot = _try(directory / str(number), create=False)
        if slot is not None:
            try:
                yield slot
            finally:
                slot.release()


def _try(directory: Path, *, create: bool) -> Slot | None:
    if create:
        directory.mkdir(exist_ok=True)
    flags = os.O_RDWR | (os.O_CREAT if create else 0)
    try:
        descriptor = os.open(directory / "lock", flags, 0o600)
    except FileNotFoundError:
        return None
    if _lock(descriptor):
        return Slot(directory, descriptor)
    os.close(descriptor)
    return None


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
