"""Contracts with a term: how long both are bound, when notice is due, what follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tallybook.domain.kernel.calendar import MIDNIGHT, local_day, local_instant
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.subscriptions.calendar import (
    Cycle,
    boundary,
    last_boundary,
    next_boundary,
    period_containing,
)


class Renewal(StrEnum):
    """What follows when a term ends without notice."""

    ANOTHER_TERM = "another_term"
    OPEN_ENDED = "open_ended"
    NOTHING = "nothing"


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """Terms counted by `cycle` from its anchor, where the first begins.

    Notice must be given `notice_days` whole local days before a term ends; 0 is until it ends.
    After an open-ended renewal it may be given at any time, with as many days.
    """

    cycle: Cycle
    renewal: Renewal = Renewal.ANOTHER_TERM
    notice_days: int = 0

    def __post_init__(self) -> None:
        assert self.notice_days >= 0, "notice is given before the end"


class InTerm(msgspec.Struct, frozen=True):
    """Both are bound until this term ends."""

    term: Span


class OpenEnded(msgspec.Struct, frozen=True):
    """The first term is over and no other follows: it goes on until notice."""

    since: datetime


class Over(msgspec.Struct, frozen=True):
    """The term has ended, and nothing follows."""

    at: datetime


TermDecision = InTerm | OpenEnded | Over


def decide_term(
    contract: Contract, *, now: datetime, notice_at: datetime | None = None
) -> TermDecision:
    """Where a contract stands at `now`, given the notice there was.

    Stamped with the term's end and not with `now`, so a late run decides as a punctual one.
    """
    if notice_at is not None:
        ends_at = earliest_end(contract, notice_at=notice_at)
        if now >= ends_at:
            return Over(at=ends_at)
    first_ends = boundary(contract.cycle, 1)
    if now < first_ends:
        return InTerm(Span(boundary(contract.cycle, 0), first_ends))
    match contract.renewal:
        case Renewal.NOTHING:
            return Over(at=first_ends)
        case Renewal.OPEN_ENDED:
            return OpenEnded(since=first_ends)
    return InTerm(period_containing(contract.cycle, now))


def notice_due_at(contract: Contract, term: Span) -> datetime:
    """The instant by which notice must have been given for a contract to end with `term`."""
    return _days_before(contract, term.ends) if contract.notice_days else term.ends


def earliest_end(contract: Contract, *, notice_at: datetime) -> datetime:
    """When a contract ends if notice is given then: with its term, or with the next if too late."""
    term = Span(boundary(contract.cycle, 0), boundary(contract.cycle, 1))
    if contract.renewal is Renewal.NOTHING:
        return term.ends
    if contract.renewal is Renewal.ANOTHER_TERM and notice_at >= term.ends:
        term = period_containing(contract.cycle, notice_at)
    if notice_at <= notice_due_at(contract, term):
        return term.ends
    if contract.renewal is Renewal.OPEN_ENDED:
        return max(term.ends, _days_after(contract, notice_at))
    return next_boundary(contract.cycle, term.ends)


def terms_renewed(contract: Contract, *, at: datetime) -> int:
    """How often another term has followed by `at`."""
    if contract.renewal is not Renewal.ANOTHER_TERM:
        return 0
    return max(0, last_boundary(contract.cycle, at))


def _days_before(contract: Contract, instant: datetime) -> datetime:
    """The local midnight as many days before; an instant within a day counts that day."""
    return _midnight(contract, instant, -contract.notice_days)


def _days_after(contract: Contract, instant: datetime) -> datetime:
    """The local midnight after as many whole days; the day of the notice does not count."""
    return _midnight(contract, instant, contract.notice_days + 1)


def _midnight(contract: Contract, instant: datetime, days: int) -> datetime:
    zoned = zone(contract.cycle.timezone)
    day = local_day(instant, zoned) + timedelta(days=days)
    return local_instant(day, MIDNIGHT, zoned)
