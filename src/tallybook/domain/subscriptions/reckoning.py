"""Reckoning: what fees are owed now, given what earlier bills already said.

A bill is the difference between what is owed by all that is known now and what was owed by what was
known then. So a change in mid-period, a backdated one, one that is undone, an end with or without
refund, and the fee for the next period are one rule, and every second is charged once.
Rules: docs/semantics/proration.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.shares import Share
from tallybook.domain.subscriptions.calendar import (
    Cycle,
    boundary,
    last_boundary,
    next_boundary,
    periods_between,
)
from tallybook.domain.subscriptions.changes import Change
from tallybook.domain.subscriptions.proration import Counting, share_of_period
from tallybook.domain.subscriptions.timeline import Terms, billed_timeline, cut, cycle_of

_TICK = timedelta(microseconds=1)

F = TypeVar("F")
"""A fee as it is owed: any value that is equal where the amount of a full period is."""


class Side(StrEnum):
    """Which way an amount goes. A credit gives back what an earlier bill had charged."""

    CREDIT = "credit"
    CHARGE = "charge"


class Part(msgspec.Struct, Generic[F], frozen=True, kw_only=True):
    """A part of one billing period in which a fee is owed, to be charged or given back.

    `share` is what that part is of the full period of `cycle`.
    """

    side: Side
    span: Span
    fee: F
    share: Share
    cycle: Cycle


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription was agreed to be, before any change, and how parts are counted."""

    starts_at: datetime
    terms: Terms
    counting: Counting = Counting.BY_DAY


class Reckoned(msgspec.Struct, frozen=True):
    """What the bills so far have taken into account: time up to `until`, changes up to `number`."""

    until: datetime
    number: int = 0


class _Stretch(msgspec.Struct, Generic[F], frozen=True):
    """A stretch of time in which one fee is owed, in the periods of one cycle."""

    span: Span
    cycle: Cycle
    fee: F


def reckon(
    basis: Basis,
    changes: Sequence[Change],
    reckoned: Reckoned,
    *,
    until: datetime,
    fee: Callable[[Terms], F | None],
    clock: Callable[[Terms], Cycle] = cycle_of,
) -> tuple[Part[F], ...]:
    """The parts of one fee that are owed, or given back, when it is billed up to `until`.

    `until` is the end of the period that begins, for a fee in advance; of the one that ended, for a
    fee in arrears. Where it lies before the last bill's, what is beyond is given back. `fee` says
    what the fee is under given terms, None where there is none, and `clock` by which periods it is
    owed: those of the subscription, or its own. Parts come in order of time, a credit before the
    charge that replaces it.
    """
    then = [change for change in changes if change.number <= reckoned.number]
    before = _owed(basis, then, reckoned.until, fee, clock)
    after = _owed(basis, changes, until, fee, clock)
    parts = [
        *_parts(Side.CREDIT, _minus(before, after), basis.counting),
        *_parts(Side.CHARGE, _minus(after, before), basis.counting),
    ]
    return tuple(sorted(parts, key=lambda part: (part.span.starts, part.side is Side.CHARGE)))


def _owed(
    basis: Basis,
    changes: Sequence[Change],
    until: datetime,
    fee: Callable[[Terms], F | None],
    clock: Callable[[Terms], Cycle],
) -> list[_Stretch[F]]:
    """The stretches up to `until` in which the fee is owed; neighbours that are alike as one."""
    stretches: list[_Stretch[F]] = []
    if until <= basis.starts_at:
        return stretches
    line = billed_timeline(basis.starts_at, basis.terms, changes, clock)
    for segment in cut(line, Span(basis.starts_at, until)):
        owed = fee(segment.terms) if segment.terms.is_charged else None
        if owed is None:
            continue
        stretch = _Stretch(segment.span, clock(segment.terms), owed)
        if stretches and _continues(stretches[-1], stretch):
            span = Span(stretches.pop().span.starts, stretch.span.ends)
            stretch = _Stretch(span, stretch.cycle, owed)
        stretches.append(stretch)
    return stretches


def _continues(one: _Stretch[F], other: _Stretch[F]) -> bool:
    return one.span.ends == other.span.starts and _alike(one, other)


def _alike(one: _Stretch[F], other: _Stretch[F]) -> bool:
    return (one.fee, one.cycle) == (other.fee, other.cycle)


def _minus(these: Iterable[_Stretch[F]], those: Sequence[_Stretch[F]]) -> Iterator[_Stretch[F]]:
    """What of `these` is not in `those` too, for the same fee."""
    for stretch in these:
        left = stretch.span.starts
        for same in those:
            starts = max(left, same.span.starts)
            ends = min(stretch.span.ends, same.span.ends)
            if starts < ends and _alike(stretch, same):
                if left < starts:
                    yield _Stretch(Span(left, starts), stretch.cycle, stretch.fee)
                left = ends
        if left < stretch.span.ends:
            yield _Stretch(Span(left, stretch.span.ends), stretch.cycle, stretch.fee)


def _parts(side: Side, stretches: Iterable[_Stretch[F]], counting: Counting) -> Iterator[Part[F]]:
    """Each stretch, period by period. What is too short to be counted is no part."""
    for stretch in stretches:
        for span in periods_between(stretch.cycle, stretch.span):
            share = share_of_period(stretch.cycle, span, counting)
            if share.numerator:
                yield Part(side=side, span=span, fee=stretch.fee, share=share, cycle=stretch.cycle)


def advance_until(clock: Cycle, period: Span) -> datetime:
    """Up to when a fee in advance is owed once `period` has begun, in periods of its own clock.

    Under a fee's clock that is slower than the subscription's (a yearly fee, usage monthly) most
    periods bring nothing new; under a faster one, several of the fee's begin in one.
    """
    return next_boundary(clock, period.ends - _TICK)


def arrears_until(clock: Cycle, period: Span, *, is_last: bool = False) -> datetime:
    """Up to when a fee in arrears is owed once `period` has ended; after the last, all of it."""
    return period.ends if is_last else boundary(clock, last_boundary(clock, period.ends))
