"""Orders: what can be asked of a subscription. Deciding makes facts of them (changing.py)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.overrides import Overrides
from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.subscriptions.calendar import Alignment
from tallybook.domain.subscriptions.changes import (
    AddQuantity,
    EndContract,
    Pause,
    Proration,
    Resume,
    SetQuantity,
)
from tallybook.domain.subscriptions.contract import Renewal


class ChangeAt(StrEnum):
    """When a change takes hold: at once, when the period that now is in ends, or when the term of
    the contract does."""

    NOW = "now"
    PERIOD_END = "period_end"
    TERM_END = "term_end"


class Order(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True):
    """What is asked for. Base of the union of orders; some are facts as they stand."""


class PlanOrder(Order, frozen=True, tag="plan"):
    """To another plan; the latest version, unless one is named.

    With `overrides` the contract says otherwise than that plan. Left out, those that it has go
    along to another version of the same plan, and end with a change to another plan.
    """

    plan: str
    version: int | None = None
    overrides: Overrides | None = None


class OverrideOrder(Order, frozen=True, tag="override"):
    """To other overrides over the same plan version: all of them anew; empty are none."""

    overrides: Overrides


class EndTrialOrder(Order, frozen=True, tag="end_trial"):
    """The trial is over; what was to happen at its end is called off.

    At a time after its end it is extended instead: what was to happen happens then.
    """


class ReactivateOrder(Order, frozen=True, tag="reactivate"):
    """It begins again, on the calendar that it had."""


class CalendarOrder(Order, frozen=True, tag="calendar"):
    """Periods are counted otherwise from then on: from another anchor, or with the calendar.

    An anchor may lie ahead; the first period leads up to it. Left out, it is the change's own time.
    """

    alignment: Alignment = Alignment.ANNIVERSARY
    anchor: datetime | None = None


class ContractOrder(Order, frozen=True, tag="contract"):
    """Both are bound for a term, from then on.

    `renewal` says what follows it; with `renews_into`, the key of a plan, the subscription goes to
    that plan when the first term ends. Notice is due `notice_days` whole days before a term ends.
    """

    interval: Interval = Interval.YEAR
    interval_count: int = 1
    renewal: Renewal = Renewal.ANOTHER_TERM
    renews_into: str | None = None
    notice_days: int = 0


AnyOrder = (
    PlanOrder
    | OverrideOrder
    | SetQuantity
    | AddQuantity
    | Pause
    | Resume
    | EndTrialOrder
    | EndContract
    | ReactivateOrder
    | CalendarOrder
    | ContractOrder
)
"""What can be asked of a subscription, told apart by `kind`."""


class ChangeOrder(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A change that is asked for: from now on, from the period's or the term's end on, or from
    `effective_at`.

    `effective_at` may lie before now, or ahead. `proration` says what it does to the fees of the
    period that it falls in. With `bills_at_once` an invoice for that is drawn up at once. With a
    `key` of your own it is made once: sent again it answers what was recorded the first time.
    """

    what: AnyOrder
    at: ChangeAt = ChangeAt.NOW
    effective_at: datetime | None = None
    proration: Proration = Proration.PRORATED
    bills_at_once: bool = False
    key: str = ""

    def check(self) -> None:
        """Refuse a key that is none."""
        if self.key:
            checked_key(self.key)


class MadeOrder(msgspec.Struct, frozen=True):
    """An order with a key that was made: the numbers of the changes that were recorded for it, and
    the ids of the invoices that were drawn up at once."""

    order: ChangeOrder
    changes: tuple[int, ...]
    invoices: tuple[str, ...] = ()

    def check_same(self, again: ChangeOrder) -> None:
        """Refuse another order under the same key."""
        if again != self.order:
            raise Conflicting(
                "change_differs",
                f"Another change was made under the key {again.key!r}.",
                field="key",
                mend="Choose another key for another change.",
            )
