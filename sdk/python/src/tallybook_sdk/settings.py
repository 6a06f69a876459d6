"""What can be set about a client, its defaults and bounds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Literal
from urllib.parse import urlsplit

import httpx

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How events are queued, sent and kept. Times in seconds, sizes in bytes."""

    max_queued_events: int = 100_000
    max_queued_bytes: int = 64 * MIB
    """What memory holds at most, beside the batch that is being sent; beyond it the spool, or
    `overflow`."""

    overflow: Literal["drop", "block", "raise"] = "drop"
    """What `track` does when memory and spool are full: count and report the event as dropped; wait
    for room, at most `block_seconds`, then drop it; or raise `QueueFullError`."""

    block_seconds: float = 30.0

    batch_events: int = 1000
    """As many events waiting are sent at once, without waiting for `linger_seconds`."""

    linger_seconds: float = 0.5
    """How long an event waits for others to be sent with it."""

    max_batch_events: int = 5000
    max_batch_bytes: int = 4 * MIB
    """What one request carries at most, before compression. A lone larger event is sent alone."""

    compression: int = 1
    """gzip level, 0 to 9; 0 sends plain."""

    timeout_seconds: float = 30.0
    """How long to wait for an answer; a connection is given up after 5 seconds."""

    backoff_seconds: float = 0.5
    max_backoff_seconds: float = 30.0
    """Waits between attempts grow from the first to the second, each chosen at random below."""

    max_fault_attempts: int = 6
    """How often a batch that makes the server fail (500) is sent before it is halved, and at last
    refused. A server that is away (429, 502, 503, 504, no answer) is tried for ever."""

    spool_max_bytes: int = 1024 * MIB
    spool_fsync: bool = True
    """Whether each write to the spool waits for the disk. Without, it survives the death of the
    process but not of the machine."""

    exit_seconds: float = 5.0
    """How long the end of the process waits for events to be sent."""

    http: Callable[[], httpx.Client] | None = field(default=None, repr=False)
    """Makes the HTTP client, for proxies, own certificates and the like; called when the client is
    made, and again in a forked child. URL, key and headers are given with each request."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            may_be_zero = each.name in {"compression", "linger_seconds", "exit_seconds"}
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if value < 0 or (value == 0 and not may_be_zero):
                raise ValueError(f"{each.name} is {value}; it has to be more than nothing")
        if self.overflow not in {"drop", "block", "raise"}:
            raise ValueError(f"overflow is drop, block or raise, not {self.overflow!r}")
        if self.compression > 9:
            raise ValueError("compression is a gzip level, 0 to 9")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where events go, and the key that lets them in. Shown without the key."""

    url: str
    api_key: str = field(repr=False)

    @classmethod
    def of(cls, url: str | None, api_key: str | None) -> Destination:
        """The destination given, or that of TALLYBOOK_URL and TALLYBOOK_API_KEY."""
        url = url or os.environ.get("TALLYBOOK_URL", "")
        api_key = api_key or os.environ.get("TALLYBOOK_API_KEY", "")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                "Where is Tallybook? Say url='https://…', or set TALLYBOOK_URL."
                if not url
                else f"{parts.scheme or 'The url'} is not http or https: url='https://…'."
            )
        if parts.username or parts.password:
            raise ValueError("The url carries a password; give api_key instead.")
        if not api_key:
            raise ValueError("There is no API key: say api_key='tb_…', or set TALLYBOOK_API_KEY.")
        return cls(url.rstrip("/"), api_key)

    @property
    def events_url(self) -> str:
        """Where batches are posted."""
        return f"{self.url}/v1/events"

    @property
    def is_exposed(self) -> bool:
        """Whether the key would cross a network in clear text."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}
