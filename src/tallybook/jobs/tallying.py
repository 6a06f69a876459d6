"""Keep what meters count while a server runs, so that large questions read little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial

import structlog

from tallybook.domain.metering.meter import Meter
from tallybook.jobs.rounds import in_rounds
from tallybook.services.ports import Wiring
from tallybook.services.tally_meters import tally_meters

_log = structlog.get_logger("tallybook.jobs")


def tallying_meters(wiring: Wiring, *, every_seconds: float = 20.0) -> AbstractContextManager[None]:
    """While the block runs, tally what has come since, of every organization."""
    work = partial(tally_everywhere, wiring)
    return in_rounds(work, name="tallying-meters", every_seconds=every_seconds)


def tally_everywhere(wiring: Wiring) -> Iterator[Meter]:
    """One round: the meter of each batch that was made.

    What cannot be tallied now is tried again in the next round, and holds up no other
    organization; nothing depends on it.
    """
    try:
        organizations = wiring.directory.organizations()
    except Exception as error:
        _log.error("tallying_failed", exc_info=error)
        return
    for organization in organizations:
        try:
            for meter in tally_meters(wiring, organization.id):
                _log.info("meter_tallied", organization=organization.key, meter=meter.key)
                yield meter
        except Exception as error:
            _log.error("tallying_failed", organization=organization.key, exc_info=error)
