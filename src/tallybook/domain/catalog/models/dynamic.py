"""`dynamic`: the price comes with the event."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from tallybook.domain.catalog.models.rule import Rule, check_amount
from tallybook.domain.catalog.working import RatedLine, Sentences, Step


class Dynamic(Rule, frozen=True, tag="dynamic"):
    """The quantity is an amount already, in the plan's currency, summed from what events say.

    `multiplier` is the mark-up: 1 passes the amount on, 1.2 adds a fifth.
    """

    multiplier: Decimal = Decimal(1)

    sentences: ClassVar[Sentences] = {
        "passed_on": {
            "en": "{base}, as the events say",
            "sv": "{base}, enligt händelserna",
            "de": "{base}, laut den Ereignissen",
        },
        "marked_up": {
            "en": "{base}, as the events say, × {multiplier} = {amount}",
            "sv": "{base}, enligt händelserna, × {multiplier} = {amount}",
            "de": "{base}, laut den Ereignissen, × {multiplier} = {amount}",
        },
    }

    def check(self) -> None:
        check_amount(self.multiplier, "multiplier")

    def rate(self, quantity: Decimal) -> RatedLine:
        amount = quantity * self.multiplier
        code = "passed_on" if self.multiplier == 1 else "marked_up"
        terms = {"multiplier": self.multiplier}
        return RatedLine(quantity, amount, (Step(code, quantity, self.multiplier, amount, terms),))
