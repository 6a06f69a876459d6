"""When to try again: full jitter, growing, and never before the server asks for it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_SECONDS = 3600.0
"""However long a server asks to be left alone, it is asked again after this."""


def backoff_seconds(attempt: int, *, base: float, cap: float, chance: float) -> float:
    """How long to wait after the failed attempt number `attempt`, from 1.

    Full jitter: anything from nothing to `base`·2^(attempt-1), at most `cap`; `chance` in [0, 1)
    chooses. Many clients that failed together do not come back together.
    """
    return chance * min(cap, base * 2.0 ** min(attempt - 1, 60))


def retry_after_seconds(header: str, now: datetime) -> float:
    """What `Retry-After` asks for, as seconds or as a date; 0 if it says nothing readable."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), MAX_RETRY_AFTER_SECONDS)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


def wait_seconds(attempt: int, *, retry_after: float, base: float, cap: float) -> float:
    """How long to wait: as the server asks, and a little more each at random; or the backoff."""
    chance = random.random()  # noqa: S311 - spreads load; nothing is secret
    if retry_after > 0:
        return retry_after + chance * min(base, cap)
    return backoff_seconds(attempt, base=base, cap=cap, chance=chance)
