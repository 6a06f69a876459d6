"""`per_unit`: every unit costs the same."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from tallybook.domain.catalog.models.rule import Rule, check_amount
from tallybook.domain.catalog.working import RatedLine, Sentences, Step


class PerUnit(Rule, frozen=True, tag="per_unit"):
    """Every unit costs the same; a part of a unit costs its part."""

    unit_amount: Decimal

    sentences: ClassVar[Sentences] = {
        "per_unit": {
            "en": "{quantity} {unit} at {unit_amount}{quantity:| each} = {amount}",
            "sv": "{quantity} {unit} à {unit_amount} = {amount}",
            "de": "{quantity} {unit} zu{quantity:| je} {unit_amount} = {amount}",
        },
    }

    def check(self) -> None:
        check_amount(self.unit_amount, "unit_amount")

    def rate(self, quantity: Decimal) -> RatedLine:
        amount = quantity * self.unit_amount
        return RatedLine(quantity, amount, (Step("per_unit", quantity, self.unit_amount, amount),))
