"""`tiered_overage`: graduated tiers that end, and one rate for all beyond."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.graduated import Graduated
from tallybook.domain.catalog.models.rule import Rule, check_amount
from tallybook.domain.catalog.models.stairstep import Stairstep, overage
from tallybook.domain.catalog.models.tiers import (
    Beyond,
    Tier,
    check_tiers,
    prorated_tiers,
)
from tallybook.domain.catalog.working import RatedLine, Sentences, line
from tallybook.domain.kernel.errors import Invalid


class TieredOverage(Rule, frozen=True, tag="tiered_overage"):
    """Units up to the last tier's end are charged as `graduated`, those beyond at one rate."""

    tiers: tuple[Tier, ...]
    overage_unit_amount: Decimal
    zero_quantity_charges_first_flat_fee: bool = False

    sentences: ClassVar[Sentences] = {
        **Graduated.sentences,
        "overage": Stairstep.sentences["overage"],
    }

    def check(self) -> None:
        check_tiers(self.tiers, beyond=Beyond.FREE)
        check_amount(self.overage_unit_amount, "overage_unit_amount")
        if self.tiers[-1].up_to is None:
            raise Invalid(
                "no_room_for_overage",
                "The last tier has no end, so no unit is ever beyond it.",
                field=f"tiers/{len(self.tiers) - 1}/up_to",
                mend="Give the last tier an up_to, or use the model graduated.",
            )

    def prorated(self, within: InForce) -> Self:
        return msgspec.structs.replace(self, tiers=prorated_tiers(self.tiers, within))

    def rate(self, quantity: Decimal) -> RatedLine:
        end = self.tiers[-1].up_to
        assert end is not None, "the last tier ends"
        inside = Graduated(self.tiers, self.zero_quantity_charges_first_flat_fee, Beyond.FREE).rate(
            min(quantity, end)
        )
        if quantity <= end:
            return inside
        beyond = overage(quantity - end, self.overage_unit_amount, end)
        return line(quantity, *inside.working, beyond)
