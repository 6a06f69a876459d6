"""`graduated`: every unit pays the price of the tier it falls in."""

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
    entered,
    no_usage,
    prorated_tiers,
)
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step, line


class Graduated(Rule, frozen=True, tag="graduated"):
    """Every unit pays the price of the tier it falls in; `up_to` belongs to the tier below.

    A tier's flat amount is owed in full once a part of a unit falls into it. Tiers beyond the
    quantity are not entered. Zero enters no tier, unless `zero_quantity_charges_first_flat_fee`.
    """

    tiers: tuple[Tier, ...]
    zero_quantity_charges_first_flat_fee: bool = False
    beyond: Beyond | None = None

    sentences: ClassVar[Sentences] = {
        **TIER_SENTENCES,
        "first_tier": {
            "en": "First {quantity} {unit} at {unit_amount}{quantity:| each} = {amount}",
            "sv": "{quantity:Först|Första} {quantity} {unit} à {unit_amount} = {amount}",
            "de": (
                "{quantity:Zuerst|Die ersten} {quantity} {unit} zu{quantity:| je} {unit_amount} = "
                "{amount}"
            ),
        },
        "next_tier": {
            "en": "Next {quantity} {unit} at {unit_amount}{quantity:| each} = {amount}",
            "sv": "Därefter {quantity} {unit} à {unit_amount} = {amount}",
            "de": "Dann {quantity} {unit} zu{quantity:| je} {unit_amount} = {amount}",
        },
        "first_tier_blocks": {
            "en": (
                "First {units} {unit}: {quantity} {quantity:block|blocks} of {block_size} at "
                "{unit_amount}{quantity:| each} = {amount}"
            ),
            "sv": (
                "{units:Först|Första} {units} {unit}: {quantity} block om {block_size} à "
                "{unit_amount} = {amount}"
            ),
            "de": (
                "{units:Zuerst|Die ersten} {units} {unit}: {quantity} {quantity:Block|Blöcke} à "
                "{block_size} zu{quantity:| je} {unit_amount} = {amount}"
            ),
        },
        "next_tier_blocks": {
            "en": (
                "Next {units} {unit}: {quantity} {quantity:block|blocks} of {block_size} at "
                "{unit_amount}{quantity:| each} = {amount}"
            ),
            "sv": (
                "Därefter {units} {unit}: {quantity} block om {block_size} à {unit_amount} = "
                "{amount}"
            ),
            "de": (
                "Dann {units} {unit}: {quantity} {quantity:Block|Blöcke} à {block_size} "
                "zu{quantity:| je} {unit_amount} = {amount}"
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
        steps: list[Step] = []
        for tier, below, ceiling in entered(quantity, self.tiers, self.beyond):
            if tier is None:
                steps.append(Step("beyond_free", ceiling - below, ZERO, ZERO, {"above": below}))
                continue
            code = "next_tier" if steps else "first_tier"
            steps += charge_tier(code, ceiling - below, tier, {"above": below, "until": ceiling})
        return line(quantity, *steps)
