"""An HTTP server over one data directory: in the foreground, or beside a command."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import NoReturn

import uvicorn
from litestar.types import ASGIApp

from tallybook.bootstrap.application import build_application
from tallybook.bootstrap.config import HOST, Config
from tallybook.bootstrap.failures import NotStartedError
from tallybook.bootstrap.logs import RequestLog, configure_logs
from tallybook.bootstrap.occupancy import Server, announced
from tallybook.bootstrap.one_write import OneWriteProtocol
from tallybook.bootstrap.wire import open_wiring
from tallybook.jobs.closing import closing_periods
from tallybook.jobs.governing import governing_events
from tallybook.jobs.migrating import migrating_subscribers
from tallybook.jobs.restating import restating_usage
from tallybook.jobs.tallying import tallying_meters
from tallybook.services.ports import Wiring

_GRACE_SECONDS = 10


class PortTakenError(NotStartedError):
    """The address to serve at cannot be had."""


def serve(config: Config, *, host: str, port: int, on_ready: Callable[[Server], None]) -> None:
    """Serve until told to stop. `on_ready` is called once requests are answered.

    SIGTERM and Ctrl-C let requests under way finish for `_GRACE_SECONDS`, then everything is
    closed in order. The note of the server lies in the data directory for as long as it serves.
    Periods are closed in the background if the configuration says so.
    """
    configure_logs()
    signal.signal(signal.SIGTERM, _end)
    token = f"tbo_{secrets.token_hex(20)}"
    with bound(host, port) as listener, open_wiring(config) as wiring:
        server = Server(pid=os.getpid(), url=_url(listener), operator_token=token)
        app = build_application(wiring, operator_token=token)
        with (
            announced(config.directory, server),
            _closing(config, wiring),
            tallying_meters(wiring),
            governing_events(wiring),
            restating_usage(wiring),
            migrating_subscribers(wiring),
        ):
            _Uvicorn(RequestLog(app), lambda: on_ready(server)).run([listener])


def _closing(config: Config, wiring: Wiring) -> AbstractContextManager[None]:
    """The background closing of periods that the configuration asks for, if it does."""
    if config.closes_after is None:
        return nullcontext()
    return closing_periods(wiring, grace=config.closes_after)


@contextmanager
def served_beside(app: ASGIApp) -> Iterator[str]:
    """Serve `app` in a thread at a free port of this machine while the block runs; its URL."""
    with bound(HOST, 0) as listener:
        is_ready = threading.Event()
        server = _Uvicorn(app, is_ready.set)
        thread = threading.Thread(target=server.run, args=([listener],), name="http")
        thread.start()
        try:
            while not is_ready.wait(0.05):
                if not thread.is_alive():
                    raise RuntimeError("The HTTP server did not start; its log says why.")
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket; `PortTakenError` if the address cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise PortTakenError(
            f"Cannot serve at {host} port {port}: {error}. Choose another with --port."
        ) from error
    with listener:
        yield listener


class _Uvicorn(uvicorn.Server):
    """uvicorn with uvloop and httptools, which tells when it answers requests."""

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=OneWriteProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                timeout_keep_alive=75,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        spare_what_stays()
        self._on_ready()


def spare_what_stays() -> None:
    """Let the collector of cycles pass by what was made at the start, and come less often.

    Requests leave hardly any cycles behind; at the default pace a quarter of the time of a short
    request went into looking for them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": HOST, "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM ends the program by unwinding it, so that everything open is closed."""
    sys.exit(0)
