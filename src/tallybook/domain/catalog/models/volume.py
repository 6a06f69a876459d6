"""`volume`: all units pay the price of the tier that the whole quantity falls in."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from tallybook.domain.catalog.models.rule import Rule
from tallybook.domain.catalog.models.tiers import (
    TIER_SENTENCES,
    Beyond,
    Tier,
    charge_tier,
    check_tiers,
    no_usage,
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
            "en": "{quantity} {unit}, up to {until}: all at {unit_amount} each = {amount}",
            "sv": "{quantity} {unit}, upp till {until}: alla à {unit_amount} = {amount}",
            "de": "{quantity} {unit}, bis {until}: alle zu je {unit_amount} = {amount}",
        },
        "volume_open": {
            "en": "{quantity} {unit}, above {above}: all at {unit_amount} each = {amount}",
            "sv": "{quantity} {unit}, över {above}: alla à {unit_amount} = {amount}",
            "de": "{quantity} {unit}, über {above}: alle zu je {unit_amount} = {amount}",
        },
        "volume_blocks": {
            "en": (
                "{units} {unit}, up to {until}: {quantity} × {block_size} at {unit_amount} "
                "= {amount}"
            ),
            "sv": (
                "{units} {unit}, upp till {until}: {quantity} × {block_size} à {unit_amount} "
                "= {amount}"
            ),
            "de": (
                "{units} {unit}, bis {until}: {quantity} × {block_size} zu je {unit_amount} "
                "= {amount}"
            ),
        },
        "volume_open_blocks": {
            "en": (
                "{units} {unit}, above {above}: {quantity} × {block_size} at {unit_amount} "
                "= {amount}"
            ),
            "sv": (
                "{units} {unit}, över {above}: {quantity} × {block_size} à {unit_amount} = {amount}"
            ),
            "de": (
                "{units} {unit}, über {above}: {quantity} × {block_size} zu je {unit_amount} "
                "= {amount}"
            ),
        },
    }

    def check(self) -> None:
        check_tiers(self.tiers, beyond=self.beyond)

    def rate(self, quantity: Decimal) -> RatedLine:
        if not quantity:
            return no_usage(
                self.tiers[0].flat_amount, charges_flat=self.zero_quantity_charges_first_flat_fee
            )
        below = ZERO
        for tier in self.tiers:
            if tier.up_to is None:
                return line(quantity, *charge_tier("volume_open", quantity, tier, {"above": below}))
            if quantity <= tier.up_to:
                terms = {"above": below, "until": tier.up_to}
                return line(quantity, *charge_tier("volume", quantity, tier, terms))
            below = tier.up_to
        top = self.tiers[-1]
        start = self.tiers[-2].up_to or ZERO if len(self.tiers) > 1 else ZERO
        if self.beyond is Beyond.LAST_TIER:
            return line(quantity, *charge_tier("volume_open", quantity, top, {"above": start}))
        terms = {"above": start, "until": below}
        steps = charge_tier("volume", below, top, terms)
        free = Step("beyond_free", quantity - below, ZERO, ZERO, {"above": below})
        return line(quantity, *steps, free)
