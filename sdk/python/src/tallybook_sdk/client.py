"""The clients: track events, and be done with it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tallybook_sdk import lifetimes
from tallybook_sdk.engine import Engine
from tallybook_sdk.identity import new_id
from tallybook_sdk.measuring import Measurement
from tallybook_sdk.problems import (
    ClosedError,
    Kind,
    Problem,
    QueueFullError,
    Stats,
    UnsendableError,
)
from tallybook_sdk.recording import AS_IT_IS, Event, aware, exact, name, named, write_line
from tallybook_sdk.reporting import OnError, log
from tallybook_sdk.settings import Destination, Settings
from tallybook_sdk.tokens import TokenUsage, usage_from_response
from tallybook_sdk.version import VERSION

SPILL_SECONDS = 1.0
"""How long `track` waits for the spool when memory is full."""

_now = datetime.now
_USER_AGENT = f"tallybook-sdk-python/{VERSION} python/{sys.version_info[0]}.{sys.version_info[1]}"


class Tracker:
    """What both clients share: all that returns at once.

    - `url`, `api_key`: where events go, and the key with the scope `ingest`; else TALLYBOOK_URL
      and TALLYBOOK_API_KEY.
    - `source`: what sends the events, such as the name of the service. Source and id together are
      an event's identity. Else the host and process.
    - `defaults`: properties of every event; those given with an event win.
    - `on_error`: called with each `Problem`, from a thread of the library or the caller's own.
    - `strict`: raise what is wrong with an event to its caller, instead of only reporting it.
    - `spool_dir`: where events wait on disk while the server is away; several processes may name
      the same directory.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        source: str | None = None,
        defaults: Mapping[str, Any] | None = None,
        on_error: OnError | None = None,
        strict: bool = False,
        spool_dir: str | os.PathLike[str] | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._destination = Destination.of(url, api_key)
        self._settings = settings or Settings()
        self._check(self._settings)
        self._given_source = name(source, "source") if source is not None else None
        self._defaults = named(defaults or {})
        self._on_error = on_error
        self._is_strict = strict
        self._spool_dir = Path(spool_dir) if spool_dir is not None else None
        if self._destination.is_exposed:
            log.warning(
                "%s is not https: the API key can be read on its way", self._destination.url
            )
        self._begin()
        self._engine.open_transport()
        self._engine.open_spool()
        lifetimes.register(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._destination.url!r}, source={self.source!r})"

    def track(
        self,
        type: str,  # noqa: A002 - the name that the field has
        customer: str,
        *,
        id: str | None = None,  # noqa: A002
        time: datetime | None = None,
        actor: str | None = None,
        properties: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> str:
        """Take an event and return its id at once; it is sent in the background.

        `customer` is who pays, by your own key; `actor` who did it inside the customer. Without
        `time` it happened now. Give your own `id` if the same thing may be tracked again, by a
        job that is repeated: it counts once. Properties are given by name, those whose names are
        taken in `properties`; Decimals arrive exactly.

        Returns "" if the event was not taken; why is told to `on_error`. Raises only if the client
        is strict (`UnsendableError`, `QueueFullError`, `ClosedError`) or `overflow` is "raise".
        """
        try:
            if (
                customer.__class__ is not str
                or type.__class__ is not str
                or not (type and customer)
            ):
                type, customer = name(type, "type"), name(customer, "customer")  # noqa: A001
            if properties is not None:
                more = {**named(properties), **more}
            for key, value in more.items():
                if value.__class__ not in AS_IT_IS:
                    more[key] = exact(value)
            if self._defaults:
                more = self._defaults | more
            event_id = name(id, "id") if id is not None else new_id()
            line = write_line(
                Event(
                    type,
                    customer,
                    event_id,
                    _now(UTC) if time is None else aware(time),
                    self.source,
                    "" if actor is None else name(actor, "actor"),
                    more,
                )
            )
        except Exception as error:
            return self._unsendable(error)
        engine = self._engine
        if not engine.is_running or engine.is_closed:
            if engine.is_closed:
                return self._too_late(line)
            engine.start()
        if self._put(line):
            return event_id
        return self._overflow(line, event_id)

    def measure(
        self,
        type: str,  # noqa: A002
        customer: str,
        *,
        actor: str | None = None,
        tracks_errors: bool = True,
        properties: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Measurement:
        """Measure a block (`with`, `async with`) or every call of a function (as a decorator)."""
        given = {**(properties or {}), **more}

        def track(measured: dict[str, Any]) -> str:
            return self.track(type, customer, actor=actor, properties=given | measured)

        return Measurement(track, tracks_errors=tracks_errors)

    def track_tokens(
        self,
        response: object,
        customer: str,
        *,
        type: str = "llm.tokens",  # noqa: A002
        provider: str | None = None,
        model: str | None = None,
        id: str | None = None,  # noqa: A002
        time: datetime | None = None,
        actor: str | None = None,
        by_kind: bool = False,
        **more: Any,
    ) -> list[TokenUsage]:
        """Track what a model provider's response used, and return it.

        One event for each model that was at work, with the properties of `TokenUsage.properties`;
        with `by_kind` one for each kind of token instead, with `kind` and `tokens`, for prices in
        a matrix of model and kind. `id` is that of the first event; the others add to it.
        A response without usage is reported as unsendable.
        """
        found = usage_from_response(response, provider=provider, model=model)
        if not found:
            self._unsendable(UnsendableError("the response tells of no usage that can be read"))
        number = 0
        for usage in found:
            named = {"provider": usage.provider, "model": usage.model}
            if by_kind:
                every = [
                    named | {"kind": kind, "tokens": tokens}
                    for kind, tokens in usage.parts().items()
                ]
            else:
                every = [usage.properties()]
            for properties in every:
                own = None if id is None else f"{id}/{number}" if number else id
                number += 1
                self.track(
                    type,
                    customer,
                    id=own,
                    time=time,
                    actor=actor,
                    properties={**properties, **more},
                )
        return found

    def stats(self) -> Stats:
        """What became of events so far, and how many wait."""
        return self._engine.stats()

    def end_at_exit(self) -> None:
        """Send what can be sent in the time set for the end of the process."""
        self._close(self._settings.exit_seconds)

    def begin_in_child(self) -> None:
        """Start with nothing waiting: what the parent tracked, the parent sends."""
        self._engine.leave_to_parent()
        self._begin()

    def _check(self, settings: Settings) -> None:
        """Refuse settings that this client cannot keep."""

    def _begin(self) -> None:
        self.source = self._given_source or f"{socket.gethostname() or 'host'}/{os.getpid()}"
        self._engine = Engine(
            self._destination,
            self._settings,
            on_error=self._on_error,
            spool_dir=self._spool_dir,
            user_agent=_USER_AGENT,
        )
        self._put = self._engine.backlog.put

    def _close(self, seconds: float) -> bool:
        lifetimes.unregister(self)
        return self._engine.close(seconds)

    def _unsendable(self, error: Exception) -> str:
        reporter = self._engine.reporter
        reporter.add(unsendable=1)
        reporter.tell(Problem(Kind.UNSENDABLE, 1, f"{error}", mend="Mend the call of track."))
        if self._is_strict:
            raise (
                error if isinstance(error, UnsendableError) else UnsendableError(str(error))
            ) from error
        return ""

    def _too_late(self, line: bytes) -> str:
        reporter = self._engine.reporter
        reporter.add(dropped=1)
        reporter.tell(Problem(Kind.DROPPED, 1, "the client is closed", lines=(line,)))
        if self._is_strict:
            raise ClosedError("The client is closed.")
        return ""

    def _overflow(self, line: bytes, event_id: str) -> str:
        """Memory is full: make room on disk, or do as `overflow` says."""
        settings = self._settings
        if self._spill() and self._put(line):
            return event_id
        waits = settings.overflow == "block"
        if waits and self._engine.backlog.put_waiting(line, settings.block_seconds):
            return event_id
        self._engine.reporter.drop(f"{settings.max_queued_events} events wait already")
        if self._is_strict or settings.overflow == "raise":
            raise QueueFullError("There is no room for another event.")
        return ""

    def _spill(self) -> bool:
        """Write to the spool in the caller's time: better than to lose an event."""
        spool = self._engine.spool
        if spool is None or not spool.has_room:
            return False
        try:
            self._engine.backlog.spill(SPILL_SECONDS)
        except OSError:
            return False  # the spooler tells of it
        return True


class Client(Tracker):
    """Sends usage events from ordinary code. Use it for the life of the process, from any thread.

    >>> with Client("https://tallybook.example", "tb_…", source="checkout") as client:
    ...     client.track("order.placed", "acme", total=Decimal("12.50"))  # doctest: +SKIP
    """

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until the server has answered for all events tracked before; False if it has not in
        `timeout` seconds. None waits as long as it takes."""
        return self._engine.flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Send what can be sent in `timeout` seconds, and stop. The rest goes to the spool, or is
        reported as lost; True if nothing was."""
        return self._close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(Tracker):
    """Sends usage events from coroutines: `track` never waits, so it is no coroutine itself.

    `overflow="block"` is refused, because it would keep the event loop waiting.
    """

    async def flush(self, timeout: float | None = None) -> bool:
        """As `Client.flush`, without keeping the event loop waiting."""
        return await asyncio.to_thread(self._engine.flush, timeout)

    async def aclose(self, timeout: float = 5.0) -> bool:
        """As `Client.close`, without keeping the event loop waiting."""
        return await asyncio.to_thread(self._close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _check(self, settings: Settings) -> None:
        if settings.overflow == "block":
            raise ValueError("overflow='block' would stop the event loop: use 'drop' or 'raise'.")
