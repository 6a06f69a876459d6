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
            "en": "Sum of the amounts in the events: {amount}",
            "sv": "Summan av beloppen i händelserna: {amount}",
            "de": "Summe der Beträge in den Ereignissen: {amount}",
        },
        "marked_up": {
            "en": "{base}, the sum of the amounts in the events, × {multiplier} = {amount}",
            "sv": "{base}, summan av beloppen i händelserna, × {multiplier} = {amount}",
            "de": "{base}, die Summe der Beträge in den Ereignissen, × {multiplier} = {amount}",
        },
    }

    def check(self) -> None:
        check_amount(self.multiplier, "multiplier")

    def rate(self, quantity: Decimal) -> RatedLine:
        amount = quantity * self.multiplier
        code = "passed_on" if self.multiplier == 1 else "marked_up"
        terms = {"multiplier": self.multiplier}
        return RatedLine(quantity, amount, (Step(code, quantity, self.multiplier, amount, terms),))
