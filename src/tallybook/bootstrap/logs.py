"""What the program says about itself: structured lines on standard error, free of secrets.

On a terminal they are laid out for people, elsewhere each is one JSON object. Requests are logged
by route, never by query string or header, so no key and no signed link comes into a log. Served
assets, and single successes at the busiest routes, are left out.
"""

from __future__ import annotations

import io
import itertools
import logging
import secrets
import sys
import time
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_QUIET = {"/v1/events", "/v1/health", "/assets/{version}/{name}"}


def configure_logs(*, is_verbose: bool = False) -> None:
    """Set structlog up, and lead the standard library's warnings into it."""
    level = logging.DEBUG if is_verbose else logging.INFO
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    on_terminal = sys.stderr.isatty()
    # A trace with the variables of its frames would tell the headers, and with them the keys.
    trace = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    rendered: list[Any] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if on_terminal
        else [structlog.processors.ExceptionRenderer(trace), structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", _Lenient(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


class _Lenient(io.TextIOBase):
    """A stream whose failures stop nothing: a full disk must not fail what is merely logged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


class RequestLog:
    """Wraps the application: each request gets an id, an answer header with it, and a line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger("tallybook.requests")
        self._start = secrets.token_hex(5)
        self._numbers = itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = f"{self._start}{next(self._numbers):06x}"  # a name, not a secret
        began = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"request-id", request_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        # The server runs each request in a context of its own, which ends with it.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, noting)
        finally:
            self._note(scope, status, (time.perf_counter() - began) * 1000)

    def _note(self, scope: Any, status: int, milliseconds: float) -> None:
        route = scope.get("path_template") or "(no route)"
        if status < 400 and route in _QUIET:
            return
        caller = (scope.get("state") or {}).get("caller")
        self._log.info(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            ms=f"{milliseconds:.1f}",
            **({"organization": caller.organization_id, "key": caller.key_id} if caller else {}),
        )
