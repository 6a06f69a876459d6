"""What acts on a bill as a whole, in the one order that there is.

From the shortest time and the fewest prices to the longest and all of them; of equal ones overage,
maximum, minimum, true-up; coupons last. Each counts what is printed, in whole minor units, so that
every figure can be checked by adding up lines; and each charges what it makes of all that was
billed so far, less what it charged before: however often a time is billed, the parts add up.
Rules: docs/semantics/conditions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.spending import (
    Commitment,
    Per,
    Promise,
    SpendLimit,
    is_of_customer,
    is_within,
    width_of,
)
from tallybook.domain.catalog.working import ONE, ZERO, RatedLine, Step, line, single
from tallybook.domain.invoicing.coupon_lines import PricedLine, coupon_lines
from tallybook.domain.invoicing.footing import (
    Counted,
    EarlierLine,
    Footing,
    LeftVersion,
    counted_over,
    counts_from,
    footing_left,
)
from tallybook.domain.invoicing.invoice import LineKind
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import from_units, round_decimal, to_units
from tallybook.domain.rating.commitments import overage_of, worth_of
from tallybook.domain.subscriptions.calendar import period_containing


class ConditionLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a condition makes of a bill: exact, with its working."""

    kind: LineKind
    key: str
    name: str
    service_period: Span
    rated: RatedLine
    unit: str = ""
    of_prices: tuple[str, ...] = ()


def condition_lines(
    priced: Sequence[PricedLine], footing: Footing, *, digits: int
) -> tuple[ConditionLine, ...]:
    """The lines of a bill's conditions, in order, after those of its prices."""
    with exactly():
        book = _Book(footing, priced, digits)
        if footing.ended is not None:
            for left in footing.left:
                book.settle(left)
            for act in _in_order(footing.plan):
                book.add(act)
        charges = (*priced, *book.added)
        taken = coupon_lines(charges, footing, digits=digits)
        return (*book.lines, *(_coupon(footing, *each) for each in taken))


class _Act(NamedTuple):
    """One thing that a condition does to a bill."""

    kind: LineKind
    condition: Commitment | SpendLimit
    line: Callable[[_Book, Any], ConditionLine | None]


def _in_order(plan: PlanTerms) -> list[_Act]:
    """All that conditions do, those first that others count."""
    acts = [
        *(_Act(LineKind.OVERAGE, each, _overage) for each in plan.commitments),
        *(_Act(LineKind.MAXIMUM, each, _maximum) for each in plan.spend_limits),
        *(_Act(LineKind.MINIMUM, each, _minimum) for each in plan.spend_limits),
        *(_Act(LineKind.TRUE_UP, each, _true_up) for each in plan.commitments),
    ]
    return sorted(acts, key=lambda act: width_of(act.condition))


def _is_taken_over(condition: Commitment | SpendLimit, following: PlanTerms) -> bool:
    """Whether a condition of the next version is about all that this one is.

    One of a customer is about more than the subscription, and is not settled with it.
    """
    same = following.commitments if isinstance(condition, Commitment) else following.spend_limits
    return is_of_customer(condition) or any(is_within(condition, other) for other in same)


