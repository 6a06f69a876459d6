"""Where the cases that need the event store find it: one process has one embedded engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def vectors_event_store(engines_home: Path) -> Iterator[None]:
    """The engine of this process's tests, under a database of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TALLYBOOK_VECTORS_EVENTS_URL", f"chdb://{engines_home / 'events'}")
        yield
