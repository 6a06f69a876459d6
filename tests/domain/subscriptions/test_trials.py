"""Trials: how they end, by time and by usage, and what goes with their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from contracts import day, fee, plan, subscription
from tallybook.domain.catalog.plan import Interval
from tallybook.domain.kernel.errors import Refusal
from tallybook.domain.subscriptions.calendar import Alignment, Cycle
from tallybook.domain.subscriptions.changing import decide_change, undo
from tallybook.domain.subscriptions.course import Course, status_on
from tallybook.domain.subscriptions.life import NamedPlans, Start, agreed
from tallybook.domain.subscriptions.orders import ChangeOrder, EndTrialOrder
from tallybook.domain.subscriptions.recording import record_dated
from tallybook.domain.subscriptions.subscription import Status
from tallybook.domain.subscriptions.timeline import billing_periods
from tallybook.domain.subscriptions.trials import (
    Trial,
    TrialOrder,
    after_trial,
    trial_end,
    trial_moved,
)

BASIC = plan(fee("base", "10"))
FREE = msgspec.structs.replace(plan(fee("base", "0")), id="plan_2", plan_key="free")
PLANS = {version.id: version for version in (BASIC, FREE)}


def begun(
    alignment: Alignment = Alignment.ANNIVERSARY,
    contract: dict[str, Any] | None = None,
    **trial: Any,
) -> Course:
    """On trial from 1 January on."""
    asked = msgspec.convert(
        {
            "key": "acme",
            "customer": "acme",
            "plan": "pro",
            "trial": trial,
            **({"contract": contract} if contract else {}),
        },
        Start,
    )
    named = NamedPlans(free=FREE if trial.get("free_plan") else None)
    scheduled = subscription(alignment=alignment, status=Status.SCHEDULED)
    return agreed(scheduled, asked, BASIC, named, now=day(1))


def story(course: Course) -> list[tuple[str, str, str]]:
    """Each stretch: from when on, the plan, whether it is a trial."""
    return [
        (
            f"{part.span.starts:%d %b}",
            part.terms.plan_version_id,
            "trial" if part.terms.is_trial else "paid",
        )
        for part in course.line
    ]


def ended(course: Course, at: datetime) -> Course:
    order = ChangeOrder(what=EndTrialOrder())
    return decide_change(course, order, at=at, now=at, plans=PLANS)


@pytest.mark.parametrize(
    ("trial", "expected", "why"),
    [
        ({"days": 14}, [("01 Jan", "plan_1", "trial"), ("15 Jan", "plan_1", "paid")], "paid"),
        (
            {"days": 14, "then": "free", "free_plan": "free"},
            [("01 Jan", "plan_1", "trial"), ("15 Jan", "plan_2", "paid")],
            "on to the free plan",
        ),
        ({"days": 14, "then": "ended"}, [("01 Jan", "plan_1", "trial")], "over"),
    ],
)
def test_what_a_trial_ends_in(trial: dict[str, Any], expected: list[Any], why: str) -> None:
    course = begun(**trial)
    assert story(course) == expected, why
    first = next(billing_periods(course.line, day(12)))
    assert first.ends == day(1, 15), "a trial is a period of its own, however long"


@pytest.mark.parametrize(
    ("alignment", "second_ends", "why"),
    [
        (Alignment.ANNIVERSARY, day(2, 15), "counted from the trial's end: the first is whole"),
        (Alignment.CALENDAR, day(2), "a stub up to the calendar's next boundary"),
    ],
)
def test_the_first_paid_period(alignment: Alignment, second_ends: datetime, why: str) -> None:
    _, second, *_ = billing_periods(begun(alignment, days=14).line, day(12))
    assert (second.starts, second.ends) == (day(1, 15), second_ends), why


@pytest.mark.parametrize(
    ("trial", "ends", "why"),
    [
        ({"usage": {"meter": "calls", "quantity": 100}}, day(1, year=2027), "a year at most"),
        ({"usage": {"meter": "calls", "quantity": 100}, "days": 30}, day(1, 31), "the sooner"),
        ({"ends_at": "2026-01-20T09:00:00Z"}, day(1, 20, 9), "a time"),
    ],
)
def test_how_long_a_trial_is(trial: dict[str, Any], ends: datetime, why: str) -> None:
    assert trial_end(begun(**trial)) == ends, why


@pytest.mark.parametrize(
    ("trial", "field", "why"),
    [
        ({}, "trial", "it would never end"),
        ({"days": 14, "ends_at": "2026-01-20T09:00:00Z"}, "trial", "which of the two"),
        ({"days": 0}, "trial/days", "no trial"),
        ({"ends_at": "2026-01-01T00:00:00Z"}, "trial/ends_at", "over before it begins"),
        ({"usage": {"meter": "calls", "quantity": 0}}, "trial/usage/quantity", "used up at once"),
        ({"days": 14, "then": "free"}, "trial/free_plan", "which plan"),
    ],
)
def test_trials_that_cannot_be(trial: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(Refusal) as refused:
        begun(**trial)
    assert refused.value.field == field, why
    assert refused.value.mend


@pytest.mark.parametrize(
    ("trial", "expected", "why"),
    [
        ({"days": 14}, [("01 Jan", "plan_1", "trial"), ("05 Jan", "plan_1", "paid")], "paid"),
        (
            {"days": 14, "then": "free", "free_plan": "free"},
            [("01 Jan", "plan_1", "trial"), ("05 Jan", "plan_2", "paid")],
            "what was agreed for its end comes sooner",
        ),
        ({"days": 14, "then": "ended"}, [("01 Jan", "plan_1", "trial")], "over sooner"),
    ],
)
def test_used_up(trial: dict[str, Any], expected: list[Any], why: str) -> None:
    course = begun(usage={"meter": "calls", "quantity": 10}, **trial)
    over = record_dated(course, trial_moved(course, day(1, 5, 7)), now=day(1, 6))
    assert story(over) == expected, why
    assert trial_end(over) == day(1, 5, 7), "to the very event"


def test_ending_a_trial_early_and_undoing_that_brings_its_end_back() -> None:
    course = begun(days=14, then="ended")
    early = ended(course, day(1, 8))
    assert story(early) == [("01 Jan", "plan_1", "trial"), ("08 Jan", "plan_1", "paid")]
    assert early.subscription.ends_at is None, "what was to happen at its end is called off"
    back = undo(early, early.changes[-1].number, now=day(1, 9), plans=PLANS)
    assert back.line == course.line, "as if it had never been ended early"
    assert status_on(back, day(1, 20)) is Status.ENDED


def test_a_contract_begins_when_the_trial_ends_also_if_that_is_sooner() -> None:
    contract = {"interval": "year", "renewal": "nothing"}
    course = begun(days=14, contract=contract)
    assert course.subscription.ends_at == day(1, 15, year=2027)
    assert ended(course, day(1, 8)).subscription.ends_at == day(1, 8, year=2027)
    used_up = record_dated(course, trial_moved(course, day(1, 3)), now=day(1, 3))
    assert used_up.subscription.ends_at == day(1, 3, year=2027)


def test_the_trial_of_another_zone_ends_by_its_own_clock() -> None:
    """Over the night in which clocks go forward, fourteen days are an hour less."""
    starts = datetime(2026, 3, 20, 9, tzinfo=UTC)
    until = TrialOrder(days=14).until(starts, "Europe/Stockholm")
    assert until - starts == timedelta(days=14, hours=-1)
    by_month = Cycle(
        interval=Interval.MONTH,
        alignment=Alignment.ANNIVERSARY,
        anchor=starts,
        timezone="Europe/Stockholm",
    )
    dated = after_trial(Trial(ends_at=until), by_month, starts_at=starts)
    assert [at for at, _ in dated] == [until]


def test_a_quantity_is_exact() -> None:
    order = msgspec.convert({"usage": {"meter": "m", "quantity": "0.1"}}, TrialOrder)
    assert order.watch is not None
    assert order.watch.limit is not None
    assert order.watch.limit.quantity == Decimal("0.1")


@pytest.mark.parametrize(
    ("trial", "expected", "why"),
    [
        ({"days": 14}, [("01 Jan", "plan_1", "trial"), ("30 Jan", "plan_1", "paid")], "later"),
        (
            {"days": 14, "then": "free", "free_plan": "free"},
            [("01 Jan", "plan_1", "trial"), ("30 Jan", "plan_2", "paid")],
            "what was agreed for its end comes later too",
        ),
        ({"days": 14, "then": "ended"}, [("01 Jan", "plan_1", "trial")], "not yet over"),
    ],
)
def test_extended(trial: dict[str, Any], expected: list[Any], why: str) -> None:
    course = begun(**trial)
    order = ChangeOrder(what=EndTrialOrder())
    later = decide_change(course, order, at=day(1, 30), now=day(1, 9), plans=PLANS)
    assert story(later) == expected, why
    assert trial_end(later) == day(1, 30), why
    with pytest.raises(Refusal, match=r"no trial|does not run"):
        decide_change(course, order, at=day(1, 30), now=day(1, 16), plans=PLANS)


def test_the_end_of_a_trial_is_moved_and_not_just_undone() -> None:
    with pytest.raises(Refusal) as refused:
        undo(begun(days=14), 1, now=day(1, 9), plans=PLANS)
    assert refused.value.code == "trial_without_end"
