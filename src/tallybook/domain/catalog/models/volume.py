"""`volume`: all units pay the price of the tier that the whole quantity falls in."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import Rule
from tallybook.domain.catalog.models.tiers import (
    TIER_SENTENCES,
    Beyond,
    Tier,
    charge_tier,
    check_tiers,
    no_usage,
    prorated_tiers,
    reached,
)
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step, line


class Volume(Rule, frozen=True, tag="volume"):
    """All units pay the price of the tier that the whole quantity falls in, and its flat amount.

    A quantity of exactly `up_to` belongs to that tier. One more unit may cost less than none: the
    amount is not monotonic where a later tier is cheaper. Zero reaches no tier, unless
    `zero_quantity_charges_first_flat_fee`.
    """

    tiers: tuple[Tier, ...]
    zero_quantity_charges_first_flat_fee: bool = False
    beyond: Beyond | None = None

    sentences: ClassVar[Sentences] = {
        **TIER_SENTENCES,
        "volume": {
            "en": (
                "{quantity} {unit}, in the tier up to {until},{quantity:| all} at "
                "{unit_amount}{quantity:| each} = {amount}"
            ),
            "sv": (
                "{quantity} {unit}, i nivån upp till {until},{quantity:| alla} à {unit_amount} = "
                "{amount}"
            ),
            "de": (
                "{quantity} {unit}, in der Staffel bis {until},{quantity:| alle} zu{quantity:| "
                "je} {unit_amount} = {amount}"
            ),
        },
        "volume_open": {
            "en": (
                "{quantity} {unit}, in the tier above {above},{quantity:| all} at "
                "{unit_amount}{quantity:| each} = {amount}"
            ),
            "sv": (
                "{quantity} {unit}, i nivån över {above},{quantity:| alla} à {unit_amount} = "
                "{amount}"
            ),
            "de": (
                "{quantity} {unit}, in der Staffel über {above},{quantity:| alle} zu{quantity:| "
                "je} {unit_amount} = {amount}"
            ),
        },
        "volume_blocks": {
            "en": (
                "{units} {unit}, in the tier up to {until}: {quantity} {quantity:block|blocks} of "
                "{block_size} at {unit_amount}{quantity:| each} = {amount}"
            ),
            "sv": (
                "{units} {unit}, i nivån upp till {until}: {quantity} block om {block_size} à "
                "{unit_amount} = {amount}"
            ),
            "de": (
                "{units} {unit}, in der Staffel bis {until}: {quantity} {quantity:Block|Blöcke} à "
                "{block_size} zu{quantity:| je} {unit_amount} = {amount}"
            ),
        },
        "volume_open_blocks": {
            "en": (
                "{units} {unit}, in the tier above {above}: {quantity} {quantity:block|blocks} of "
                "{block_size} at {unit_amount}{quantity:| each} = {amount}"
            ),
            "sv": (
                "{units} {unit}, i nivån över {above}: {quantity} block om {block_size} à "
                "{unit_amount} = {amount}"
            ),
            "de": (
                "{units} {unit}, in der Staffel über {above}: {quantity} {quantity:Block|Blöcke} "
                "à {block_size} zu{quantity:| je} {unit_amount} = {amount}"
            ),
        },
    }

    def check(self) -> None:
        check_tiers(self.tiers, beyond=self.beyond)

    def prorated(self, within: InForce) -> Self:
        return msgspec.structs.replace(self, tiers=prorated_tiers(self.tiers, within))

    def rate(self, quantity: Decimal) -> RatedLine:
        if not quantity:
            return no_usage(
                self.tiers[0].flat_amount, charges_flat=self.zero_quantity_charges_first_flat_fee
            )
        tier, below = reached(quantity, self.tiers)
        if tier.up_to is None or (quantity > tier.up_to and self.beyond is Beyond.LAST_TIER):
            return line(quantity, *charge_tier("volume_open", quantity, tier, {"above": below}))
        inside = min(quantity, tier.up_to)
        steps = charge_tier("volume", inside, tier, {"above": below, "until": tier.up_to})
        if quantity > inside:
            free = quantity - inside
            steps.append(Step("beyond_free", free, ZERO, ZERO, {"above": inside}))
        return line(quantity, *steps)
