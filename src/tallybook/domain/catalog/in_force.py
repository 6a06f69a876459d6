"""The part of a period in which a price is in force, and what its bounds shrink to in it.

Rules: docs/semantics/proration.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

import msgspec

from tallybook.domain.kernel.calendar import MIDNIGHT, days_between, local_instant
from tallybook.domain.kernel.decimals import SCALE, exactly, widely
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.kernel.money import round_decimal
from tallybook.domain.kernel.shares import NOTHING, WHOLE, Share

_TICK = timedelta(microseconds=1)
_A_SECOND = 1_000_000


class Prorates(StrEnum):
    """What of a usage price shrinks with the part of the period that it is in force.

    `UNITS`: what is counted in units, allowances and the bounds of tiers. `ALL`: also amounts that
    are for a period, flat ones of tiers, caps, the minimum and the maximum. Never a rate.
    """

    NONE = "none"
    UNITS = "units"
    ALL = "all"


class Stretch(msgspec.Struct, frozen=True):
    """From part `starts` to part `ends` of the `of` parts of one period."""

    starts: int
    ends: int
    of: int

    def share_of(self, number: Decimal, scale: int) -> Decimal:
        """Its share of a number, to so many decimals.

        What comes to its end is rounded, less what came to its start: so the stretches of a period,
        however it is cut, add up to the number.
        """
        with widely():
            until = round_decimal(number * self.ends / self.of, scale)
            before = round_decimal(number * self.starts / self.of, scale)
        with exactly():
            return until - before


class Piece(msgspec.Struct, frozen=True):
    """A part of one full period."""

    part: Span
    whole: Span


class InForce(msgspec.Struct, frozen=True, dict=True):
    """For how much of its period a price is in force: one piece of it, as a rule.

    Counted by local days, as the shares of fees are; `by_time`, or in a period without a midnight
    in it, by seconds, or smaller parts of them.
    """

    pieces: tuple[Piece, ...]
    timezone: str
    prorates: Prorates = Prorates.ALL
    by_time: bool = False

    def units(self, number: Decimal) -> Decimal:
        """What so many units of a full period shrink to, to as many decimals as quantities have."""
        with exactly():
            return sum((each.share_of(number, SCALE) for each in self.stretches), Decimal(0))

    def whole_units(self, number: int) -> int:
        """The same of what cannot be cut, such as transactions."""
        return int(sum(each.share_of(Decimal(number), 0) for each in self.stretches))

    def amount(self, amount: Decimal) -> Decimal:
        """What an amount that is for a full period shrinks to, where amounts do."""
        return self.units(amount) if self.prorates is Prorates.ALL else amount

    def limit(self, amount: Decimal | None) -> Decimal | None:
        """The same of one that need not be there."""
        return None if amount is None else self.amount(amount)

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """Its pieces in numbers."""
        return tuple(self._counted())

    def _counted(self) -> Iterator[Stretch]:
        for part, whole in ((piece.part, piece.whole) for piece in self.pieces):
            days = self._days(whole)
            if days:
                starts = self._days(Span(whole.starts, part.starts))
                yield Stretch(starts, self._days(Span(whole.starts, part.ends)), days)
            elif whole.length:
                ticks = [
                    each // _TICK
                    for each in (part.starts - whole.starts, part.ends - whole.starts, whole.length)
                ]
                if not any(each % _A_SECOND for each in ticks):
                    ticks = [each // _A_SECOND for each in ticks]
                yield Stretch(*ticks)
            else:
                yield Stretch(0, 1, 1)

    def _days(self, span: Span) -> int:
        """The days of a span; none where it is counted by time."""
        return 0 if self.by_time else days_between(span.starts, span.ends, zone(self.timezone))

    @property
    def is_by_day(self) -> bool:
        """Whether its share is so many days of one period."""
        lengths = [self._days(piece.whole) for piece in self.pieces]
        return lengths[:1] == lengths and all(lengths)

    @property
    def is_whole(self) -> bool:
        """Whether it is one period, all of it."""
        return len(self.pieces) == 1 and self.pieces[0].part == self.pieces[0].whole

    @property
    def share(self) -> Share:
        """Its share of a period: of several pieces the sum."""
        found = NOTHING
        for each in self.stretches:
            parts = each.ends - each.starts
            if found is NOTHING:
                found = Share(parts, each.of)
                continue
            added = found.numerator * each.of + parts * found.denominator
            found = Share(added, found.denominator * each.of)
        return WHOLE if found.is_whole else found

    def between(self, starts: date | None, ends: date | None) -> InForce | None:
        """What of it lies from one local day to before another; None where nothing does."""
        kept = []
        for piece in self.pieces:
            begins, stops = piece.part.starts, piece.part.ends
            if starts is not None:
                begins = max(begins, self._midnight(starts))
            if ends is not None:
                stops = min(stops, self._midnight(ends))
            if begins < stops:
                kept.append(Piece(Span(begins, stops), piece.whole))
        return msgspec.structs.replace(self, pieces=tuple(kept)) if kept else None

    def _midnight(self, day: date) -> datetime:
        return local_instant(day, MIDNIGHT, zone(self.timezone))


def all_of(span: Span, timezone: str, prorates: Prorates) -> InForce:
    """In force for a whole period, whatever its length."""
    return InForce((Piece(span, span),), timezone, prorates)
