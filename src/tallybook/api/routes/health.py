"""Whether the server lives and is ready."""

from __future__ import annotations

import msgspec
from litestar import Router, get

from tallybook import __version__
from tallybook.api.injected import Wired
from tallybook.domain.events.event import EventQuery

NOBODY = ""
"""An organization that does not exist: asking for its events reads none."""


class Health(msgspec.Struct, frozen=True):
    """A server that answers, and its version."""

    status: str
    version: str


@get("/v1/health", sync_to_thread=True, security=[])
def read_health(wiring: Wired) -> Health:
    """Ask both engines for a sign of life. Needs no key; 503 when one does not answer."""
    wiring.directory.organizations()
    wiring.event_log.find(NOBODY, EventQuery(), before=1, limit=1)
    return Health(status="ok", version=__version__)


router = Router(path="/", route_handlers=[read_health], tags=["Server"])
