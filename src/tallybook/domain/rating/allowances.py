"""Allowances over more than one line or period: shared, used up, carried over."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.working import ZERO
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.rating.adjust import split_allowance


class Carried(msgspec.Struct, frozen=True):
    """Units left of an earlier period's allowance, and for how many more periods they are good."""

    units: Decimal
    periods_left: int


class AllowancePeriod(msgspec.Struct, frozen=True):
    """What became of a period's allowance: covered in all, lost, and carried over."""

    covered: Decimal
    lost: Decimal
    carried: tuple[Carried, ...]


def share_allowance(allowance: Decimal, quantities: Sequence[Decimal]) -> list[Decimal]:
    """What is covered of each of several quantities that share an allowance, in their order.

    The order is the caller's: prices in the plan's, members of a family as they are listed.
    """
    covered = []
    with exactly():
        used = ZERO
        for quantity in quantities:
            part, _ = split_allowance(allowance, quantity, used=used)
            covered.append(part)
            used += part
    return covered


def close_allowance(
    granted: Decimal,
    used: Decimal,
    *,
    carried: Sequence[Carried] = (),
    keeps_periods: int = 0,
    at_most: Decimal | None = None,
) -> AllowancePeriod:
    """Use a period's allowance and what was carried into it, and carry the rest over.

    The units that are lost soonest are used first, this period's last. What is left is good for
    `keeps_periods` more periods; no more than `at_most` is carried in all, the newest are lost
    first.
    """
    with exactly():
        left = used
        rest: list[Carried] = []
        lost = ZERO
        for units in sorted(carried, key=lambda each: each.periods_left):
            kept = units.units - min(units.units, left)
            left -= units.units - kept
            if units.periods_left > 1 and kept:
                rest.append(Carried(kept, units.periods_left - 1))
            else:
                lost += kept
        unused = granted - min(granted, left)
        left -= granted - unused
        if keeps_periods and unused:
            rest.append(Carried(unused, keeps_periods))
        else:
            lost += unused
        kept_in_all, cut = _capped(rest, at_most)
        return AllowancePeriod(used - left, lost + cut, kept_in_all)


def _capped(
    rest: Sequence[Carried], at_most: Decimal | None
) -> tuple[tuple[Carried, ...], Decimal]:
    if at_most is None:
        return tuple(rest), ZERO
    room = at_most
    kept = []
    cut = ZERO
    for units in rest:
        fits = min(units.units, room)
        room -= fits
        cut += units.units - fits
        if fits:
            kept.append(Carried(fits, units.periods_left))
    return tuple(kept), cut
