"""Close periods by itself, some time after they end, while a server runs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial

import structlog

from tallybook.jobs.rounds import in_rounds
from tallybook.services.close_period import close_due_periods
from tallybook.services.ports import Wiring

_log = structlog.get_logger("tallybook.jobs")


def closing_periods(
    wiring: Wiring, *, grace: timedelta, every_seconds: float = 60.0
) -> AbstractContextManager[None]:
    """While the block runs, draw up drafts of what ended at least `grace` ago, again and again.

    The grace is for events that are on their way when a period ends. A round that fails is logged
    and tried again in the next; leaving the block waits for the round under way.
    """
    work = partial(close_everywhere, wiring, grace=grace)
    return in_rounds(work, name="closing-periods", every_seconds=every_seconds)


def close_everywhere(wiring: Wiring, *, grace: timedelta) -> None:
    """One round: every organization, each by itself, so that one in trouble holds up no other."""
    try:
        organizations = wiring.directory.organizations()
    except Exception as error:
        _log.error("closing_failed", exc_info=error)
        return
    for organization in organizations:
        if organization.clock_at is not None:
            continue  # time stands still there until its clock is advanced
        try:
            run = close_due_periods(wiring, organization.id, until=wiring.now() - grace)
        except Exception as error:
            _log.error("closing_failed", organization=organization.key, exc_info=error)
            continue
        if run.invoices or run.stuck:
            _log.info(
                "periods_closed",
                organization=organization.key,
                invoices=run.invoices,
                closed=run.closed,
                stuck=[stuck.subscription_key for stuck in run.stuck],
            )
