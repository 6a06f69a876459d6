"""Commitments: what was promised, what of it was used, and the true-up that fills it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.price import AnyRule
from tallybook.domain.catalog.spending import Promise
from tallybook.domain.catalog.working import ZERO
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.money import round_decimal
from tallybook.domain.kernel.shares import WHOLE, Share
from tallybook.domain.rating.rate import rate_price


class Promised(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was promised of one window of time, by a commitment that is not looked at here.

    What is used beyond it costs `overage_factor` times its price. With `has_true_up` what is not
    used is owed too; without, the promise only marks where overage begins.
    """

    promised: Decimal
    promise: Promise = Promise.AMOUNT
    overage_factor: Decimal = Decimal(1)
    has_true_up: bool = True


class CommittedUse(msgspec.Struct, frozen=True):
    """A window's bill in its three parts: use within the commitment, beyond it, and the true-up."""

    utilized: Decimal
    overage: Decimal
    true_up: Decimal

    @property
    def total(self) -> Decimal:
        """All that the window costs."""
        with exactly():
            return self.utilized + self.overage + self.true_up


def rate_committed(rule: AnyRule, quantity: Decimal, commitment: Promised | None) -> CommittedUse:
    """Rate a window's usage against its commitment; all of it is plain use where there is none.

    A promised quantity is worth what that quantity would cost under the rule.
    """
    cost = rate_price(rule, quantity).amount
    if commitment is None:
        return CommittedUse(cost, ZERO, ZERO)
    worth = worth_of(rule, commitment.promised, commitment.promise)
    with exactly():
        if cost > worth:
            beyond = cost - worth + overage_of(cost, worth, commitment.overage_factor)
            return CommittedUse(worth, beyond, ZERO)
        return CommittedUse(cost, ZERO, worth - cost if commitment.has_true_up else ZERO)


def worth_of(rule: AnyRule, promised: Decimal, promise: Promise) -> Decimal:
    """What was promised, in money: units are worth what they cost under the rule."""
    return promised if promise is Promise.AMOUNT else rate_price(rule, promised).amount


def overage_of(used: Decimal, worth: Decimal, factor: Decimal) -> Decimal:
    """What use beyond a promise costs on top of its price; below zero where it costs less."""
    with exactly():
        return max(used - worth, ZERO) * (factor - 1)


def add_uses(windows: Iterable[CommittedUse]) -> CommittedUse:
    """The same parts of several windows, added. One window's surplus fills no other."""
    utilized = overage = true_up = ZERO
    with exactly():
        for window in windows:
            utilized += window.utilized
            overage += window.overage
            true_up += window.true_up
    return CommittedUse(utilized, overage, true_up)


def prorated_commitment(amount: Decimal, share: Share, *, scale: int) -> Decimal:
    """A commitment for a part of its period: that share of it, rounded half up to `scale`."""
    return round_decimal(share.of(amount), scale)


def true_up(
    commitment: Decimal,
    billed: Iterable[Decimal],
    *,
    share: Share = WHOLE,
    scale: int | None = None,
) -> Decimal:
    """The line that fills a commitment: what is missing after all that was billed; or zero.

    The commitment is prorated and rounded first, so the customer can check the subtraction. A
    commitment that covers its whole period is not rounded.
    """
    promised = commitment
    if not share.is_whole:
        assert scale is not None, "a part of a commitment is rounded"
        promised = prorated_commitment(commitment, share, scale=scale)
    with exactly():
        return max(promised - sum(billed, ZERO), ZERO)
