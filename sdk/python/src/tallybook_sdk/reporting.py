"""Counts of what became of events, and problems told: to the log, and to who asked to be told."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from tallybook_sdk.problems import Kind, Problem

log = logging.getLogger("tallybook_sdk")

OnError = Callable[[Problem], None]

DROPS_TOLD_EVERY_SECONDS = 1.0
LOGGED_EVERY_SECONDS = 1.0
AWAY_TOLD_EVERY_SECONDS = 60.0


@dataclass(slots=True)
class Counts:
    """How many events met which end."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    quarantined: int = 0
    refused: int = 0
    lost: int = 0
    dropped: int = 0
    unsendable: int = 0
    recovered: int = 0
    damaged: int = 0
    attempts: int = 0
    retries: int = 0


class Reporter:
    """Counts, and tells. A callback that raises is logged and changes nothing."""

    def __init__(self, on_error: OnError | None) -> None:
        self.on_error = on_error
        self.is_away = False
        self.last_trouble = ""
        self._counts = Counts()
        self._lock = threading.Lock()
        self._logged: dict[Kind, tuple[float, int]] = {}
        self._untold_drops = 0
        self._drops_told_at = float("-inf")
        self._away_told_at = float("-inf")

    def counts(self) -> dict[str, int]:
        """All counts at one moment."""
        with self._lock:
            return asdict(self._counts)

    def add(self, **counted: int) -> None:
        """Add to counts by name."""
        with self._lock:
            for name, number in counted.items():
                setattr(self._counts, name, getattr(self._counts, name) + number)

    def tell(self, problem: Problem) -> None:
        """Log a problem, without what the events say, and call back.

        Every problem is called back; of one kind, one a second is logged, with how many there were.
        """
        events = self._to_be_logged(problem)
        if events:
            field = f" ({problem.field})" if problem.field else ""
            log.error("%s: %d event(s): %s%s", problem.kind.value, events, problem.reason, field)
        if self.on_error is None:
            return
        try:
            self.on_error(problem)
        except Exception:
            log.exception("on_error itself failed")

    def _to_be_logged(self, problem: Problem) -> int:
        """For how many events a problem is logged now, those not logged before included."""
        now = time.monotonic()
        with self._lock:
            logged_at, unlogged = self._logged.get(problem.kind, (float("-inf"), 0))
            unlogged += max(problem.count, 1)
            if now - logged_at < LOGGED_EVERY_SECONDS:
                self._logged[problem.kind] = (logged_at, unlogged)
                return 0
            self._logged[problem.kind] = (now, 0)
            return unlogged

    def drop(self, reason: str) -> None:
        """Count an event that there was no room for; told at once, then once a second."""
        with self._lock:
            self._counts.dropped += 1
            self._untold_drops += 1
            now = time.monotonic()
            if now - self._drops_told_at < DROPS_TOLD_EVERY_SECONDS:
                return
            self._drops_told_at = now
            count, self._untold_drops = self._untold_drops, 0
        self.tell(Problem(Kind.DROPPED, count, reason))

    def tell_last_drops(self) -> None:
        """Tell of drops that were counted since the last were told."""
        with self._lock:
            count, self._untold_drops = self._untold_drops, 0
        if count:
            self.tell(Problem(Kind.DROPPED, count, "there was no room"))

    def went_away(self, reason: str, queued: int) -> None:
        """The server does not take events now: logged at once, then once a minute."""
        self.last_trouble = reason
        now = time.monotonic()
        if not self.is_away or now - self._away_told_at >= AWAY_TOLD_EVERY_SECONDS:
            self._away_told_at = now
            log.warning("events wait (%d in memory), to be sent again: %s", queued, reason)
        self.is_away = True

    def came_back(self) -> None:
        """The server takes events again."""
        if self.is_away:
            self.is_away = False
            log.info("events are taken again")
