"""A backlog, its threads, and their beginning and end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from tallybook_sdk.backlog import Backlog
from tallybook_sdk.courier import Courier
from tallybook_sdk.problems import Kind, Problem, SpoolError, Stats
from tallybook_sdk.reporting import OnError, Reporter, log
from tallybook_sdk.settings import Destination, Settings
from tallybook_sdk.spool import Spool
from tallybook_sdk.transport import Transport

LAST_WORD_SECONDS = 0.5
"""How long closing waits for a thread that is in the middle of a request."""


class Engine:
    """Takes written events and sees to it that they arrive. Its threads start with the first one.

    A forked child makes a new engine: threads, locks and connections do not survive a fork, and
    what waits in memory is the parent's to send.
    """

    def __init__(
        self,
        destination: Destination,
        settings: Settings,
        *,
        on_error: OnError | None,
        spool_dir: Path | None,
        user_agent: str,
    ) -> None:
        self.settings = settings
        self.reporter = Reporter(on_error)
        self.backlog = Backlog(settings)
        self._spool_dir = spool_dir
        self._transport = Transport(destination, settings, user_agent)
        self._courier = Courier(self.backlog, self._transport, self.reporter, settings)
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()
        self.is_running = False
        self.is_closed = False

    @property
    def spool(self) -> Spool | None:
        """Where events wait on disk, once it is opened."""
        return self.backlog.spool

    def open_spool(self) -> None:
        """Open the spool, and begin to send what an earlier run left in it. Or SpoolError."""
        self._open_spool()
        if self.backlog.spool:
            self.start()

    def open_transport(self) -> None:
        """Be ready to send. Raises what the maker of the HTTP client raises."""
        self._transport.open()

    def start(self) -> None:
        """Start the threads, once. Where none can start any more, `close` sends what there is."""
        with self._starting:
            if self.is_running or self.is_closed:
                return
            self.is_running = True
            try:
                self._open_spool()
            except SpoolError as error:  # a forked child: there is nobody to raise it to
                self.reporter.tell(Problem(Kind.SPOOL_FAILED, 0, str(error)))
            try:
                self._start("tallybook-courier", self._courier.run)
                if self.spool is not None:
                    self._start("tallybook-spooler", self._keep_spooling)
            except RuntimeError as error:  # the interpreter is ending
                log.debug("no thread: %s", error)

    def flush(self, seconds: float | None) -> bool:
        """Wait until all tracked so far has its answer; False if that takes longer."""
        self.start()
        if self.is_closed:
            return self.backlog.wait_settled(0)
        if not self._threads:
            self._courier.drain(float("inf") if seconds is None else seconds)
            return self.backlog.wait_settled(0)
        self._courier.hurry()
        return self.backlog.wait_settled(seconds)

    def close(self, seconds: float) -> bool:
        """Send what can be sent in `seconds`, keep or report the rest, and stop.

        True if nothing was lost. With a spool, and the server away, nothing is waited for.
        """
        with self._starting:
            if self.is_closed:
                return True
            self.is_closed = True
        if self._threads:
            is_hopeless = self.reporter.is_away and self.spool is not None
            self._courier.hurry()
            self.backlog.wait_settled(0 if is_hopeless else seconds)
        else:
            self._courier.drain(seconds)
        self._courier.stop()
        for thread in self._threads:
            thread.join(LAST_WORD_SECONDS)
        lost = self.backlog.abandon()
        self._transport.close()
        if self.spool is not None:
            self.spool.close()
        if lost:
            self.reporter.add(lost=len(lost))
            self.reporter.tell(
                Problem(
                    Kind.LOST,
                    len(lost),
                    "the client was closed before the server took them",
                    mend="Give the client a spool_dir, or more time to close.",
                    lines=tuple(lost),
                )
            )
        self.reporter.tell_last_drops()
        return not lost

    def leave_to_parent(self) -> None:
        """In a forked child: let go of what the parent keeps using."""
        if self.spool is not None:
            self.spool.close(in_child=True)

    def stats(self) -> Stats:
        """What became of events so far."""
        queued, queued_bytes = self.backlog.queued
        return Stats(
            tracked=self.backlog.tracked,
            spooled=self.backlog.spooled,
            queued=queued,
            queued_bytes=queued_bytes,
            spool_bytes=self.spool.size if self.spool is not None else 0,
            is_away=self.reporter.is_away,
            last_trouble=self.reporter.last_trouble,
            **self.reporter.counts(),
        )

    def _open_spool(self) -> None:
        if self._spool_dir is not None and self.backlog.spool is None:
            self.backlog.spool = _spool(self._spool_dir, self.settings)

    def _start(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _keep_spooling(self) -> None:
        """Move memory to the spool: all of it while the server is away, else when it gets much."""
        has_failed = False
        while True:
            away = self.reporter.is_away
            self.backlog.wait_for_pressure(
                max(self.settings.linger_seconds, 0.01) if away else None
            )
            if self.is_closed:
                return
            try:
                self.backlog.spill()
                has_failed = False
            except OSError as error:
                if not has_failed:
                    queued = self.backlog.queued[0]
                    self.reporter.tell(Problem(Kind.SPOOL_FAILED, queued, str(error)))
                has_failed = True


def _spool(directory: Path, settings: Settings) -> Spool:
    return Spool(
        directory,
        max_bytes=settings.spool_max_bytes,
        fsync=settings.spool_fsync,
        segment_events=settings.max_batch_events,
        segment_bytes=settings.max_batch_bytes,
    )
