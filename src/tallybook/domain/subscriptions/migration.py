"""Migrations: subscribers of a plan moved to another version of it, or to another plan.

Nobody is moved unless a migration says so: publishing a version leaves every subscription on the
one that it has. A migration makes of each subscriber an ordinary change of its subscription.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.kernel.instants import to_utc
from tallybook.domain.subscriptions.changes import Proration


class MoveAt(StrEnum):
    """When a subscriber is moved: at once, when the period it is in ends, or the term of its
    contract, or at a date."""

    NOW = "now"
    PERIOD_END = "period_end"
    TERM_END = "term_end"
    DATE = "date"


class Cohort(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which subscribers of a plan: all, unless it says less. What it says must all be true.

    `versions` that they are on now; customers by key; subscriptions that started from, and before,
    a time. Negotiated contracts are left alone unless `includes_negotiated`.
    """

    versions: tuple[int, ...] = ()
    customers: tuple[str, ...] = ()
    started_from: datetime | None = None
    started_before: datetime | None = None
    includes_negotiated: bool = False


class MigrationOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to move, where to, and when.

    From `plan` to `to_plan`, or within the plan; to `to_version`, or the latest that is sold.
    """

    key: str
    plan: str
    to_plan: str = ""
    to_version: int | None = None
    cohort: Cohort = Cohort()
    at: MoveAt = MoveAt.PERIOD_END
    effective_at: datetime | None = None
    proration: Proration = Proration.PRORATED

    def checked(self) -> MigrationOrder:
        """The same in UTC; refused where it cannot be what was meant."""
        checked_key(self.key)
        if (self.at is MoveAt.DATE) is not (self.effective_at is not None):
            raise Invalid(
                "date_of_migration",
                "A migration at a date says which, and another one does not.",
                field="effective_at",
                mend="Send at: date with effective_at, or neither.",
            )
        times = {
            "effective_at": (self.effective_at, "effective_at"),
            "started_from": (self.cohort.started_from, "cohort/started_from"),
            "started_before": (self.cohort.started_before, "cohort/started_before"),
        }
        utc = {
            name: None if at is None else to_utc(at, field=field)
            for name, (at, field) in times.items()
        }
        cohort = msgspec.structs.replace(
            self.cohort,
            started_from=utc["started_from"],
            started_before=utc["started_before"],
        )
        return msgspec.structs.replace(self, cohort=cohort, effective_at=utc["effective_at"])


class MemberState(StrEnum):
    """What became of a subscriber. `SKIPPED` was never moved, `KEPT` could not be moved back."""

    WAITING = "waiting"
    MOVED = "moved"
    SKIPPED = "skipped"
    UNDONE = "undone"
    KEPT = "kept"


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """A migration to a plan version that was settled on when it was made.

    One that `goes_on` is run by the server itself until nobody is left, forth and back.
    """

    key: str
    order: MigrationOrder
    to_plan: str
    to_version: int
    to_version_id: str
    is_undoing: bool = False
    goes_on: bool = False
    created_at: datetime


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription in a migration, what became of it, by which changes, or why not."""

    subscription_id: str
    subscription_key: str
    customer_key: str
    state: MemberState = MemberState.WAITING
    changes: tuple[int, ...] = ()
    reason: str = ""


def refuse_another(kept: Migration, order: MigrationOrder) -> None:
    """Refuse to make a migration that exists and was asked for otherwise."""
    if kept.order != order:
        raise Conflicting(
            "migration_differs",
            f"There is a migration {kept.key!r} already, asked for otherwise.",
            field="key",
            mend="Choose another key.",
        )
