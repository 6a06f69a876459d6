"""Look for late events while a server runs: restate what was billed, redraw drafts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import structlog

from tallybook.jobs.rounds import in_rounds
from tallybook.services.ports import Wiring
from tallybook.services.restate_usage import Moves, RestatementRun, find_moves, restate_usage

_log = structlog.get_logger("tallybook.jobs")


def restating_usage(wiring: Wiring, *, every_seconds: float = 30.0) -> AbstractContextManager[None]:
    """While the block runs, look at what has come to the log since, of every organization."""
    rounds = RestatingRounds(wiring)
    return in_rounds(rounds.go, name="restating-usage", every_seconds=every_seconds)


class RestatingRounds:
    """Rounds over every organization. From the second on it is asked once whose events came.

    What an organization itself noted decides how far it was looked at, so one in trouble, or a
    round that was cut short, loses nothing by it.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._through: int | None = None

    def go(self) -> Iterator[RestatementRun]:
        """One round: each organization by itself, so that one in trouble holds up no other."""
        try:
            organizations = self._wiring.directory.organizations()
            moves = self._moves()
        except Exception as error:
            _log.error("restating_failed", exc_info=error)
            return
        for organization in organizations:
            try:
                run = restate_usage(self._wiring, organization.id, moves)
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

    def _moves(self) -> Moves | None:
        """Whose events came since the round before; None in the first."""
        if self._through is None:
            self._through = self._wiring.event_log.position()
            return None
        moves = find_moves(self._wiring, after=self._through)
        self._through = moves.through
        return moves
