"""The program as its users run it, and a clock that stands where stories begin."""

from __future__ import annotations

import pytest

from contracts import day
from program import tallybook
from story import Clock

__all__ = ["tallybook"]


@pytest.fixture
def clock() -> Clock:
    """It stands at the beginning of 2026."""
    return Clock(day(1))
