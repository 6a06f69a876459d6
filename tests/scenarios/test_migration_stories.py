"""Subscribers moved to another version, told in calendar order. Rules: docs/semantics/plans.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played, printed
from tallybook.domain.subscriptions.migration import MigrationOrder, MoveAt
from tallybook.services.migrate_subscribers import create_migration, run_migration
from tallybook.services.ports import Books, Records, Wiring


def base(amount: str) -> Answer:
    return {"key": "base", "rule": {"model": "flat", "amount": amount}, "timing": "in_advance"}


def calls(amount: str) -> Answer:
    rule = {"model": "per_unit", "unit_amount": amount}
    return {"key": "calls", "meter": "calls", "rule": rule}


CUSTOMERS = ("ada", "bob", "cyd", "dan")


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    """Four customers on version 1 since January, and a version 2 with a larger fee and cheap calls.

    In January Ada makes eighty calls, Bob ten, the others none.
    """
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.plan("pro", base("20"), calls("1"))
        for customer in CUSTOMERS:
            begun.customer(customer)
            begun.subscribe(customer, "pro", day(1))
        begun.call("ada", *[day(1, 5, hour) for hour in range(20)] * 4)
        begun.call("bob", *[day(1, 6, hour) for hour in range(10)])
        begun.plan("pro", base("30"), calls("0.5"))
        yield begun


class KilledError(Exception):
    """The run was killed."""


@dataclasses.dataclass(frozen=True)
class DyingBooks:
    """Books whose transaction dies just before it is committed."""

    books: Books

    @contextmanager
    def begin(self, organization_id: str) -> Iterator[Records]:
        with self.books.begin(organization_id) as records:
            yield records
            raise KilledError


def order(**said: Any) -> Answer:
    return {"key": "to-2", "plan": "pro", **said}


def run(story: Story, key: str = "to-2", *, limit: int = 1000) -> Answer:
    """Run a migration until nobody is left."""
    answer = story.post(f"/v1/plan-migrations/{key}/runs?limit={limit}")
    while answer["left"]:
        answer = story.post(f"/v1/plan-migrations/{key}/runs?limit={limit}")
    return answer


def versions(story: Story) -> dict[str, int]:
    found = story.get("/v1/subscriptions")["results"]
    return {each["key"]: each["version"] for each in found}


def states(story: Story, key: str = "to-2") -> dict[str, str]:
    found = story.get(f"/v1/plan-migrations/{key}/members")["results"]
    return {each["subscription_key"]: each["state"] for each in found}


def test_nobody_is_moved_unless_a_migration_says_so(story: Story) -> None:
    story.customer("eve")
    story.subscribe("eve", "pro", day(1))
    story.pass_time(day(3))
    assert versions(story) == {**dict.fromkeys(CUSTOMERS, 1), "eve": 2}, "grandfathered"


def test_seen_before_and_then_billed_as_seen(story: Story) -> None:
    """January's usage under both; the same usage in February costs what was foretold."""
    story.pass_time(day(2, 2))
    preview = story.post("/v1/plan-migration-previews?limit=2", order())
    assert preview["period"] == "2026-01"
    assert preview["sums"] == [
        {
            "currency": "EUR",
            "more": 3,
            "less": 1,
            "same": 0,
            "before": "170.00",
            "after": "165.00",
            "difference": "-5.00",
        }
    ]
    told = {each["customer"]: (each["before"], each["after"]) for each in preview["effects"]}
    assert told == {"ada": ("100.00", "70.00"), "cyd": ("20.00", "30.00")}, "whom it touches most"
    assert versions(story) == dict.fromkeys(CUSTOMERS, 1), "nothing was recorded"
    story.post("/v1/plan-migrations", order())
    assert versions(story) == dict.fromkeys(CUSTOMERS, 1), "settled, not yet run"
    assert run(story)["moved"] == 4
    story.call("ada", *[day(3, 5, hour) for hour in range(20)] * 4)
    story.pass_time(day(4, 2))
    bill = story.invoices("ada")[-1]
    assert bill["total"] == told["ada"][1]
    assert printed(bill) == [("base", "1", "30.00"), ("calls", "80", "40.00")]
    assert story.post(f"/v1/invoices/{bill['id']}/verify")["is_equal"]


