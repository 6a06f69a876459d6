"""What happens to clients when their process forks or ends."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from typing import Protocol

from tallybook_sdk.identity import start_anew
from tallybook_sdk.reporting import log


class Living(Protocol):
    """A client, as far as the process is concerned."""

    def end_at_exit(self) -> None:
        """Send or keep what waits: the process ends."""
        ...

    def begin_in_child(self) -> None:
        """Be a new client: this process was just forked."""
        ...


_lock = threading.Lock()
_ends_at_exit: dict[int, Living] = {}
_begins_in_child: dict[int, weakref.ref[Living]] = {}


def register(client: Living) -> None:
    """End `client` with the process, and begin it anew in a child.

    It is kept alive until it is closed, because what it was given has to be sent.
    """
    with _lock:
        _ends_at_exit[id(client)] = client
        _begins_in_child[id(client)] = weakref.ref(client)


def unregister(client: Living) -> None:
    """Forget a client that was closed."""
    with _lock:
        _ends_at_exit.pop(id(client), None)
        _begins_in_child.pop(id(client), None)


def _end_all() -> None:
    for client in list(_ends_at_exit.values()):
        try:
            client.end_at_exit()
        except Exception:
            log.exception("a client did not end well")


def _begin_all_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it when the process was forked
    _lock = threading.Lock()
    start_anew()
    for reference in list(_begins_in_child.values()):
        client = reference()
        if client is not None:
            client.begin_in_child()
    _end_with_multiprocessing()


def _end_with_multiprocessing() -> None:
    """Children of multiprocessing end without `atexit`; they have finalizers of their own, which
    are cleared at their very beginning, and set after that."""
    global _is_told  # noqa: PLW0603 - what a child knows, its children know
    finalizing = sys.modules.get("multiprocessing.util")
    if finalizing is None or _is_told:
        return
    _is_told = True
    finalizing.register_after_fork(_marker, _set_finalizer)


class _Marker:
    """Something that multiprocessing can hold on to weakly."""


def _set_finalizer(_: object) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _end_all, exitpriority=100)


_marker = _Marker()
_is_told = False


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_in_child)
