"""What is done around a price's rule, in the one order that there is.

Unit conversion → allowance → rule → percentage discount → maximum → minimum. Each leaves a step in
the working, so the line can be followed from the measured quantity to the amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tallybook.domain.catalog.adjustments import NegativeQuantity
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.usage_need import Circumstances, Portion
from tallybook.domain.catalog.working import ZERO, RatedLine, Step, single


def rate_adjusted(
    price: Price,
    portions: Sequence[Portion],
    circumstances: Circumstances,
    *,
    allowance: Decimal,
) -> RatedLine:
    """Rate usage under a price with all its adjustments. Runs under `exactly()`.

    `allowance` is what is left of the price's for this line. Portions use it up in their order.
    """
    measured = sum((portion.quantity for portion in portions), ZERO)
    steps: list[Step] = []
    portions = _converted(price, portions, measured, steps)
    portions = _above_zero(price, portions, steps)
    portions = _after_allowance(portions, allowance, steps)
    rated = _rate(price, portions, circumstances)
    steps += rated.working
    amount = rated.amount
    if price.discount_pct:
        share = -price.discount_pct.scaleb(-2)
        terms = {"percent": price.discount_pct}
        steps.append(Step("discount", amount, share, amount * share, terms))
        amount += steps[-1].amount
    if price.maximum is not None and amount > price.maximum:
        steps.append(single("maximum", price.maximum - amount, {"maximum": price.maximum}))
        amount = price.maximum
    if price.minimum is not None and amount < price.minimum:
        steps.append(single("minimum", price.minimum - amount, {"minimum": price.minimum}))
        amount = price.minimum
    return RatedLine(measured, amount, tuple(steps))


def split_allowance(
    allowance: Decimal, quantity: Decimal, *, used: Decimal = ZERO
) -> tuple[Decimal, Decimal]:
    """How much of `quantity` an allowance covers and how much is left to pay.

    `used` is what came before in the same period and took its part first.
    """
    covered = min(max(allowance - used, ZERO), quantity)
    return covered, quantity - covered


def cap_spend(maximum: Decimal, amount: Decimal, *, spent: Decimal = ZERO) -> Decimal:
    """How much of `amount` is owed when `spent` of a period's maximum is spent already."""
    return min(max(maximum - spent, ZERO), amount)


def after_credits(amount: Decimal, credits_: Sequence[Decimal]) -> Decimal:
    """What is still due of `amount` once credits are deducted in turn; never below zero."""
    for credit in credits_:
        amount = max(amount - credit, ZERO)
    return amount


def _converted(
    price: Price, portions: Sequence[Portion], measured: Decimal, steps: list[Step]
) -> Sequence[Portion]:
    if price.conversion is None:
        return portions
    convert = price.conversion.convert
    changed = [
        Portion(convert(portion.quantity), portion.dimensions, portion.starts_at)
        for portion in portions
    ]
    terms = {"converted": sum((portion.quantity for portion in changed), ZERO)}
    if price.conversion.divide_by is not None:
        terms["divide_by"] = price.conversion.divide_by
    elif price.conversion.multiply_by is not None:
        terms["multiply_by"] = price.conversion.multiply_by
    labels = {"priced_unit": price.conversion.unit} if price.conversion.unit else {}
    steps.append(Step("conversion", measured, ZERO, ZERO, terms, labels))
    return changed


def _above_zero(price: Price, portions: Sequence[Portion], steps: list[Step]) -> Sequence[Portion]:
    """Portions below zero become zero, unless they are a credit."""
    if price.negative_quantity is NegativeQuantity.CREDIT:
        return portions
    below = sum((portion.quantity for portion in portions if portion.quantity < 0), ZERO)
    if not below:
        return portions
    steps.append(Step("negative_free", below, ZERO, ZERO))
    return [
        Portion(max(portion.quantity, ZERO), portion.dimensions, portion.starts_at)
        for portion in portions
    ]


def _after_allowance(
    portions: Sequence[Portion], allowance: Decimal, steps: list[Step]
) -> Sequence[Portion]:
    if not allowance:
        return portions
    left = allowance
    paid = []
    for portion in portions:
        covered, rest = (
            split_allowance(left, portion.quantity)
            if portion.quantity > 0
            else (
                ZERO,
                portion.quantity,
            )
        )
        left -= covered
        paid.append(Portion(rest, portion.dimensions, portion.starts_at))
    steps.append(Step("allowance", allowance - left, ZERO, ZERO, {"allowance": allowance}))
    return paid


def _rate(price: Price, portions: Sequence[Portion], circumstances: Circumstances) -> RatedLine:
    below = [portion for portion in portions if portion.quantity < 0]
    if not below:
        return price.rule.rate_portions(portions, circumstances)
    above = [portion for portion in portions if portion.quantity >= 0]
    lines = []
    if above:
        lines.append(price.rule.rate_portions(above, circumstances))
    opposite = [
        Portion(-portion.quantity, portion.dimensions, portion.starts_at) for portion in below
    ]
    lines.append(_mirrored(price.rule.rate_portions(opposite, circumstances)))
    steps = tuple(step for rated in lines for step in rated.working)
    quantity = sum((rated.quantity for rated in lines), ZERO)
    return RatedLine(quantity, sum((rated.amount for rated in lines), ZERO), steps)


def _mirrored(rated: RatedLine) -> RatedLine:
    """The line that takes `rated` back, step by step."""
    steps = tuple(
        Step(step.code, -step.quantity, step.unit_amount, -step.amount, step.terms, step.labels)
        for step in rated.working
    )
    return RatedLine(-rated.quantity, -rated.amount, steps)
