"""`graduated_percentage`: of each part of an amount the percentage of its tier."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import Rule, check_amount, check_rate
from tallybook.domain.catalog.models.tiers import (
    FLAT_SENTENCES,
    Beyond,
    check_bounds,
    entered,
    no_usage,
    prorated_bounds,
)
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step, line, single


class PercentTier(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step: `rate_pct` of the part of the amount in it, and once its flat amount."""

    up_to: Decimal | None = None
    rate_pct: Decimal = Decimal(0)
    flat_amount: Decimal = Decimal(0)


class GraduatedPercentage(Rule, frozen=True, tag="graduated_percentage"):
    """The quantity is an amount of money; each part of it pays the percentage of its tier.

    Boundaries, flat amounts and zero are as in `graduated`.
    """

    tiers: tuple[PercentTier, ...]
    zero_quantity_charges_first_flat_fee: bool = False
    beyond: Beyond | None = None

    sentences: ClassVar[Sentences] = {
        **FLAT_SENTENCES,
        "percent_tier_flat": {
            "en": "Flat fee for the tier above {above:money}: {amount}",
            "sv": "Fast avgift för nivån över {above:money}: {amount}",
            "de": "Festbetrag der Staffel über {above:money}: {amount}",
        },
        "percent_beyond_free": {
            "en": "{base} above {above:money}: free",
            "sv": "{base} över {above:money}: utan kostnad",
            "de": "{base} über {above:money}: kostenlos",
        },
        "first_percent_tier": {
            "en": "{percent}% of the first {base} = {amount}",
            "sv": "{percent}\u00a0% av de första {base} = {amount}",
            "de": "{percent}\u00a0% der ersten {base} = {amount}",
        },
        "next_percent_tier": {
            "en": "{percent}% of the next {base} = {amount}",
            "sv": "{percent}\u00a0% av följande {base} = {amount}",
            "de": "{percent}\u00a0% der nächsten {base} = {amount}",
        },
    }

    def check(self) -> None:
        check_bounds(self.tiers, beyond=self.beyond)
        for index, tier in enumerate(self.tiers):
            check_rate(tier.rate_pct, f"tiers/{index}/rate_pct")
            check_amount(tier.flat_amount, f"tiers/{index}/flat_amount")

    def prorated(self, within: InForce) -> Self:
        ends = prorated_bounds(self.tiers, within)
        tiers = tuple(
            PercentTier(end, tier.rate_pct, within.amount(tier.flat_amount))
            for tier, end in zip(self.tiers, ends, strict=True)
        )
        return msgspec.structs.replace(self, tiers=tiers)

    def rate(self, quantity: Decimal) -> RatedLine:
        if not quantity:
            return no_usage(
                self.tiers[0].flat_amount, charges_flat=self.zero_quantity_charges_first_flat_fee
            )
        steps: list[Step] = []
        for tier, below, ceiling in entered(quantity, self.tiers, self.beyond):
            share = ceiling - below
            terms = {"above": below, "until": ceiling}
            if tier is None:
                steps.append(Step("percent_beyond_free", share, ZERO, ZERO, terms))
                continue
            code = "next_percent_tier" if steps else "first_percent_tier"
            terms["percent"] = tier.rate_pct
            rate = tier.rate_pct.scaleb(-2)
            steps.append(Step(code, share, rate, share * rate, terms))
            if tier.flat_amount:
                code = "percent_tier_flat" if below else "first_tier_flat"
                steps.append(single(code, tier.flat_amount, terms))
        return line(quantity, *steps)
