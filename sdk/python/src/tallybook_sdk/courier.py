"""Brings batches to the server, in order, until each of their events has its answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from tallybook_sdk.backlog import Backlog, Batch
from tallybook_sdk.pacing import wait_seconds
from tallybook_sdk.problems import Kind, Problem
from tallybook_sdk.reporting import Reporter, log
from tallybook_sdk.settings import Settings
from tallybook_sdk.transport import Answer, Away, Refused, TooLarge, Transport

UNFORESEEN_SECONDS = 1.0

_KINDS = {
    "conflict": Kind.CONFLICT,
    "rejected": Kind.REJECTED,
    "quarantined": Kind.QUARANTINED,
}


class Courier:
    """Delivers the backlog. One thread at a time calls `run` or `drain`."""

    def __init__(
        self, backlog: Backlog, transport: Transport, reporter: Reporter, settings: Settings
    ) -> None:
        self._backlog = backlog
        self._transport = transport
        self._reporter = reporter
        self._settings = settings
        self._max_events = settings.max_batch_events
        self._attempt = 0
        self._faults = 0
        self._stopping = threading.Event()
        self._may_hurry = threading.Event()
        self._until = float("inf")

    def run(self) -> None:
        """Deliver until told to stop."""
        while not self._stopping.is_set():
            try:
                is_work_done = self._deliver_next()
            except Exception:
                log.exception("sending failed in a way that nobody thought of; trying again")
                self._pause(UNFORESEEN_SECONDS, may_hurry=False)
                continue
            if not is_work_done:
                self._backlog.wait_for_work()

    def drain(self, seconds: float) -> None:
        """Deliver what there is, for at most about `seconds`; for when no thread can be started."""
        self._until = time.monotonic() + seconds
        while self._is_time_left() and self._deliver_next():
            pass

    def stop(self) -> None:
        """Let `run` return as soon as it does not wait for an answer."""
        self._stopping.set()
        self._may_hurry.set()
        self._backlog.wake()

    def hurry(self) -> None:
        """Try once more at once, if it is only our own patience that keeps us waiting."""
        self._may_hurry.set()

    def _is_time_left(self) -> bool:
        return not self._stopping.is_set() and time.monotonic() < self._until

    def _deliver_next(self) -> bool:
        """Send the next batch if there is one, and say whether there was."""
        batch = self._backlog.in_flight
        if batch is None:
            batch = self._backlog.take(self._max_events, self._settings.max_batch_bytes)
            if batch is None:
                return False
            self._tell_recovered(batch)
        while batch.rest and self._is_time_left():
            if not self._send_first(batch):
                return True  # the batch is in the spool now, and is taken from there
        if not batch.rest:
            self._backlog.settle(batch)
        return True

    def _send_first(self, batch: Batch) -> bool:
        """Send the first piece of `batch`; False if the batch went back to the spool instead."""
        lines = batch.rest[0]
        outcome = self._transport.post(lines)
        self._reporter.add(attempts=1, retries=1 if self._attempt else 0)
        if isinstance(outcome, Away):
            return self._keep(batch, outcome)
        self._attempt = 0
        self._faults = 0
        self._reporter.came_back()
        if isinstance(outcome, Answer):
            batch.rest.popleft()
            self._count(lines, outcome)
        elif isinstance(outcome, TooLarge):
            self._halve(batch, outcome.refusal)
        else:
            batch.rest.popleft()
            self._refuse(lines, outcome)
        return True

    def _keep(self, batch: Batch, away: Away) -> bool:
        """Wait for the next attempt, the batch kept in memory (True) or in the spool (False)."""
        self._attempt += 1
        self._reporter.went_away(away.reason, self._backlog.queued[0])
        if away.is_fault:
            self._faults += 1
            if self._faults >= self._settings.max_fault_attempts:
                self._faults = 0
                self._halve(batch, Refused(500, f"{away.reason}; sent again and again"))
                return True
        is_spooled = batch.segment is None and self._put_back(batch)
        self._backlog.press()  # memory follows into the spool
        seconds = wait_seconds(
            self._attempt,
            retry_after=away.retry_after,
            base=self._settings.backoff_seconds,
            cap=self._settings.max_backoff_seconds,
        )
        self._pause(seconds, may_hurry=not away.retry_after)
        return not is_spooled

    def _put_back(self, batch: Batch) -> bool:
        try:
            return self._backlog.put_back(batch)
        except OSError as error:
            self._reporter.tell(Problem(Kind.SPOOL_FAILED, len(batch.unanswered()), str(error)))
            return False

    def _pause(self, seconds: float, *, may_hurry: bool) -> None:
        seconds = min(seconds, max(self._until - time.monotonic(), 0.0))
        if may_hurry:
            self._may_hurry.wait(seconds)
            self._may_hurry.clear()
        else:
            self._stopping.wait(seconds)

    def _halve(self, batch: Batch, refused: Refused) -> None:
        """Send the first piece as two from now on, or refuse the one event that it is."""
        lines, *others = batch.rest
        if len(lines) == 1:
            batch.rest.popleft()
            self._refuse(lines, refused)
            return
        middle = len(lines) // 2
        batch.rest = deque([lines[:middle], lines[middle:], *others])
        if refused.status == 413:
            self._max_events = max(middle, 1)
            log.info("the server takes less at once: %d events from now on", self._max_events)

    def _count(self, lines: Sequence[bytes], answer: Answer) -> None:
        counts = answer.counts
        self._reporter.add(
            accepted=counts.get("accepted", 0),
            duplicates=counts.get("duplicate", 0),
            conflicts=counts.get("conflict", 0),
            rejected=counts.get("rejected", 0),
            quarantined=counts.get("quarantined", 0),
        )
        for told in answer.results:
            kind = _KINDS.get(told.verdict)
            if kind is None:
                continue
            line = lines[told.index]
            if kind is not Kind.QUARANTINED:  # that the server keeps itself
                self._keep_refused([line])
            reason = told.reason or "the server does not say why"
            self._reporter.tell(Problem(kind, 1, reason, told.field, told.mend, lines=(line,)))

    def _refuse(self, lines: Sequence[bytes], refused: Refused) -> None:
        self._reporter.add(refused=len(lines))
        self._keep_refused(lines)
        self._reporter.tell(
            Problem(
                Kind.REFUSED,
                len(lines),
                refused.reason,
                refused.field,
                refused.mend,
                refused.status,
                tuple(lines),
            )
        )

    def _keep_refused(self, lines: Sequence[bytes]) -> None:
        spool = self._backlog.spool
        if spool is None:
            return
        try:
            if not spool.keep_refused(lines):
                log.error("refused events are not kept any more: there are too many")
        except OSError as error:
            log.error("refused events cannot be kept: %s", error)

    def _tell_recovered(self, batch: Batch) -> None:
        segment, content = batch.segment, batch.content
        if segment is None or content is None:
            return
        if segment.is_recovered:
            self._reporter.add(recovered=len(batch.lines))
            log.info("%d events of an earlier run are sent", len(batch.lines))
        if content.torn_bytes:
            log.warning("the last %d bytes of a spool were never finished", content.torn_bytes)
        if content.damaged_bytes:
            self._reporter.add(damaged=content.damaged_bytes)
            self._reporter.tell(
                Problem(
                    Kind.DAMAGED,
                    max(segment.count - len(batch.lines), 1),
                    f"{content.damaged_bytes} bytes of {segment.path.name} cannot be read",
                    mend="The file is kept beside the spool, as .unreadable.",
                )
            )
