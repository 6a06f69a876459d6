"""How much one request and one event may carry. What is beyond is refused by name, never cut."""

from __future__ import annotations

from datetime import UTC, datetime

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Of a request's body, as it is sent and once more unpacked."""

MAX_EVENTS = 10_000
"""Events in one request."""

MAX_EVENT_BYTES = 64 * 1024
"""Of one event as JSON."""

MAX_LENGTHS = {"type": 128, "customer": 256, "source": 256, "id": 256, "actor": 256}
"""Characters of the texts that name things; all but `actor` have at least one."""

MAX_PROPERTIES = 128
MAX_PROPERTY_NAME = 128
MAX_VALUE_LENGTH = 8192
"""Characters of a property's value as it is kept; of an object or list, of its JSON."""

MAX_DEPTH = 16
"""Levels of objects and lists inside one property's value."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""An event occurred in `[EARLIEST, LATEST)`; other dates are a clock or a unit gone wrong."""
