"""`stairstep`: one amount for the step that the quantity falls in."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import Rule, check_amount
from tallybook.domain.catalog.models.tiers import (
    FLAT_SENTENCES,
    Beyond,
    check_bounds,
    no_usage,
    prorated_bounds,
    reached,
)
from tallybook.domain.catalog.working import RatedLine, Sentences, Step, line, single


class Stair(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step: up to and with `up_to`, all of it costs `amount`."""

    amount: Decimal
    up_to: Decimal | None = None


class Stairstep(Rule, frozen=True, tag="stairstep"):
    """The quantity costs the amount of the step it falls in, and of that step alone.

    Past a last step that ends, each unit costs `overage_unit_amount` on top of the last amount.
    Zero costs nothing, unless `zero_quantity_charges_first_flat_fee`.
    """

    tiers: tuple[Stair, ...]
    overage_unit_amount: Decimal | None = None
    zero_quantity_charges_first_flat_fee: bool = False

    sentences: ClassVar[Sentences] = {
        **FLAT_SENTENCES,
        "stair": {
            "en": "{units} {unit}, in the step up to {until}: {amount}",
            "sv": "{units} {unit}, i steget upp till {until}: {amount}",
            "de": "{units} {unit}, in der Stufe bis {until}: {amount}",
        },
        "stair_open": {
            "en": "{units} {unit}, in the step above {above}: {amount}",
            "sv": "{units} {unit}, i steget över {above}: {amount}",
            "de": "{units} {unit}, in der Stufe über {above}: {amount}",
        },
        "overage": {
            "en": "{quantity} {unit} above {above} at {unit_amount}{quantity:| each} = {amount}",
            "sv": "{quantity} {unit} över {above} à {unit_amount} = {amount}",
            "de": "{quantity} {unit} über {above} zu{quantity:| je} {unit_amount} = {amount}",
        },
    }

    def check(self) -> None:
        beyond = None if self.overage_unit_amount is None else Beyond.LAST_TIER
        check_bounds(self.tiers, beyond=beyond)
        for index, stair in enumerate(self.tiers):
            check_amount(stair.amount, f"tiers/{index}/amount")
        if self.overage_unit_amount is not None:
            check_amount(self.overage_unit_amount, "overage_unit_amount")

    def prorated(self, within: InForce) -> Self:
        ends = prorated_bounds(self.tiers, within)
        stairs = tuple(
            Stair(within.amount(stair.amount), end)
            for stair, end in zip(self.tiers, ends, strict=True)
        )
        return msgspec.structs.replace(self, tiers=stairs)

    def rate(self, quantity: Decimal) -> RatedLine:
        if not quantity:
            return no_usage(
                self.tiers[0].amount, charges_flat=self.zero_quantity_charges_first_flat_fee
            )
        stair, below = reached(quantity, self.tiers)
        if stair.up_to is None:
            terms = {"above": below, "units": quantity}
            return line(quantity, single("stair_open", stair.amount, terms))
        inside = min(quantity, stair.up_to)
        terms = {"above": below, "until": stair.up_to, "units": inside}
        step = single("stair", stair.amount, terms)
        if quantity == inside:
            return line(quantity, step)
        return line(quantity, step, overage(quantity - inside, self.overage_unit_amount, inside))


def overage(units: Decimal, unit_amount: Decimal | None, above: Decimal) -> Step:
    """The step of units beyond what is included."""
    assert unit_amount is not None, "a price that ends says what comes after"
    return Step("overage", units, unit_amount, units * unit_amount, {"above": above})
