"""`flat`: one amount a period."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import Rule, check_amount
from tallybook.domain.catalog.working import RatedLine, Sentences, line, single


class Flat(Rule, frozen=True, tag="flat"):
    """One amount a period, whatever the quantity, also when it is zero."""

    amount: Decimal

    sentences: ClassVar[Sentences] = {
        "flat": {
            "en": "Flat fee: {amount}",
            "sv": "Fast avgift: {amount}",
            "de": "Festbetrag: {amount}",
        },
    }

    def check(self) -> None:
        check_amount(self.amount, "amount")

    def prorated(self, within: InForce) -> Self:
        return msgspec.structs.replace(self, amount=within.amount(self.amount))

    def rate(self, quantity: Decimal) -> RatedLine:
        return line(quantity, single("flat", self.amount))
