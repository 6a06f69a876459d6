"""Changes: facts about a subscription that are added and never altered.

Each says from when it holds; what a subscription is to at an instant is folded from all of them
(timeline.py). A change made by mistake is undone by another one, and an undoing can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.subscriptions.calendar import Cycle
from tallybook.domain.subscriptions.contract import Contract


class Proration(StrEnum):
    """What a change in mid-period does to the fees of that period.

    `PRORATED`: the old terms count up to it, the new ones from it on. `FULL`: the new ones count
    as if from the period's start. `NONE`: the old ones count to the period's end.
    """

    PRORATED = "prorated"
    FULL = "full"
    NONE = "none"


class What(
    msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=True, forbid_unknown_fields=True
):
    """What is different from then on. Base of the union of changes."""


class Meeting(StrEnum):
    """How many there are of a fee that a change of plan meets, by what was said of it by then.

    `UNTAKEN`: an add-on, none unless something was said. `KEPT`: one that was charged before and is
    an add-on now, once unless something was said. `OWED`: an add-on before and of the plan now,
    once where there was none. `NONE`: none, whatever was said.
    """

    UNTAKEN = "untaken"
    KEPT = "kept"
    OWED = "owed"
    NONE = "none"


class ToPlan(What, frozen=True, tag="plan"):
    """To another plan version: an upgrade, a downgrade, the next phase.

    With a `cycle` the periods follow that from then on, and the open period ends with the change.
    `fees` says of those that were decided ahead how many there are then.
    """

    plan_version_id: str
    cycle: Cycle | None = None
    fees: dict[str, Meeting] = {}


class SetQuantity(What, frozen=True, tag="set_quantity"):
    """So many of a fee: seats, licences, an add-on; zero is none."""

    price_key: str
    quantity: Decimal


class AddQuantity(What, frozen=True, tag="add_quantity"):
    """So many more, or less. Added up in any order the sum is the same."""

    price_key: str
    quantity: Decimal


class Pause(What, frozen=True, tag="pause"):
    """No service and no fees until it is resumed; the calendar goes on."""


class Resume(What, frozen=True, tag="resume"):
    """Service and fees again."""


class EndTrial(What, frozen=True, tag="end_trial"):
    """From now on it is paid for; with a `cycle`, in periods counted from its anchor."""

    cycle: Cycle | None = None


class SetCycle(What, frozen=True, tag="calendar"):
    """Its periods follow another rule; the open period ends with the change."""

    cycle: Cycle


class Bind(What, frozen=True, tag="contract"):
    """Both are bound by a contract, in place of one there was.

    `renews_into` is the plan version that it goes to when the first term ends.
    """

    contract: Contract
    renews_into: str | None = None


class EndContract(What, frozen=True, tag="end"):
    """It is over. With `FULL` its last period costs nothing; with `NONE` it costs all of it."""


class Reactivate(What, frozen=True, tag="reactivate"):
    """It begins again, to what it was when it ended. The time between is not charged."""

    cycle: Cycle | None = None


class Undo(What, frozen=True, tag="undo"):
    """As if the change of that number had never been made."""

    number: int


AnyWhat = (
    ToPlan
    | SetQuantity
    | AddQuantity
    | Pause
    | Resume
    | EndTrial
    | SetCycle
    | Bind
    | EndContract
    | Reactivate
    | Undo
)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, the `number`th recorded of its subscription, counted from 1.

    It holds from `effective_at`, which may lie before or after `recorded_at`.
    """

    number: int
    effective_at: datetime
    recorded_at: datetime
    what: AnyWhat
    proration: Proration = Proration.PRORATED


def is_undone(changes: Iterable[Change], number: int) -> bool:
    """Whether the change of that number, an undoing perhaps, is undone by a later one."""
    undone: set[int] = set()
    for change in sorted(changes, key=lambda change: change.number, reverse=True):
        if change.number == number:
            return number in undone
        if change.number not in undone and isinstance(change.what, Undo):
            undone.add(change.what.number)
    return False


def standing(changes: Iterable[Change]) -> list[Change]:
    """The changes that count, in order of when they hold: neither undone nor an undoing.

    Of two that hold from the same instant, the one recorded later has the last word.
    """
    latest_first = sorted(changes, key=lambda change: change.number, reverse=True)
    undone: set[int] = set()
    kept = []
    for change in latest_first:
        if change.number in undone:
            continue
        if isinstance(change.what, Undo):
            undone.add(change.what.number)
        else:
            kept.append(change)
    return sorted(kept, key=lambda change: (change.effective_at, change.number))
