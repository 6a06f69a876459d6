"""What can go wrong with events, told to the caller: as a `Problem`, or raised if asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec


class TallybookError(Exception):
    """Anything that this library raises."""


class UnsendableError(TallybookError, ValueError):
    """An event that cannot be written exactly: NaN, a time without a zone, a type JSON has not."""


class QueueFullError(TallybookError):
    """There is no room for another event, in memory or in the spool."""


class ClosedError(TallybookError):
    """The client was closed before the event came."""


class SpoolError(TallybookError, OSError):
    """The spool's directory cannot be created, locked or written."""


class Kind(StrEnum):
    """Why events are not, or not surely, counted."""

    UNSENDABLE = "unsendable"
    """Never written: the event has a value that JSON cannot say exactly."""
    DROPPED = "dropped"
    """Never taken: the queue was full, or the client closed."""
    REJECTED = "rejected"
    """The server read the event and it breaks a rule."""
    CONFLICT = "conflict"
    """The server has another event of this source and id, and keeps that one."""
    QUARANTINED = "quarantined"
    """The server keeps the event, not counted until somebody mends it: it breaks a rule there."""
    REFUSED = "refused"
    """The server refused the request, for a reason that trying again does not mend."""
    LOST = "lost"
    """The client was closed while these were waiting, and there is no spool to keep them."""
    DAMAGED = "damaged"
    """Part of the spool cannot be read any more."""
    SPOOL_FAILED = "spool_failed"
    """The spool cannot be written; events stay in memory. None is lost by this alone."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong with `count` events, and what to do about it.

    `lines` are the events as JSON where they are known: keep them, mend them, send them again.
    `status` is the HTTP status of a refusal, or 0.
    """

    kind: Kind
    count: int
    reason: str
    field: str = ""
    mend: str = ""
    status: int = 0
    lines: Sequence[bytes] = ()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events, read; numbers with a point as exact Decimals."""
        decoder = msgspec.json.Decoder(dict[str, Any], float_hook=_decimal)
        return [decoder.decode(line) for line in self.lines]


def _decimal(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


@dataclass(frozen=True, slots=True)
class Stats:
    """Where events are and what became of them since the client was made (or the process forked).

    Every event tracked is in exactly one of: `queued`, in flight, in the spool, `accepted`,
    `duplicates`, `conflicts`, `rejected`, `quarantined`, `refused`, `lost`.
    `dropped` and `unsendable` never got so far. `recovered` were in the spool from an earlier run.
    """

    tracked: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    quarantined: int = 0
    refused: int = 0
    lost: int = 0
    dropped: int = 0
    unsendable: int = 0
    spooled: int = 0
    recovered: int = 0
    damaged: int = 0
    attempts: int = 0
    retries: int = 0
    queued: int = 0
    queued_bytes: int = 0
    spool_bytes: int = 0
    is_away: bool = False
    """Whether the last attempt to reach the server failed."""
    last_trouble: str = ""
    """Why the last attempt that failed did."""
