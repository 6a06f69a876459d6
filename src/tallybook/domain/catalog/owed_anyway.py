"""What of a plan is owed by who uses nothing: of a free plan nothing may be."""

from __future__ import annotations

from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.spending import Promise
from tallybook.domain.catalog.working import ONE, ZERO
from tallybook.domain.kernel.decimals import exactly


def owed_anyway(terms: PlanTerms) -> str | None:
    """The name of the first price or condition by which something is owed without usage.

    A fee, unless it is an add-on; a usage price with an amount for no usage, or with a minimum; a
    commitment that is filled up; a least amount of spending. None where there is no such.
    """
    for price in terms.prices:
        if not price.is_optional and _is_owed(price):
            return price.name
    for commitment in terms.commitments:
        if commitment.has_true_up and any(commitment.amounts):
            counted = {price.key: price for price in terms.prices}
            is_money = commitment.promise is Promise.AMOUNT
            if is_money or counted[commitment.prices[0]].rule.rate(max(commitment.amounts)).amount:
                return commitment.name
    for limit in terms.spend_limits:
        if limit.minimum:
            return limit.name
    return None


def _is_owed(price: Price) -> bool:
    if price.minimum:
        return True
    if price.discount_pct == 100 or price.maximum == ZERO:
        return False
    with exactly():
        return bool(price.rule.rate(ONE if price.meter is None else ZERO).amount)
