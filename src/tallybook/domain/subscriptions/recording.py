"""Recording: facts are added to a subscription's course, and it is settled by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from tallybook.domain.kernel.errors import Conflicting, Invalid
from tallybook.domain.kernel.instants import to_utc
from tallybook.domain.subscriptions.changes import AnyWhat, Change, Proration
from tallybook.domain.subscriptions.course import Course, course_of, settled

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Where the world's clocks are known or can be supposed."""

_MOST_CHANGES = 10_000
"""Changes that one subscription may have: each bill folds them all."""

Dated = tuple[datetime, AnyWhat]
"""What is different, and from when on."""


def record(
    course: Course,
    whats: Sequence[AnyWhat],
    *,
    at: datetime,
    now: datetime,
    proration: Proration = Proration.PRORATED,
) -> Course:
    """The course with these facts added, and the subscription settled by them."""
    return record_dated(course, [(at, what) for what in whats], now=now, proration=proration)


def record_dated(
    course: Course,
    dated: Iterable[Dated],
    *,
    now: datetime,
    proration: Proration = Proration.PRORATED,
) -> Course:
    """As `record`, of facts that hold from different times."""
    subscription = course.subscription
    added = [
        Change(number=number, effective_at=at, recorded_at=now, what=what, proration=proration)
        for number, (at, what) in enumerate(dated, start=subscription.change_count + 1)
    ]
    number = subscription.change_count + len(added)
    if number > _MOST_CHANGES:
        raise Conflicting(
            "too_many_changes",
            f"Subscription {subscription.key!r} was changed {_MOST_CHANGES:,} times.",
            mend="End it, and start another one.",
        )
    counted = msgspec.structs.replace(subscription, change_count=number)
    known = course_of(counted, (*course.changes, *added))
    return msgspec.structs.replace(known, subscription=settled(known))


def checked_time(instant: datetime, field: str) -> datetime:
    """The instant in UTC; refused where the world's clocks are neither known nor supposed."""
    utc = to_utc(instant, field=field)
    if not _EARLIEST <= utc < _LATEST:
        raise Invalid(
            "time_out_of_range",
            f"{utc.isoformat()} is out of range.",
            field=field,
            mend=f"Send a time from {_EARLIEST.year} to {_LATEST.year - 1}.",
        )
    return utc


def says_nothing(message: str) -> Conflicting:
    """The refusal of a change that alters nothing."""
    return Conflicting("nothing_changes", message, field="what", mend="Nothing needs to be done.")
