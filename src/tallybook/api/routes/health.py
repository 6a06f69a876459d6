"""Whether the server lives and is ready."""

from __future__ import annotations

import msgspec
from litestar import Router, get

from tallybook import __version__
from tallybook.api.injected import Wired


class Health(msgspec.Struct, frozen=True):
    """A server that answers, its version, and the position of its event log."""

    status: str
    version: str
    position: int


@get("/v1/health", sync_to_thread=True, security=[])
def read_health(wiring: Wired) -> Health:
    """Ask both engines for a sign of life. Needs no key; 503 when one does not answer."""
    wiring.directory.organizations()
    return Health(status="ok", version=__version__, position=wiring.event_log.position())


router = Router(path="/", route_handlers=[read_health], tags=["Server"])
