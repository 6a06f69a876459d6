"""Bill a customer who has a limit on all that it spends one transaction at a time, in order.

Two subscriptions of such a customer may be billed at the same moment: by two chunks side by side,
or one by a run and one at once. Each would leave out what the other is billed for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tallybook.domain.catalog.overrides import Overrides
from tallybook.domain.catalog.spending import is_of_customer
from tallybook.domain.invoicing.invoice import Invoice
from tallybook.services.ports import Records

_MOST_IN_A_TURN = 1_000_000
"""Bills of one customer that a transaction can number."""


class Turns:
    """The customers whose bills a transaction draws up alone, and how many it drew up of each."""

    def __init__(self, taken: Mapping[str, int]) -> None:
        self._next = {name: turn * _MOST_IN_A_TURN for name, turn in taken.items()}

    def numbered(self, invoice: Invoice, customer_id: str) -> Invoice:
        """A bill of a subscription of this customer, with its place after all before it."""
        turn = self._next.get(customer_id)
        if turn is None:
            return invoice
        self._next[customer_id] = turn + 1
        return msgspec.structs.replace(invoice, turn=turn)


def take_turns(records: Records, customer_ids: Iterable[str]) -> Turns:
    """Hold others off billing these customers until the transaction ends, where a limit counts all.

    Whoever waited reads what the others drew up: so this comes before anything is read that bills
    go by. Customers without such a limit wait for nobody.
    """
    return Turns(records.turns.take(customer_ids))


def agree_on_limits(
    records: Records, plans: Iterable[str | None], overrides: Iterable[Overrides | None] = ()
) -> None:
    """Wait for bills under way before a subscription is to plans, by key, or to overrides, that
    limit all that its customer spends.

    Whoever draws up a bill now knows nothing of the limit; the bill that meets it must know of
    that bill. So this comes first in a transaction, before it holds anything that bills wait for.
    """
    said = [limit for each in overrides if each is not None for limit in each.spend_limits or ()]
    named = [plan for plan in plans if plan is not None]
    records.turns.agree(named, otherwise=any(is_of_customer(limit) for limit in said))
