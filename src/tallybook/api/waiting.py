"""Wait in the event loop for what other threads finish, many at a time.

`asyncio.wrap_future` wakes the loop once for each future. A block of the event log answers dozens
of requests at once; here the first of them wakes the loop for all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import Any
from weakref import WeakKeyDictionary

_alarms: WeakKeyDictionary[asyncio.AbstractEventLoop, _Alarm] = WeakKeyDictionary()


async def until_done(pending: Future[Any]) -> None:
    """Return once `pending` is done, however it ended."""
    if pending.done():
        return
    loop = asyncio.get_running_loop()
    alarm = _alarms.get(loop)
    if alarm is None:
        alarm = _alarms[loop] = _Alarm(loop)
    waiting = loop.create_future()
    pending.add_done_callback(lambda _: alarm.ring(waiting))
    await waiting


class _Alarm:
    """Wakes one loop for all that became done since it was last awake."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._done: deque[asyncio.Future[None]] = deque()
        self._is_ringing = False

    def ring(self, waiting: asyncio.Future[None]) -> None:
        """Called in any thread. The order of these lines is what loses no one."""
        self._done.append(waiting)
        if not self._is_ringing:
            self._is_ringing = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_ringing = False
        while self._done:
            waiting = self._done.popleft()
            if not waiting.done():
                waiting.set_result(None)
