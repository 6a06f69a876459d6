"""Bills of one customer drawn up at the same moment: what one counts is what came before it.

Rules: docs/semantics/conditions.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from contracts import day
from story import Answer, Clock, Story, played, told
from tallybook.domain.catalog.overrides import Overrides
from tallybook.domain.catalog.spending import SpendLimit
from tallybook.domain.customers.organization import Organization
from tallybook.domain.subscriptions.changes import SetQuantity
from tallybook.domain.subscriptions.changing import decide_change
from tallybook.domain.subscriptions.life import Start
from tallybook.domain.subscriptions.orders import ChangeOrder, OverrideOrder, PlanOrder
from tallybook.services.bill_change import bill_at_once
from tallybook.services.change_subscription import change_subscription, keep_course, load_course
from tallybook.services.close_period import close_due_periods
from tallybook.services.ports import Wiring
from tallybook.services.recalculate_invoice import recalculate_invoice
from tallybook.services.start_subscription import start_subscription

CALLS: Answer = {
    "key": "calls",
    "name": "Calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "10"},
}
SEAT: Answer = {
    "key": "seat",
    "name": "Seat",
    "rule": {"model": "flat", "amount": "31"},
    "timing": "in_advance",
}
LIMIT: Answer = {"key": "in_all", "name": "In all", "minimum": "100", "whose": "customer"}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        plan(begun, "limited", CALLS, spend_limits=[LIMIT])
        plan(begun, "seats", SEAT)
        yield begun


def plan(story: Story, key: str, *prices: Answer, **said: Any) -> None:
    body = {"key": key, "name": key.title(), "currency": "EUR", "prices": list(prices)}
    story.post("/v1/plans", {**body, **said})


def subscribe(story: Story, key: str, plan: str, **said: Any) -> None:
    body = {"key": key, "customer": "acme", "plan": plan, "alignment": "calendar"}
    story.post("/v1/subscriptions", {**body, "starts_at": day(1).isoformat(), **said})


def verified(story: Story) -> dict[str, list[tuple[str, Decimal]]]:
    """The lines of every bill by subscription, in order of drawing up; each is verified."""
    found: dict[str, list[tuple[str, Decimal]]] = {}
    for subscription in story.get("/v1/subscriptions")["results"]:
        headers = story.get("/v1/invoices", subscription=subscription["key"])["results"]
        for header in reversed(headers):
            verification = story.post(f"/v1/invoices/{header['id']}/verify")
            assert verification["is_equal"], verification["differences"]
            lines = story.get(f"/v1/invoices/{header['id']}")["lines"]
            found.setdefault(subscription["key"], []).extend(
                (line["price_key"], Decimal(line["amount"])) for line in lines
            )
    return found


WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
"""Who waits for such a lock, in any transaction of this PostgreSQL's."""


def of_january(billed: dict[str, list[tuple[str, Decimal]]]) -> Decimal:
    """What January came to: all that was billed but for February's seats."""
    return sum(amount for lines in billed.values() for _, amount in lines)  # type: ignore[return-value]


def at_once(*works: Callable[[], object]) -> None:
    """Each in a thread, all begun at one moment."""
    barrier = Barrier(len(works))

    def begun(work: Callable[[], object]) -> object:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(begun, work) for work in works]:
            done.result()


@pytest.mark.parametrize("subscriptions", [2, 5])
def test_chunks_of_one_side_by_side(story: Story, subscriptions: int) -> None:
    """Three runs, a subscription a chunk: whichever comes first, January comes to 100."""
    subscribe(story, "limited", "limited")
    plan(story, "later", {**SEAT, "timing": "in_arrears", "rule": {"model": "flat", "amount": "9"}})
    for number in range(subscriptions):
        subscribe(story, f"s{number}", "later")
    story.pass_time(day(1, 2))
    story.wiring.directory.set_clock(story.organization_id, day(2, 2))

    def run() -> object:
        return close_due_periods(story.wiring, story.organization_id, chunk_size=1)

    at_once(run, run, run)
    run()
    billed = verified(story)
    minimum = Decimal(100 - 9 * subscriptions)
    assert billed["limited"] == [("calls", 0), ("in_all", minimum)]
    assert of_january(billed) == 100


def test_several_with_the_same_limit_side_by_side(story: Story) -> None:
    """Each charges what is missing after all before it: together once, whoever comes first."""
    for number in range(4):
        subscribe(story, f"s{number}", "limited")
    story.pass_time(day(1, 2))
    story.wiring.directory.set_clock(story.organization_id, day(2, 2))

    def run() -> object:
        return close_due_periods(story.wiring, story.organization_id, chunk_size=1)

    at_once(run, run, run)
    for _ in range(4):
        run()
    billed = verified(story)
    assert sorted(billed) == ["s0", "s1", "s2", "s3"], "nobody is stuck for ever"
    assert of_january(billed) == 100


def test_bills_at_once_beside_runs(story: Story) -> None:
    """Five months: while a run meets the limit, more seats from the 20th on are billed at once.
    Either may come first; what each counted is what it is verified by."""
    subscribe(story, "limited", "limited")
    subscribe(story, "seats", "seats", starts_at=day(1, 15).isoformat(), alignment="anniversary")
    wiring, organization_id = story.wiring, story.organization_id
    story.pass_time(day(1, 31))
    for month in range(2, 7):
        wiring.directory.set_clock(organization_id, day(month, 1))
        order = more_seats(month, since=day(month - 1, 20))
        at_once(
            lambda: close_due_periods(wiring, organization_id),
            partial(change_subscription, wiring, organization_id, "seats", order),
        )
        story.pass_time(day(month, 27))
    billed = verified(story)
    assert len([line for line in billed["limited"] if line[0] == "calls"]) == 5
    assert billed["seats"][1:], "what was billed at once"