class _Book:
    """The lines of a bill as conditions are added, with those printed before."""

    def __init__(self, footing: Footing, priced: Sequence[PricedLine], digits: int) -> None:
        self.footing = footing
        self.digits = digits
        self.lines: list[ConditionLine] = []
        self._counted = [*footing.earlier, *_countable(priced, footing)]
        self._acted: list[_Act] = []

    def add(self, act: _Act) -> None:
        """Let a condition act, and put its line under the others, as it will be printed."""
        added = act.line(self, act.condition)
        self._acted.append(act)
        if added is None:
            return
        self.lines.append(added)
        amount = from_units(to_units(added.rated.amount, self.digits), self.digits)
        starts = added.service_period.starts
        self._counted.append(EarlierLine(added.key, added.kind, starts, amount))

    def settle(self, left: LeftVersion) -> None:
        """Owe what is missing to the promises and minimums of a version that was left, as if it had
        ended then.

        Those that a condition of the next version takes over go on with that. What an earlier bill
        printed of them is not printed again.
        """
        plans, whole = self.footing.plans, self.footing
        plan, following = plans.get(left.plan_version_id), plans.get(left.next_version_id)
        if plan is None or following is None or whole.ended is None:
            return
        self.footing = footing_left(whole, left)
        for act in _in_order(plan):
            is_now = left.at > whole.ended.starts or act.condition.per is not Per.PERIOD
            is_missing = act.kind in {LineKind.MINIMUM, LineKind.TRUE_UP}
            if is_missing and is_now and not _is_taken_over(act.condition, following):
                self.add(act)
            else:
                self._acted.append(act)
        self.footing = whole

    @property
    def added(self) -> Iterator[PricedLine]:
        """The lines of conditions as coupons see them."""
        for added in self.lines:
            amount = from_units(to_units(added.rated.amount, self.digits), self.digits)
            yield PricedLine(
                price_key=added.key,
                name=added.name,
                service_starts=added.service_period.starts,
                amount=amount,
                of_prices=added.of_prices,
            )

    def charged(self, over: Counted, condition: Commitment | SpendLimit) -> Decimal:
        """What was printed in that time for a condition's prices, and by what acted within it.

        Of what comes later in the order nothing is counted, also where an earlier bill printed it.
        Of another subscription of the customer's it is all that its bills say, or nothing.
        """
        prices, is_wide = condition.prices, is_of_customer(condition)
        within = {
            (act.condition.key, act.kind)
            for act in self._acted
            if not prices or (act.condition.prices and set(act.condition.prices) <= set(prices))
        }
        until = self.footing.counts_until
        return sum(
            (
                each.amount if until is None else each.counted_until(until)
                for each in self._counted
                if each.counts_from in over.span
                and (is_wide or not each.of_another)
                and (
                    (not prices or each.price_key in prices)
                    if each.kind is LineKind.PRICE
                    else (each.price_key, each.kind) in within
                    or (each.of_another and each.price_key != condition.key)
                )
            ),
            ZERO,
        )

    def before(self, over: Counted, condition: Commitment | SpendLimit, kind: LineKind) -> Decimal:
        """What the condition itself was printed with before, in that time."""
        is_wide = is_of_customer(condition)
        return sum(
            (
                each.amount
                for each in self._counted
                if each.kind is kind
                and each.price_key == condition.key
                and each.counts_from in over.span
                and (is_wide or not each.of_another)
            ),
            ZERO,
        )

    def line(
        self, kind: LineKind, condition: Commitment | SpendLimit, over: Counted, step: Step
    ) -> ConditionLine | None:
        """A line of what a condition makes of its time, less what was printed of that before.

        What it makes is rounded first, as if there were one bill; then many come to the same. None
        where nothing is left.
        """
        steps = [step]
        rounded = round_decimal(step.amount, self.digits)
        if rounded != step.amount:
            steps.append(single("rounded", rounded - step.amount))
        before = self.before(over, condition, kind)
        if before:
            steps.append(single("billed_before", -before))
        rated = line(ONE, *steps)
        if not rated.amount:
            return None
        return ConditionLine(
            kind=kind,
            key=condition.key,
            name=condition.name,
            service_period=over.span if self.footing.counts_until else self.footing.service_period,
            rated=rated,
            of_prices=condition.prices,
        )

    def prorated(self, amount: Decimal, over: Counted) -> Decimal:
        """An amount for a part of its time: that share of it, rounded, so that it can be shown."""
        if over.share.is_whole:
            return amount
        return round_decimal(over.share.of(amount), self.digits)


def _countable(priced: Iterable[PricedLine], footing: Footing) -> Iterator[EarlierLine]:
    """The lines of this bill's prices as conditions count them, without those of what is next.

    What it gives back of time beyond the full period was not charged with it, and does not count.
    """
    period = footing.ended or footing.service_period
    full = period_containing(footing.cycle, period.starts)
    for each in priced:
        if each.is_of_next:
            continue
        starts = each.service_starts
        if starts < full.ends:
            starts = counts_from(starts, each.amount, period)
        yield EarlierLine(
            each.price_key,
            LineKind.PRICE,
            starts,
            each.amount,
            service_starts=each.service_starts,
            until=each.until,
        )


