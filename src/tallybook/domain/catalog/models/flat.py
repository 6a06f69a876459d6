"""`flat`: one amount a period."""

from __future__ import annotations

from decimal import Decimal

from tallybook.domain.catalog.models.rule import Rule, check_amount
from tallybook.domain.catalog.working import RatedLine, line, single


class Flat(Rule, frozen=True, tag="flat"):
    """One amount a period, whatever the quantity, also when it is zero."""

    amount: Decimal

    def check(self) -> None:
        check_amount(self.amount, "amount")

    def rate(self, quantity: Decimal) -> RatedLine:
        return line(quantity, single("flat", self.amount))
