"""From period to period: docs/semantics/periods.md. A late run reaches what a punctual one does."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import available_timezones

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.catalog.plan import Interval, PlanTerms, PlanVersion, publish
from tallybook.domain.catalog.price import Flat, Price
from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.calendar import Alignment
from tallybook.domain.subscriptions.cycle import (
    End,
    NotDue,
    Open,
    Renew,
    closed,
    decide_cycle,
    full_period,
)
from tallybook.domain.subscriptions.life import Start, begin
from tallybook.domain.subscriptions.subscription import Status, Subscription, status_at


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def version(interval: Interval = Interval.MONTH, count: int = 1) -> PlanVersion:
    terms = PlanTerms(
        plan_key="pro",
        name="Pro",
        currency="EUR",
        interval=interval,
        interval_count=count,
        prices=(Price(key="base", name="Base", rule=Flat(Decimal(10))),),
    )
    return publish(terms, None, organization_id="org", now=at("2026-01-01T00:00Z"))


def begun(asked: Start, zone: str = "UTC", to: PlanVersion | None = None) -> Subscription:
    now = at("2026-01-01T00:00Z")
    customer = Customer(
        id="cus", key="acme", name="Acme", currency="EUR", timezone=zone, created_at=now
    )
    return begin(asked, customer, to or version(), subscription_id="sub", now=now)


def start(starts: str, ends: str | None = None, alignment: str = "anniversary") -> Start:
    return Start(
        key="s",
        customer="acme",
        plan="pro",
        starts_at=at(starts),
        ends_at=at(ends) if ends else None,
        alignment=Alignment(alignment),
    )


def run(subscription: Subscription, now: datetime) -> tuple[Subscription, list[Span]]:
    """Everything that is due at `now`, and the periods that were closed."""
    billed = []
    while subscription.status is not Status.ENDED:
        decision = decide_cycle(subscription, now=now)
        if isinstance(decision, NotDue):
            break
        if not isinstance(decision, Open):
            billed.append(subscription.period)
        subscription = closed(subscription, decision)
    return subscription, billed


@pytest.mark.parametrize(
    ("asked", "zone", "first", "why"),
    [
        (start("2026-01-31T10:00Z"), "UTC", "2026-02-28T00:00Z", "the anchor's day, clamped"),
        (start("2026-01-31T10:00Z", alignment="calendar"), "UTC", "2026-02-01T00:00Z", "a stub"),
        (start("2026-01-31T23:30Z"), "Asia/Tokyo", "2026-02-28T15:00Z", "1 February in Tokyo"),
        (start("2026-01-01T00:00Z", alignment="calendar"), "UTC", "2026-02-01T00:00Z", "no stub"),
        (start("2026-01-10T00:00Z", "2026-01-20T00:00Z"), "UTC", "2026-01-20T00:00Z", "it ends"),
        (
            msgspec.structs.replace(start("2026-01-10T00:00Z"), anchor=at("2025-06-15T00:00Z")),
            "UTC",
            "2026-01-15T00:00Z",
            "an anchor of its own",
        ),
    ],
)
def test_the_first_period(asked: Start, zone: str, first: str, why: str) -> None:
    subscription = begun(asked, zone)
    assert subscription.period == Span(asked.starts_at or at("2026-01-01T00:00Z"), at(first)), why
    assert full_period(subscription).ends >= subscription.period.ends


@pytest.mark.parametrize(
    ("now", "status", "cancel", "expected", "why"),
    [
        ("2025-12-31T23:59Z", "scheduled", False, NotDue(at("2026-01-01T00:00Z")), "not begun"),
        ("2026-01-01T00:00Z", "scheduled", False, "open", "begun to the microsecond"),
        ("2026-03-09T00:00Z", "scheduled", False, "open", "opened first, however late"),
        ("2026-01-31T23:59Z", "active", False, NotDue(at("2026-02-01T00:00Z")), "still running"),
        ("2026-02-01T00:00Z", "active", False, "renew", "due with its last microsecond past"),
        ("2026-03-09T00:00Z", "active", False, "renew", "stamped with the period, not with now"),
        ("2026-02-01T00:00Z", "active", True, End(at("2026-02-01T00:00Z")), "an end outranks"),
        ("2026-03-09T00:00Z", "active", True, End(at("2026-02-01T00:00Z")), "also decided late"),
    ],
)
def test_decide_cycle(now: str, status: str, cancel: bool, expected: object, why: str) -> None:
    subscription = begun(start("2026-01-01T00:00Z", "2026-02-01T00:00Z" if cancel else None))
    subscription = msgspec.structs.replace(subscription, status=Status(status))
    january, february = at("2026-02-01T00:00Z"), at("2026-03-01T00:00Z")
    named = {"open": Open(subscription.period), "renew": Renew(Span(january, february))}
    wanted = named.get(expected, expected) if isinstance(expected, str) else expected
    assert decide_cycle(subscription, now=at(now)) == wanted, why


def test_an_end_in_mid_period_cuts_the_last_one() -> None:
    subscription = begun(start("2026-01-01T00:00Z", "2026-03-10T12:00Z"))
    ended, billed = run(subscription, at("2026-06-01T00:00Z"))
    assert [period.ends for period in billed] == [
        at("2026-02-01T00:00Z"),
        at("2026-03-01T00:00Z"),
        at("2026-03-10T12:00Z"),
    ]
    assert (ended.status, ended.ends_at) == (Status.ENDED, at("2026-03-10T12:00Z"))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-09T00:00Z", Status.SCHEDULED),
        ("2026-01-10T00:00Z", Status.ACTIVE),
        ("2026-01-20T00:00Z", Status.ENDED),
    ],
)
def test_the_status_is_that_of_the_clock_also_while_the_books_are_behind(
    now: str, expected: Status
) -> None:
    subscription = begun(start("2026-01-10T00:00Z", "2026-01-20T00:00Z"))
    assert subscription.status is Status.SCHEDULED
    assert status_at(subscription, at(now)) is expected


_BOUNDS = [datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (2000, 2039)]
INSTANTS = st.datetimes(*_BOUNDS, timezones=st.just(UTC))


@given(
    starts=INSTANTS,
    interval=st.sampled_from([Interval.WEEK, Interval.MONTH, Interval.QUARTER]),
    alignment=st.sampled_from(Alignment),
    zone=st.sampled_from(sorted(available_timezones())),
    days=st.lists(st.integers(0, 200), max_size=6),
    lasts=st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=200)),
)
def test_a_late_run_reaches_what_punctual_ones_do(
    starts: datetime,
    interval: Interval,
    alignment: Alignment,
    zone: str,
    days: list[int],
    lasts: timedelta | None,
) -> None:
    """Runs at any times, then at the end: the same periods closed, once, and the same state."""
    asked = Start(
        key="s",
        customer="acme",
        plan="pro",
        starts_at=starts,
        ends_at=None if lasts is None else starts + lasts,
        alignment=alignment,
    )
    fresh = begun(asked, zone, version(interval))
    end = starts + timedelta(days=201)
    late, billed_late = run(fresh, end)
    often, billed_often = fresh, []
    for day in sorted(days):
        often, billed = run(often, starts + timedelta(days=day))
        billed_often += billed
    often, billed = run(often, end)
    assert (often, billed_often + billed) == (late, billed_late)
    chain = [*billed_late, *([] if late.status is Status.ENDED else [late.period])]
    assert chain[0].starts == starts
    assert all(one.ends == other.starts for one, other in itertools.pairwise(chain))
    assert chain[-1].ends == (asked.ends_at if late.status is Status.ENDED else late.period.ends)