def _promised(book: _Book, commitment: Commitment, over: Counted) -> Decimal:
    """What a commitment promises for the time, in money."""
    amount = commitment.amount(over.number)
    if commitment.promise is Promise.QUANTITY:
        price = _price(book.footing.plan.prices, commitment.prices[0])
        amount = worth_of(price.rule, amount, Promise.QUANTITY)
    return book.prorated(amount, over)


def _price(prices: Sequence[Price], key: str) -> Price:
    return next(price for price in prices if price.key == key)


def _overage(book: _Book, commitment: Commitment) -> ConditionLine | None:
    """What use beyond the commitment costs on top of its price."""
    if commitment.overage_factor == 1:
        return None
    over = counted_over(book.footing, commitment.per, prorates=commitment.prorates)
    if over is None:
        return None
    promised = _promised(book, commitment, over)
    used = book.charged(over, commitment)
    owed = overage_of(used, promised, commitment.overage_factor)
    beyond = max(used - promised, ZERO)
    factor = commitment.overage_factor - 1
    terms = {"promised": promised, "charged": used, "factor": commitment.overage_factor}
    step = Step("beyond_commitment", beyond, factor, owed, terms)
    return book.line(LineKind.OVERAGE, commitment, over, step)


def _maximum(book: _Book, limit: SpendLimit) -> ConditionLine | None:
    """What is given back because no more than the maximum is owed."""
    if limit.maximum is None:
        return None
    over = counted_over(book.footing, limit.per, prorates=limit.prorates)
    if over is None:
        return None
    most = book.prorated(limit.maximum, over)
    charged = book.charged(over, limit)
    owed = max(charged - most, ZERO)
    terms = {"maximum": most, "charged": charged}
    return book.line(LineKind.MAXIMUM, limit, over, single("spend_maximum", -owed, terms))


def _minimum(book: _Book, limit: SpendLimit) -> ConditionLine | None:
    """What is missing to the minimum, once its time is over."""
    if limit.minimum is None:
        return None
    over = counted_over(book.footing, limit.per, prorates=limit.prorates)
    if over is None or not over.is_over:
        return None
    least = book.prorated(limit.minimum, over)
    charged = book.charged(over, limit)
    terms = {"minimum": least, "charged": charged} | _parts(over)
    step = single(_code("spend_minimum", over), max(least - charged, ZERO), terms)
    return book.line(LineKind.MINIMUM, limit, over, step)


def _true_up(book: _Book, commitment: Commitment) -> ConditionLine | None:
    """What is missing to the commitment, once its time is over."""
    over = counted_over(book.footing, commitment.per, prorates=commitment.prorates)
    if not commitment.has_true_up or over is None or not over.is_over:
        return None
    promised = _promised(book, commitment, over)
    charged = book.charged(over, commitment)
    terms = {"promised": promised, "charged": charged} | _parts(over)
    step = single(_code("true_up", over), max(promised - charged, ZERO), terms)
    return book.line(LineKind.TRUE_UP, commitment, over, step)


def _code(code: str, over: Counted) -> str:
    """The kind of a step that says whether it is of a part of the time."""
    return code if over.share.is_whole else f"{code}_part"


def _parts(over: Counted) -> dict[str, Decimal]:
    """How much of its full time a condition is for, where it is a part."""
    if over.share.is_whole:
        return {}
    return {
        "parts": Decimal(over.share.numerator),
        "of_parts": Decimal(over.share.denominator),
    }


def _coupon(footing: Footing, key: str, name: str, rated: RatedLine) -> ConditionLine:
    return ConditionLine(
        kind=LineKind.COUPON,
        key=key,
        name=name,
        service_period=footing.service_period,
        rated=rated,
    )
