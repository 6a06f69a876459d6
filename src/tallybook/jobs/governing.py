"""Keep the rules for events up to date, and write down what was counted of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import structlog

from tallybook.jobs.rounds import in_rounds
from tallybook.services.ports import Wiring

_log = structlog.get_logger("tallybook.jobs")


def governing_events(wiring: Wiring, *, every_seconds: float = 2.0) -> AbstractContextManager[None]:
    """While the block runs, learn of rules that other servers changed, and write counts."""
    work = partial(look_after_events, wiring)
    return in_rounds(work, name="governing-events", every_seconds=every_seconds)


def look_after_events(wiring: Wiring) -> None:
    """One round. What fails is tried again in the next: rules stay as they were, counts wait."""
    _tried(wiring.event_rules.renew_all, "rules_not_renewed")
    _tried(wiring.event_counts.flush, "counts_not_written")


def _tried(work: Callable[[], None], failure: str) -> None:
    try:
        work()
    except Exception as error:
        _log.error(failure, exc_info=error)
