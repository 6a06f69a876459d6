"""How long something took, as an event."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from decimal import Decimal
from time import perf_counter_ns
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from tallybook_sdk.problems import TallybookError

P = ParamSpec("P")
R = TypeVar("R")

Track = Callable[[dict[str, Any]], str]


class Measurement:
    """Measures a block or each call of a function, and tracks one event when it ends.

    The event has the property `duration_seconds`, an exact decimal of nanoseconds, and what was
    set with `m["name"] = value`. If the block raises, `error` is the name of the exception, which
    goes on its way; with `tracks_errors=False` there is no event then. The event's time is that of
    the end.

    >>> with client.measure("job.run", customer="acme") as m:  # doctest: +SKIP
    ...     m["gb"] = Decimal("1.5")
    """

    def __init__(self, track: Track, *, tracks_errors: bool = True) -> None:
        self.id = ""
        """The id of the event, once it is tracked."""
        self._track = track
        self._tracks_errors = tracks_errors
        self._properties: dict[str, Any] = {}
        self._began = 0
        self._is_cancelled = False

    def __setitem__(self, name: str, value: object) -> None:
        self._properties[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._properties[name]

    def cancel(self) -> None:
        """Track nothing when this ends."""
        self._is_cancelled = True

    def __enter__(self) -> Self:
        self._began = perf_counter_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        took = perf_counter_ns() - self._began
        if self._is_cancelled or (kind is not None and not self._tracks_errors):
            return
        measured = {"duration_seconds": Decimal(took).scaleb(-9)}
        if kind is not None:
            measured["error"] = kind.__name__  # type: ignore[assignment]
        try:
            self.id = self._track(self._properties | measured)
        except TallybookError:
            if error is None:
                raise  # a strict client; but the block's own error goes first

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Measure every call of `function` by itself; coroutines to their end."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def measured(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self._another():
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", measured)

        @functools.wraps(function)
        def measured_plainly(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._another():
                return function(*args, **kwargs)

        return measured_plainly

    def _another(self) -> Measurement:
        return Measurement(self._track, tracks_errors=self._tracks_errors)
