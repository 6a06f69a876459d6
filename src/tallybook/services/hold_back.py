"""Close a customer's subscriptions in order of time, where a condition counts all of them.

A limit on all that a customer spends is met by the bill of the subscription that has it. So that
bill is drawn up after those of the customer's others that are due by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from tallybook.domain.invoicing.billing_run import Stuck, stuck_at
from tallybook.domain.invoicing.reckoned import plan_versions_of
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.subscriptions.changes import Change
from tallybook.domain.subscriptions.subscription import Status, Subscription
from tallybook.services.draw_up_invoices import Contracts
from tallybook.services.ports import Records


def whole_customers(
    chunk: list[Subscription], contracts: Contracts, chunk_size: int
) -> list[Subscription]:
    """A full chunk without its last customer, who may have more that is due; the next has all.

    Where no condition counts all that a customer has, the chunk as it is.
    """
    last = chunk[-1].customer_id
    if not any(plan.counts_customer for plan in contracts.plans.values()):
        return chunk
    if len(chunk) < chunk_size or chunk[0].customer_id == last:
        return chunk
    return [each for each in chunk if each.customer_id != last]


WAITS_FOR_OTHERS = "waits_for_others"
"""The code of being stuck until other subscriptions of the customer are closed."""


_Turn = tuple[datetime, bool, str]
"""In which order a customer's subscriptions are closed: when due, those with a limit last."""


class Holding:
    """Which subscriptions of a chunk can be closed now, and which wait for others."""

    def __init__(
        self,
        records: Records,
        contracts: Contracts,
        chunk: Sequence[Subscription],
        *,
        until: datetime,
    ) -> None:
        self._until = until
        self.stuck: list[Stuck] = []
        counting = {name for name, plan in contracts.plans.items() if plan.counts_customer}
        self._bearing = {
            each.id for each in chunk if counting and _bears(each, contracts.changes, counting)
        }
        self._customers = {each.customer_id for each in chunk if each.id in self._bearing}
        self._first_outside: dict[str, _Turn] = {}
        if self._bearing:
            self._look_outside(records, {each.id for each in chunk})

    def ready(
        self, pending: Sequence[Subscription]
    ) -> tuple[list[Subscription], list[Subscription]]:
        """Those to close in this round, and those that wait for them."""
        if not self._bearing:
            return list(pending), []
        groups: dict[str, list[Subscription]] = defaultdict(list)
        ready: list[Subscription] = []
        waiting: list[Subscription] = []
        for each in pending:
            if each.customer_id in self._customers:
                groups[each.customer_id].append(each)
            else:
                ready.append(each)
        for group in groups.values():
            in_turn = sorted(group, key=self._turn)
            if self._is_held(in_turn[0]):
                held = [each for each in in_turn if each.id in self._bearing]
                self.stuck += [stuck_at(each.key, _waits()) for each in held]
                in_turn = [each for each in in_turn if each.id not in self._bearing]
            if not in_turn:
                continue
            first = in_turn[0]
            together = sum(self._turn(each)[:2] == (_due(first), False) for each in in_turn) or 1
            ready += in_turn[:together]
            waiting += in_turn[together:]
        return ready, waiting

    def wait_for(self, subscriptions: Sequence[Subscription], stuck: Sequence[Stuck]) -> None:
        """Hold back what counts those of these subscriptions that could not be closed."""
        if self._bearing and stuck:
            keys = {each.subscription_key for each in stuck}
            self.wait_for_all([each for each in subscriptions if each.key in keys])

    def wait_for_all(self, subscriptions: Sequence[Subscription]) -> None:
        """Hold back what counts these subscriptions: they are due, and stay so."""
        for each in subscriptions:
            if each.customer_id in self._customers:
                turn = self._turn(each)
                self._first_outside[each.customer_id] = min(
                    self._first_outside.get(each.customer_id, turn), turn
                )

    def _turn(self, subscription: Subscription) -> _Turn:
        return _due(subscription), subscription.id in self._bearing, subscription.id

    def _is_held(self, subscription: Subscription) -> bool:
        """Whether one that has a limit must wait for another that this run does not close.

        Of two that have one and are due together the first by id goes first, so that they do not
        wait for each other.
        """
        outside = self._first_outside.get(subscription.customer_id)
        return (
            subscription.id in self._bearing
            and outside is not None
            and outside < self._turn(subscription)
            and _due(subscription) <= self._until
        )

    def _look_outside(self, records: Records, inside: set[str]) -> None:
        found = [
            each
            for each in records.subscriptions.of_customers(self._customers)
            if each.id not in inside and each.status is not Status.ENDED
        ]
        if not found:
            return
        changed = [each.id for each in found if each.change_count]
        changes = records.subscriptions.changes_of(changed) if changed else {}
        named = {
            name for each in found for name in plan_versions_of(each, changes.get(each.id, ()))
        }
        plans = records.plans.by_ids(named)
        counting = {name for name, plan in plans.items() if plan.counts_customer}
        self._bearing |= {each.id for each in found if _bears(each, changes, counting)}
        self.wait_for_all(found)


def _bears(
    subscription: Subscription,
    changes: Mapping[str, tuple[Change, ...]],
    counting: set[str],
) -> bool:
    """Whether any of its versions is one that counts all of its customer's subscriptions."""
    versions = plan_versions_of(subscription, changes.get(subscription.id, ()))
    return not counting.isdisjoint(versions)


def _due(subscription: Subscription) -> datetime:
    is_ahead = subscription.status is Status.SCHEDULED
    return subscription.period.starts if is_ahead else subscription.period.ends


def _waits() -> Conflicting:
    return Conflicting(
        WAITS_FOR_OTHERS,
        "Its limit counts all of the customer's subscriptions, and one of them is not closed yet: "
        "another run is at it, or it is stuck.",
        mend="Mend what is stuck, if the run says so; the next run closes it.",
    )
