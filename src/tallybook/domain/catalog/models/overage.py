"""`overage`: an allowance for one amount, then a rate."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import Rule, check_amount
from tallybook.domain.catalog.models.stairstep import Stairstep, overage
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step, line, single


class Overage(Rule, frozen=True, tag="overage"):
    """`flat_amount` buys `allowance` units; each unit beyond costs `unit_amount`.

    The flat amount is owed without usage too: it is for the promise, not for the use.
    """

    allowance: Decimal
    unit_amount: Decimal
    flat_amount: Decimal = Decimal(0)

    sentences: ClassVar[Sentences] = {
        "included": {
            "en": "{quantity} {unit} of {allowance} included: free",
            "sv": "{quantity} {unit} av {allowance} som ingår: utan kostnad",
            "de": "{quantity} {unit} von {allowance} enthaltenen: kostenlos",
        },
        "included_for": {
            "en": "{allowance} {unit:allowance} included: {amount}",
            "sv": "{allowance} {unit:allowance} ingår: {amount}",
            "de": "{allowance} {unit:allowance} enthalten: {amount}",
        },
        "overage": Stairstep.sentences["overage"],
    }

    def check(self) -> None:
        check_amount(self.allowance, "allowance")
        check_amount(self.unit_amount, "unit_amount")
        check_amount(self.flat_amount, "flat_amount")

    def prorated(self, within: InForce) -> Self:
        return msgspec.structs.replace(
            self,
            allowance=within.units(self.allowance),
            flat_amount=within.amount(self.flat_amount),
        )

    def rate(self, quantity: Decimal) -> RatedLine:
        inside = min(quantity, self.allowance)
        if self.flat_amount:
            terms = {"allowance": self.allowance, "units": self.allowance}
            first = single("included_for", self.flat_amount, terms)
        else:
            first = Step("included", inside, ZERO, ZERO, {"allowance": self.allowance})
        if quantity == inside:
            return line(quantity, first)
        return line(quantity, first, overage(quantity - inside, self.unit_amount, inside))