def more_seats(quantity: int, *, since: datetime) -> ChangeOrder:
    """So many seats since then, billed at once."""
    what = SetQuantity(price_key="seat", quantity=Decimal(quantity))
    return ChangeOrder(what=what, effective_at=since, bills_at_once=True)


def test_whose_clock_is_behind_comes_after_all_the_same(
    wiring: Wiring, organization: Organization
) -> None:
    """A run meets the limit at noon by its clock. Another server, an hour behind, then bills seats
    of January at once: by its clock before the run, but the run did not count them."""
    clock = Clock(day(1))
    with told(wiring, organization, clock) as story:
        story.meter("calls")
        story.customer("acme")
        plan(story, "limited", CALLS, spend_limits=[LIMIT])
        plan(story, "seats", SEAT)
        subscribe(story, "limited", "limited")
        later = {"starts_at": day(1, 15).isoformat(), "alignment": "anniversary"}
        subscribe(story, "seats", "seats", **later)
        clock.now = day(2, 1, 12)
        story.bill()
        clock.now = day(2, 1, 11)
        order = more_seats(3, since=day(1, 20))
        change_subscription(story.wiring, story.organization_id, "seats", order)
        clock.now = day(3, 1, 12)
        story.bill()
        billed = verified(story)
    assert billed["limited"][:2] == [("calls", 0), ("in_all", 69)], "a seat, and no more"
    assert sum(amount for _, amount in billed["seats"][1:2]) > 0


@pytest.mark.parametrize("agreed", ["a plan", "overrides", "a start"])
def test_a_limit_agreed_on_while_a_bill_is_under_way(
    story: Story, migrated_database_url: str, agreed: str
) -> None:
    """Seats of January are billed at once; before that is recorded, a limit is agreed on and its
    subscription closed. Whoever agrees waits, so the limit counts the seats."""
    plan(story, "free", CALLS)
    if agreed != "a start":
        subscribe(story, "limited", "free")
    subscribe(story, "seats", "seats", starts_at=day(1, 15).isoformat(), alignment="anniversary")
    story.pass_time(day(1, 31))
    wiring, organization_id = story.wiring, story.organization_id
    wiring.directory.set_clock(organization_id, day(2, 1))

    def agree() -> None:
        if agreed == "a start":
            asked = Start(key="limited", customer="acme", plan="limited", starts_at=day(1))
            start_subscription(wiring, organization_id, asked)
        elif agreed == "a plan":
            order = ChangeOrder(what=PlanOrder(plan="limited"), effective_at=day(1, 20))
            change_subscription(wiring, organization_id, "limited", order)
        else:
            limit = msgspec.convert(LIMIT, SpendLimit)
            what = OverrideOrder(overrides=Overrides(spend_limits=(limit,)))
            order = ChangeOrder(what=what, effective_at=day(1, 20))
            change_subscription(wiring, organization_id, "limited", order)
        close_due_periods(wiring, organization_id)

    watching = sa.create_engine(migrated_database_url, isolation_level="AUTOCOMMIT")
    with ThreadPoolExecutor(1) as pool, watching.connect() as watch:
        with wiring.books.begin(organization_id) as records:
            course = load_course(records, "seats", locked=True)
            order = more_seats(3, since=day(1, 20))
            changed = decide_change(
                course,
                order,
                at=day(1, 20),
                now=day(2, 1),
                plans=records.plans.by_ids([course.subscription.plan_version_id]),
            )
            keep_course(records, course, changed, day(2, 1))
            bill_at_once(wiring, records, changed.subscription, now=day(2, 1))
            agreeing = pool.submit(agree)
            while not (agreeing.done() or watch.execute(WAITING).scalar_one()):
                pass
        agreeing.result()
    billed = verified(story)
    seats = sum(amount for _, amount in billed["seats"])
    assert seats > 31, "what was billed at once"
    [minimum] = [amount for key, amount in billed["limited"] if key == "in_all"]
    assert minimum == Decimal(100) - seats, "nothing is counted by neither"
    watching.dispose()


def test_a_draft_drawn_up_again_beside_a_run(story: Story) -> None:
    """Late calls of one are counted again while a run meets the limit of the other."""
    plan(story, "usage", CALLS)
    subscribe(story, "limited", "limited", starts_at=(day(1) + timedelta(days=2)).isoformat())
    subscribe(story, "usage", "usage", starts_at=day(1).isoformat(), alignment="anniversary")
    story.call("acme", day(1, 1, 5))
    story.pass_time(day(1, 31))
    story.wiring.directory.set_clock(story.organization_id, day(2, 1))
    close_due_periods(story.wiring, story.organization_id)
    [draft] = story.get("/v1/invoices", subscription="usage")["results"]
    story.call("acme", day(1, 1, 6))
    story.wiring.directory.set_clock(story.organization_id, day(3, 1))
    at_once(
        lambda: recalculate_invoice(story.wiring, story.organization_id, draft["id"]),
        lambda: close_due_periods(story.wiring, story.organization_id),
    )
    verified(story)
