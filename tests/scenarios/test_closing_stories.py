"""Months that are closed: stories in calendar order. Rules: docs/semantics/invoicing.md."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec import convert

from contracts import day
from story import Answer, Clock, Story, printed, told
from tallybook.domain.catalog.models.package import Package
from tallybook.domain.catalog.plan import PlanTerms, publish
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.errors import Unavailable
from tallybook.services.close_period import close_due_periods
from tallybook.services.ports import Wiring
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.sql.database import open_database

BASE: Answer = {
    "key": "base",
    "timing": "in_advance",
    "rule": {"model": "flat", "amount": "100"},
}
SUPPORT: Answer = {"key": "support", "rule": {"model": "flat", "amount": "30"}}
CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "0.125"},
}


@pytest.fixture
def story(wiring: Wiring, organization: Organization, clock: Clock) -> Iterator[Story]:
    with told(wiring, organization, clock) as begun:
        begun.meter("calls", dimensions=("model",))
        begun.plan("pro", BASE, SUPPORT, CALLS)
        begun.plan("usage", CALLS)
        yield begun


def test_two_months_of_a_customer(story: Story, clock: Clock) -> None:
    story.customer("acme")
    story.subscribe("acme", "pro", day(1))

    assert story.bill()["opened"] == 1, "1 January: the fee of January is owed in advance"
    [opening] = story.invoices("acme")
    assert opening["occasion"] == "opening"
    assert printed(opening) == [("base", "1", "100.00")]

    clock.now = day(1, 31)
    story.call("acme", day(1, 3), day(1, 31))
    assert story.bill()["invoices"] == 0, "31 January: the month is not over"

    clock.now = day(2)
    story.call("acme", day(1, 30), day(2))
    run = story.bill()
    assert (run["closed"], run["invoices"], run["totals"]) == (1, 1, {"EUR": "130.38"})
    [_, january] = story.invoices("acme")
    assert printed(january) == [
        ("base", "1", "100.00"),
        ("support", "1", "30.00"),
        ("calls", "3", "0.38"),
    ], "1 February: the fee of February, January's support, January's calls"
    assert january["total"] == "130.38"
    assert [line["service_period"]["starts"][:7] for line in january["lines"]] == [
        "2026-02",
        "2026-01",
        "2026-01",
    ]

    assert story.bill()["invoices"] == 0, "running again bills nothing twice"
    clock.now = day(3)
    story.bill()
    assert printed(story.invoices("acme")[2])[2] == ("calls", "1", "0.13"), "the call at midnight"


def test_a_late_event_changes_neither_the_invoice_nor_its_verification(
    story: Story, clock: Clock
) -> None:
    story.customer("acme")
    story.subscribe("acme", "usage", day(1))
    clock.now = day(2)
    story.call("acme", day(1, 5), day(1, 6))
    story.bill()
    [january] = story.invoices("acme")
    story.call("acme", day(1, 7))
    verification = story.post(f"/v1/invoices/{january['id']}/verify")
    assert verification["is_equal"], verification
    assert (verification["lines_checked"], verification["events_counted"]) == (1, 2)
    path = f"/v1/invoices/{january['id']}/lines/1/events"
    first = story.get(path, limit=1)
    rest = story.get(path, limit=5, after=first["next"])
    times = [event["occurred_at"] for event in first["results"] + rest["results"]]
    assert [time[:10] for time in times] == ["2026-01-05", "2026-01-06"]
    assert rest["next"] is None
    assert story.invoices("acme") == [january]


def test_a_start_inside_the_month_owes_the_days_that_are_left(story: Story, clock: Clock) -> None:
    clock.now = day(1, 15)
    story.customer("acme")
    story.subscribe("acme", "pro", day(1, 15))
    story.bill()
    clock.now = day(2)
    story.bill()
    [opening, january] = story.invoices("acme")
    assert printed(opening) == [("base", "1", "54.84")]
    [step] = opening["lines"][0]["working"]
    assert step["terms"] == {"whole": "100", "parts": "17", "of_parts": "31"}
    assert step["sentence"].startswith("17 of 31 days of €100.00")
    assert printed(january) == [
        ("base", "1", "100.00"),
        ("support", "1", "16.45"),
        ("calls", "0", "0.00"),
    ], "usage of nothing keeps its line"


def test_midnight_is_the_customers(story: Story, clock: Clock) -> None:
    """A month in Stockholm begins an hour before that of London."""
    midnight = day(2) - timedelta(hours=1)
    for key, timezone in (("sthlm", "Europe/Stockholm"), ("london", "Europe/London")):
        story.customer(key, timezone=timezone)
        story.subscribe(key, "usage", day(1) if key == "london" else day(1) - timedelta(hours=1))
    clock.now = day(2)
    for key in ("sthlm", "london"):
        story.call(key, midnight - timedelta(microseconds=1), midnight)
    story.bill()
    assert printed(story.invoices("sthlm")[0]) == [("calls", "1", "0.13")]
    assert printed(story.invoices("london")[0]) == [("calls", "2", "0.25")]


def test_whoever_is_months_behind_is_brought_up_month_by_month(story: Story, clock: Clock) -> None:
    for key in ("punctual", "late"):
        story.customer(key)
    story.subscribe("punctual", "pro", day(1, 10))
    for month in (1, 2, 3):
        clock.now = day(month, 20)
        story.bill()
        for key in ("punctual", "late"):
            story.call(key, *[clock.now + timedelta(hours=n) for n in range(month)])
    clock.now = day(4)
    story.subscribe("late", "pro", day(1, 10))
    run = story.bill()
    assert (run["opened"], run["closed"]) == (1, 4)
    late, punctual = story.invoices("late"), story.invoices("punctual")
    assert [printed(invoice) for invoice in late] == [printed(invoice) for invoice in punctual]
    assert [invoice["period"]["starts"][:10] for invoice in late] == [
        "2026-01-10",
        "2026-01-10",
        "2026-02-01",
        "2026-03-01",
    ]


def test_after_the_end_nothing_more_is_owed(story: Story, clock: Clock) -> None:
    story.customer("acme")
    story.subscribe("acme", "pro", day(1))
    story.bill()
    clock.now = day(1, 20)
    story.post("/v1/subscriptions/acme/cancellation", {"at": "period_end"})
    clock.now = day(4)
    assert story.bill()["ended"] == 1
    assert story.bill()["closed"] == 0
    [_, last] = story.invoices("acme")
    assert [price for price, _, _ in printed(last)] == ["support", "calls"]


def test_an_end_inside_the_month_owes_the_days_until_then(story: Story, clock: Clock) -> None:
    story.customer("acme")
    story.subscribe("acme", "pro", day(1))
    clock.now = day(1, 15, 12)
    story.call("acme", day(1, 14), day(1, 15, 11))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    story.bill()
    [_, last] = story.invoices("acme")
    assert printed(last) == [("support", "1", "13.55"), ("calls", "2", "0.25")], "14 of 31 days"


def test_prices_split_the_usage_of_one_meter(story: Story, clock: Clock) -> None:
    small = {**CALLS, "key": "small", "match": {"model": "small"}}
    large = {**CALLS, "key": "large", "match": {"model": "large"}}
    story.plan("split", small, large, CALLS)
    story.customer("acme")
    story.subscribe("acme", "split", day(1))
    clock.now = day(2)
    for model, count in (("small", 3), ("large", 2), ("other", 1)):
        story.call("acme", *[day(1, n + 1) for n in range(count)], model=model)
    story.bill()
    [january] = story.invoices("acme")
    assert [(price, quantity) for price, quantity, _ in printed(january)] == [
        ("small", "3"),
        ("large", "2"),
        ("calls", "6"),
    ]
    assert story.post(f"/v1/invoices/{january['id']}/verify")["is_equal"]
    behind = story.get(f"/v1/invoices/{january['id']}/lines/2/events")["results"]
    assert [event["properties"]["model"] for event in behind] == ["large", "large"]


def test_drafts_are_looked_at_then_numbered(story: Story, clock: Clock) -> None:
    for key in ("acme", "beta", "gamma"):
        story.customer(key)
        story.subscribe(key, "usage", day(1))
    clock.now = day(2)
    run = story.bill()
    assert (run["invoices"], run["finalized"]) == (3, 0)
    [beta] = story.invoices("beta")
    assert (beta["status"], beta["number"]) == ("draft", None)
    first = story.post(f"/v1/invoices/{beta['id']}/finalize")
    assert (first["status"], first["number"]) == ("open", "INV-2026-000001")
    assert story.post(f"/v1/invoices/{beta['id']}/finalize") == first, "once is for good"
    assert story.post("/v1/finalizations")["finalized"] == 2
    assert story.post("/v1/finalizations")["finalized"] == 0
    numbers = {story.invoices(key)[0]["number"] for key in ("acme", "beta", "gamma")}
    assert numbers == {f"INV-2026-00000{n}" for n in (1, 2, 3)}
    assert story.get("/v1/invoices/INV-2026-000001")["id"] == beta["id"]
    clock.now = day(3)
    assert story.bill(finalize=True)["finalized"] == 3
    opened = story.get("/v1/invoices", status="open", limit=4)
    assert len(opened["results"]) == 4
    assert len(story.get("/v1/invoices", status="open", after=opened["next"])["results"]) == 2


def test_a_time_to_come_is_not_closed(story: Story) -> None:
    problem = story.refused("/v1/billing-runs", {"until": day(2).isoformat()})
    assert (problem["status"], problem["field"]) == (422, "until")
    assert story.refused("/v1/billing-runs", {"until": "2026-01-01T00:00:00"})["field"] == "until"


def test_what_is_not_there_is_said(story: Story) -> None:
    assert story.refused("/v1/invoices/inv_none/verify", {})["code"] == "no_such_invoice"
    assert story.refused("/v1/invoices/INV-2026-000009/finalize", {})["status"] == 404


@pytest.mark.parametrize(
    ("change", "what", "why"),
    [
        ("ALTER TABLE events DELETE WHERE id = 'e1'", "event_count", "an event is gone"),
        (
            "ALTER TABLE events UPDATE content = content + 1 WHERE id = 'e1'",
            "checksum",
            "an event is another one",
        ),
        (
            "INSERT INTO events SELECT * REPLACE (99 AS identity) FROM events WHERE id = 'e1'",
            "event_count",
            "an event was slipped in at a position already counted",
        ),
    ],
)
def test_a_tampered_log_is_noticed(
    story: Story, clock: Clock, columnar: Columnar, change: str, what: str, why: str
) -> None:
    story.customer("acme")
    story.subscribe("acme", "usage", day(1))
    clock.now = day(2)
    story.call("acme", day(1, 5), day(1, 6))
    story.bill()
    [january] = story.invoices("acme")
    with columnar.client() as client:
        client.command(change, settings={"mutations_sync": 2})
    verification = story.post(f"/v1/invoices/{january['id']}/verify")
    assert not verification["is_equal"], why
    assert what in {difference["what"] for difference in verification["differences"]}, why
    assert {difference["line"] for difference in verification["differences"]} == {1}, why


@pytest.mark.parametrize(
    ("change", "what", "why"),
    [
        (
            "INSERT INTO invoice_lines SELECT organization_id, invoice_id, 9, price_key, name, "
            "service_starts, service_ends, quantity, unit, exact_amount, amount_minor, working, "
            "proof FROM invoice_lines WHERE price_key = 'calls'",
            "line for calls",
            "January's calls are printed twice",
        ),
        (
            "UPDATE invoice_lines SET service_ends = service_starts + interval '28 days' "
            "WHERE price_key = 'support'",
            "service_period",
            "a fee for a part of the month",
        ),
        (
            "DELETE FROM invoice_lines USING invoices WHERE invoice_id = id AND price_key = 'base' "
            "AND occasion = 'period'",
            "line for base",
            "the fee of February is gone",
        ),
    ],
)
def test_a_tampered_draft_is_noticed(
    story: Story, clock: Clock, migrated_database_url: str, change: str, what: str, why: str
) -> None:
    story.customer("acme")
    story.subscribe("acme", "pro", day(1))
    clock.now = day(2)
    story.call("acme", day(1, 5))
    story.bill()
    [_, january] = story.invoices("acme")
    sums = "SELECT sum(amount_minor) FROM invoice_lines WHERE invoice_id = invoices.id"
    engine = open_database(migrated_database_url)
    with engine.begin() as connection:
        connection.execute(sa.text(change))
        connection.execute(sa.text(f"UPDATE invoices SET total_minor = ({sums})"))
    engine.dispose()
    verification = story.post(f"/v1/invoices/{january['id']}/verify")
    assert what in {difference["what"] for difference in verification["differences"]}, why


def crowd(story: Story, count: int) -> None:
    """Customers with calls in January and a plan with every kind of price."""
    for number in range(count):
        key = f"c{number:03d}"
        story.customer(key)
        story.subscribe(key, "pro", day(1))
        story.call(key, *[day(1, 2 + n) for n in range(number % 4)])


def expect_a_crowd_billed_once(story: Story, count: int) -> None:
    headers = story.get("/v1/invoices", limit=1000)["results"]
    billed = [(one["customer"]["key"], one["occasion"]) for one in headers]
    assert len(billed) == 2 * count
    assert len(set(billed)) == 2 * count
    for number in range(count):
        [_, january] = story.invoices(f"c{number:03d}")
        assert printed(january)[2][1] == str(number % 4)


def test_runs_side_by_side_bill_each_period_once(story: Story, clock: Clock) -> None:
    crowd(story, 30)
    clock.now = day(2)
    runs: list[Any] = []

    def run() -> None:
        done = close_due_periods(story.wiring, story.organization_id, chunk_size=4, finalizes=True)
        runs.append(done)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(one.invoices for one in runs) == 60
    assert sum(one.existed for one in runs) == 0
    expect_a_crowd_billed_once(story, 30)
    numbers = {one["number"] for one in story.get("/v1/invoices", limit=1000)["results"]}
    assert numbers == {f"INV-2026-{place:06d}" for place in range(1, 61)}


def test_closing_a_month_again_meets_the_same_invoice(story: Story, clock: Clock) -> None:
    """Were a subscription put back by a month, its invoices would be there already."""
    crowd(story, 5)
    books, tenant = story.wiring.books, story.organization_id
    with books.begin(tenant) as records:
        before = records.subscriptions.page(after="", limit=99)
    clock.now = day(2)
    story.bill()
    kept = [story.invoices(f"c{number:03d}") for number in range(5)]
    with books.begin(tenant) as records:
        records.subscriptions.replace_many(before)
    run = story.bill()
    assert (run["closed"], run["invoices"], run["existed"]) == (5, 0, 10)
    assert [story.invoices(f"c{number:03d}") for number in range(5)] == kept


class Failing:
    """A usage store whose engine is gone at the third question."""

    def __init__(self, wiring: Wiring) -> None:
        self._usage = wiring.usage
        self._left = 2

    def measure_spans(self, *arguments: Any, **options: Any) -> Any:
        if not self._left:
            raise Unavailable("event_store_unavailable", "The event store did not answer.")
        self._left -= 1
        return self._usage.measure_spans(*arguments, **options)


def test_a_run_that_breaks_off_is_completed_by_the_next(story: Story, clock: Clock) -> None:
    crowd(story, 12)
    clock.now = day(2)
    failing: Any = Failing(story.wiring)
    broken = dataclasses.replace(story.wiring, usage=failing)
    with pytest.raises(Unavailable):
        close_due_periods(broken, story.organization_id, chunk_size=4)
    kept = story.get("/v1/invoices", limit=1000)["results"]
    assert len(kept) == 16, "two whole chunks, nothing of the third"
    assert story.bill()["invoices"] == 8
    expect_a_crowd_billed_once(story, 12)


def test_one_that_cannot_be_closed_holds_up_no_other(story: Story, clock: Clock) -> None:
    """Minutes of a quarter are more than can be measured: no such plan is published any more."""
    by_minute: Answer = {
        "key": "calls",
        "name": "Calls",
        "meter": "calls",
        "rule": {
            "model": "bucketed",
            "window": "minute",
            "inner": {"model": "per_unit", "unit_amount": "1"},
        },
    }
    quarterly = {"key": "minutes", "name": "Minutes", "currency": "EUR", "interval": "quarter"}
    terms = {**quarterly, "prices": [by_minute]}
    refused = story.refused("/v1/plans", terms)
    assert (refused["code"], refused["field"]) == ("too_many_windows", "prices/0/rule")
    with story.wiring.books.begin(story.organization_id) as records:  # one that was, before
        version = publish(convert(terms, PlanTerms), None, organization_id="", now=clock.now)
        records.plans.add(version)
    for key, plan in (("acme", "minutes"), ("beta", "usage")):
        story.customer(key)
        story.subscribe(key, plan, day(1))
    clock.now = day(4)
    [stuck] = story.bill()["stuck"]
    assert (stuck["subscription_key"], stuck["code"]) == ("acme", "too_many_windows")
    assert stuck["mend"]
    assert [len(story.invoices(key)) for key in ("acme", "beta")] == [0, 3]


ENDLESS = "9" * 26 + "." + "9" * 12


def absurd_plan(story: Story) -> None:
    """A plan whose amounts are of more digits than are calculated with, from many units on."""
    absurd: Answer = {
        "key": "calls",
        "name": "Calls",
        "meter": "sizes",
        "rule": {"model": "per_unit", "unit_amount": ENDLESS},
        "conversion": {"multiply_by": ENDLESS},
        "discount_pct": "0.0000000001",
    }
    story.meter("sizes", value="size")
    story.post("/v1/plans", {"key": "absurd", "name": "-", "currency": "EUR", "prices": [absurd]})


def test_a_verification_of_absurdly_many_digits_is_refused(
    story: Story, clock: Clock, columnar: Columnar
) -> None:
    absurd_plan(story)
    story.customer("acme")
    story.subscribe("acme", "absurd", day(1))
    clock.now = day(2)
    story.call("acme", day(1, 5), size="0")
    assert story.bill()["invoices"] == 1
    [january] = story.invoices("acme")
    change = f"ALTER TABLE events UPDATE properties = map('size', '{ENDLESS}') WHERE id = 'e1'"
    with columnar.client() as client:
        client.command(change, settings={"mutations_sync": 2})
    problem = story.refused(f"/v1/invoices/{january['id']}/verify", {})
    assert (problem["status"], problem["code"]) == (422, "amount_too_long")
    assert problem["mend"]


def test_an_amount_of_absurdly_many_digits_holds_up_no_other(story: Story, clock: Clock) -> None:
    absurd_plan(story)
    for key, plan in (("acme", "absurd"), ("beta", "usage")):
        story.customer(key)
        story.subscribe(key, plan, day(1))
        story.call(key, day(1), size=ENDLESS)
    clock.now = day(2)
    run = story.bill()
    [stuck] = run["stuck"]
    assert (stuck["subscription_key"], stuck["code"]) == ("acme", "amount_too_long")
    assert [len(story.invoices(key)) for key in ("acme", "beta")] == [0, 1]


def test_a_fault_of_the_program_in_one_bill_holds_up_no_other(
    story: Story, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("units")

    rule = {"model": "package", "package_size": "10", "package_amount": "5"}
    story.plan("packaged", {**CALLS, "rule": rule})
    for key, plan in (("acme", "packaged"), ("beta", "usage")):
        story.customer(key)
        story.subscribe(key, plan, day(1))
        story.call(key, day(1))
    clock.now = day(2)
    with monkeypatch.context() as broken:
        broken.setattr(Package, "rate", fails)
        [stuck] = story.bill()["stuck"]
    assert (stuck["subscription_key"], stuck["code"]) == ("acme", "unforeseen_fault")
    assert [len(story.invoices(key)) for key in ("acme", "beta")] == [0, 1]
    assert story.bill()["stuck"] == []
    assert len(story.invoices("acme")) == 1
