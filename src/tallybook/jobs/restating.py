"""Look for late events while a server runs: restate what was billed, redraw drafts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial

import structlog

from tallybook.jobs.rounds import in_rounds
from tallybook.services.ports import Wiring
from tallybook.services.restate_usage import RestatementRun, restate_usage

_log = structlog.get_logger("tallybook.jobs")


def restating_usage(wiring: Wiring, *, every_seconds: float = 30.0) -> AbstractContextManager[None]:
    """While the block runs, look at what has come to the log since, of every organization."""
    work = partial(restate_everywhere, wiring)
    return in_rounds(work, name="restating-usage", every_seconds=every_seconds)


def restate_everywhere(wiring: Wiring) -> Iterator[RestatementRun]:
    """One round: every organization, each by itself, so that one in trouble holds up no other."""
    try:
        organizations = wiring.directory.organizations()
    except Exception as error:
        _log.error("restating_failed", exc_info=error)
        return
    for organization in organizations:
        try:
            run = restate_usage(wiring, organization.id)
        except Exception as error:
            _log.error("restating_failed", organization=organization.key, exc_info=error)
            continue
        if run.restated or run.recalculated or run.stuck:
            _log.info(
                "usage_restated",
                organization=organization.key,
                restated=run.restated,
                recalculated=run.recalculated,
                stuck=[stuck.invoice_id for stuck in run.stuck],
            )
        yield run