def test_it_is_the_change_that_anybody_could_make(story: Story) -> None:
    """By the migration, and by hand at the same time: the same facts, the same bills."""
    story.pass_time(day(1, 20))
    story.post(
        "/v1/plan-migrations", order(cohort={"customers": ["cyd"]}, at="now", proration="prorated")
    )
    run(story)
    by_hand = {"what": {"kind": "plan", "plan": "pro", "version": 2}}
    story.post("/v1/subscriptions/dan/changes", by_hand)
    changes = [story.get(f"/v1/subscriptions/{key}/changes")["results"] for key in ("cyd", "dan")]
    assert changes[0] == changes[1]
    story.pass_time(day(3))
    bills = [[printed(invoice) for invoice in story.invoices(key)] for key in ("cyd", "dan")]
    assert bills[0] == bills[1]
    assert bills[0][1][:2] == [("base", "1", "-7.74"), ("base", "1", "11.61")]


def test_a_cohort_at_a_date(story: Story) -> None:
    story.customer("eve")
    story.post("/v1/subscriptions", {"key": "eve", "customer": "eve", "plan": "pro", "version": 1})
    story.pass_time(day(1, 10))
    late = {"started_from": day(1, 1, 0).isoformat(), "customers": ["eve", "bob"], "versions": [1]}
    made = story.post(
        "/v1/plan-migrations",
        order(cohort=late, at="date", effective_at=day(2, 15).isoformat(), proration="none"),
    )
    assert (made["waiting"], made["to_version"]) == (2, 2)
    run(story)
    assert versions(story)["bob"] == 1, "it holds from the date on"
    story.pass_time(day(2, 16))
    assert versions(story) == {"ada": 1, "bob": 2, "cyd": 1, "dan": 1, "eve": 2}
    story.pass_time(day(3, 2))
    assert printed(story.invoices("bob")[-1])[0] == ("base", "1", "30.00")
    assert story.invoices("bob")[1]["lines"][0]["amount"] == "20.00", "February stayed as it was"


def test_run_in_batches_and_gone_on_with(story: Story) -> None:
    """A run that dies leaves everyone either moved or not; the next one goes on."""
    story.post("/v1/plan-migrations", order(at="now"))
    assert story.post("/v1/plan-migrations/to-2/runs?limit=3")["left"] == 1

    dying = dataclasses.replace(story.wiring, books=DyingBooks(story.wiring.books))
    with pytest.raises(KilledError):
        run_migration(dying, story.organization_id, "to-2")
    assert states(story) == {"ada": "moved", "bob": "moved", "cyd": "moved", "dan": "waiting"}
    assert versions(story)["dan"] == 1
    assert run(story)["moved"] == 4
    again = story.post("/v1/plan-migrations/to-2/runs")
    assert (again["left"], again["moved"]) == (0, 4), "one too many moves nobody twice"
    assert len(story.get("/v1/subscriptions/ada/changes")["results"]) == 1


def test_undone(story: Story) -> None:
    """Moved at once and moved back: nothing remains of it on a bill."""
    story.pass_time(day(1, 20))
    story.post("/v1/plan-migrations", order(at="now"))
    run(story)
    story.plan("other", base("5"))
    story.post("/v1/subscriptions/bob/changes", {"what": {"kind": "plan", "plan": "other"}})
    undoing = story.post("/v1/plan-migrations/to-2/undoing")
    assert (undoing["is_undoing"], undoing["left"]) == (True, 4)
    done = run(story, limit=3)
    assert (done["undone"], done["kept"]) == (3, 1)
    [kept] = story.get("/v1/plan-migrations/to-2/members", state="kept")["results"]
    assert kept["subscription_key"] == "bob"
    assert kept["reason"].startswith("changed_since")
    assert versions(story)["ada"] == 1
    story.pass_time(day(2, 2))
    assert [printed(invoice) for invoice in story.invoices("ada")] == [
        [("base", "1", "20.00")],
        [("base", "1", "20.00"), ("calls", "80", "80.00")],
    ]


def test_who_cannot_be_moved_is_told_with_the_reason(story: Story) -> None:
    story.pass_time(day(1, 10))
    story.post("/v1/subscriptions/cyd/cancellation")
    up = {"what": {"kind": "plan", "plan": "pro"}}
    story.post("/v1/subscriptions/dan/changes", up)
    preview = story.post("/v1/plan-migration-previews", order())
    assert [each["subscription"] for each in preview["skipped"]] == ["cyd"]
    story.post("/v1/plan-migrations", order())
    assert run(story)["skipped"] == 1
    assert states(story) == {"ada": "moved", "bob": "moved", "cyd": "skipped"}, (
        "Dan was there before"
    )


@pytest.mark.parametrize(
    ("said", "code", "field", "why"),
    [
        ({"plan": "none"}, "unknown_plan", "plan", ""),
        ({"to_version": 7}, "unknown_plan", "to_version", ""),
        ({"to_plan": "none"}, "unknown_plan", "to_plan", "the plan to leave is there"),
        ({"cohort": {"versions": [9]}}, "unknown_version", "cohort/versions/0", ""),
        ({"cohort": {"versions": [2]}}, "nothing_to_leave", "to_version", "from 2 to 2"),
        (
            {"cohort": {"customers": ["ada", "adda"]}},
            "no_such_customer",
            "cohort/customers/1",
            "who is misspelt would be left out in silence",
        ),
        ({"at": "date"}, "date_of_migration", "effective_at", "which date?"),
        ({"effective_at": "2026-02-01T00:00:00Z"}, "date_of_migration", "effective_at", "two"),
        ({"key": "a b"}, "malformed_key", "key", ""),
    ],
)
def test_a_migration_that_cannot_be_meant(
    story: Story, said: Answer, code: str, field: str, why: str
) -> None:
    refused = story.refused("/v1/plan-migrations", order(**said))
    assert (refused["code"], refused["field"]) == (code, field), why


def test_the_same_again_is_the_same_migration(story: Story) -> None:
    story.post("/v1/plan-migrations", order())
    story.plan("pro", base("40"), calls("0.5"))
    again = story.post("/v1/plan-migrations", order())
    assert (again["to_version"], again["waiting"]) == (2, 4), "settled when it was made"
    assert story.refused("/v1/plan-migrations", order(at="now"))["code"] == "migration_differs"


MODELS: dict[str, tuple[Answer, Answer]] = {
    "graduated": (
        {"tiers": [{"up_to": 10, "unit_amount": "0.333"}, {"unit_amount": "0.1"}]},
        {"tiers": [{"up_to": 5, "unit_amount": "1"}, {"unit_amount": "0.07", "flat_amount": "3"}]},
    ),
    "package": (
        {"package_size": 7, "package_amount": "1.99"},
        {"package_size": 10, "package_amount": "2.49", "free_units": 4},
    ),
    "per_unit": ({"unit_amount": "0.0125"}, {"unit_amount": "0.015"}),
}


@pytest.mark.parametrize("model", MODELS)
def test_the_preview_is_what_is_billed(wiring: Wiring, model: str) -> None:
    """Whatever the price: January as it was billed, March as it was foretold of January's usage."""
    usage = [0, 1, 4, 7, 10, 11, 23, 40]
    with played(wiring, day(1)) as story:
        story.meter("calls")
        before, after = MODELS[model]
        price: Answer = {"key": "calls", "meter": "calls"}
        story.plan("pro", base("20"), {**price, "rule": {"model": model, **before}})
        for number, count in enumerate(usage):
            story.customer(f"c{number}")
            story.subscribe(f"c{number}", "pro", day(1))
            for month in (1, 3):
                story.call(f"c{number}", *[day(month, 9)] * count)
        story.plan(
            "pro",
            base("25"),
            {**price, "rule": {"model": model, **after}, "minimum": "2", "discount_pct": "12.5"},
        )
        story.pass_time(day(2, 2))
        told = story.post("/v1/plan-migration-previews", order())["effects"]
        story.post("/v1/plan-migrations", order())
        run(story)
        story.pass_time(day(4, 2))
        for effect in told:
            _, january, _, march = story.invoices(effect["customer"])
            assert (january["total"], march["total"]) == (effect["before"], effect["after"])


def test_a_promise_in_the_new_version_is_in_the_preview(story: Story) -> None:
    """Bob's ten calls at 0.50 leave 45 of the promised 50; Ada's eighty nearly fill it."""
    named = [{"name": "Base", **base("30")}, {"name": "Calls", **calls("0.5")}]
    promise = {"key": "promise", "name": "Promised", "amounts": ["50"], "prices": ["calls"]}
    pro = {"key": "pro", "name": "Pro", "currency": "EUR", "prices": named}
    story.post("/v1/plans", {**pro, "commitments": [promise]})
    story.pass_time(day(1, 20))
    preview = story.post("/v1/plan-migration-previews?period=2026-01", order())
    told = {each["customer"]: each["after"] for each in preview["effects"]}
    assert told == {"ada": "80.00", "bob": "80.00", "cyd": "80.00", "dan": "80.00"}
    story.post("/v1/plan-migrations", order())
    run(story)
    story.call("bob", *[day(2, 6, hour) for hour in range(10)])
    story.pass_time(day(3, 2))
    lines = story.invoices("bob")[-1]["lines"]
    assert sum(float(line["amount"]) for line in lines) == 80.0


def test_each_in_their_own_currency(wiring: Wiring) -> None:
    """Sums by currency; who pays in one that the new version is not sold in stays."""
    with played(wiring, day(1)) as story:
        first = {"key": "pro", "name": "Pro", "currency": "EUR", "currencies": ["SEK", "NOK"]}
        for amount, currencies in (("20", ["SEK", "NOK"]), ("30", ["SEK"])):
            fee = {**base(amount), "name": "Base", "timing": "in_arrears"}
            others = {
                currency: {"rule": {"model": "flat", "amount": f"{amount}0"}}
                for currency in currencies
            }
            prices = [{**fee, "in_currency": others}]
            story.post("/v1/plans", {**first, "currencies": currencies, "prices": prices})
            if amount == "20":
                for customer, currency in (("ada", "EUR"), ("sven", "SEK"), ("kari", "NOK")):
                    story.customer(customer, currency=currency)
                    story.subscribe(customer, "pro", day(1))
        preview = story.post("/v1/plan-migration-previews", order())
        assert [(each["currency"], each["difference"]) for each in preview["sums"]] == [
            ("EUR", "10.00"),
            ("SEK", "100.00"),
        ]
        assert preview["skipped"][0]["reason"].startswith("currency_mismatch")
        story.post("/v1/plan-migrations", order())
        run(story)
        story.pass_time(day(3, 2))
        paid = {key: story.invoices(key)[-1] for key in ("ada", "sven", "kari")}
        assert {key: (each["total"], each["currency"]) for key, each in paid.items()} == {
            "ada": ("30.00", "EUR"),
            "sven": ("300.00", "SEK"),
            "kari": ("200.00", "NOK"),
        }


def test_what_was_negotiated_stays_or_goes_along(story: Story) -> None:
    """Eve pays 12 instead of 20. Left alone; or asked for, with the cheap calls and still 12."""
    story.customer("eve")
    agreed = {"prices": {"base": {"rule": {"model": "flat", "amount": "12"}}}}
    begun = {"key": "eve", "customer": "eve", "plan": "pro", "version": 1}
    story.post("/v1/subscriptions", {**begun, "alignment": "calendar", "overrides": agreed})
    story.call("eve", *[day(1, 7, hour) for hour in range(10)])
    story.post("/v1/plan-migrations", order())
    assert run(story)["moved"] == 4
    asked = order(key="all", cohort={"includes_negotiated": True, "versions": [1]})
    preview = story.post("/v1/plan-migration-previews?period=2026-01", asked)
    assert [(each["customer"], each["before"], each["after"]) for each in preview["effects"]][
        -1
    ] == ("eve", "22.00", "17.00")
    story.post("/v1/plan-migrations", asked)
    run(story, "all")
    assert states(story, "all")["eve"] == "moved"
    story.pass_time(day(2, 2))
    assert story.get("/v1/subscriptions/eve")["version"] == 2
    story.call("eve", *[day(2, 7, hour) for hour in range(10)])
    story.pass_time(day(3, 2))
    assert printed(story.invoices("eve")[-1]) == [("base", "1", "12.00"), ("calls", "10", "5.00")]


def test_two_who_make_it_at_one_moment_make_one(story: Story) -> None:
    """And two who run it side by side move each subscriber once."""
    asked = MigrationOrder(key="to-2", plan="pro", at=MoveAt.NOW)

    def make_and_run(_: int) -> None:
        create_migration(story.wiring, story.organization_id, asked)
        run_migration(story.wiring, story.organization_id, "to-2", limit=2)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(make_and_run, range(3)))
    assert run(story)["moved"] == 4
    for customer in CUSTOMERS:
        changes = story.get(f"/v1/subscriptions/{customer}/changes")["results"]
        assert [change["version"] for change in changes] == [2]
