"""Subscriptions that are changed, told in calendar order on a test clock.

Amounts are those of a month of 31 or 28 days; a day is charged to whoever has it when it ends.
Rules: docs/semantics/proration.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring

SEATS: Answer = {"key": "seats", "rule": {"model": "per_unit", "unit_amount": "10"}}


def fee(amount: str, timing: str = "in_advance") -> Answer:
    return {"key": "base", "rule": {"model": "flat", "amount": amount}, "timing": timing}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.plan("basic", fee("31"))
        begun.plan("pro", fee("62"))
        begun.customer("acme")
        yield begun


def change(story: Story, what: Answer, **said: Any) -> Answer:
    """A change of acme's subscription, and the facts recorded for it."""
    return story.post("/v1/subscriptions/acme/changes", {"what": what, **said})


def to(plan: str) -> Answer:
    return {"kind": "plan", "plan": plan}


def bills(story: Story) -> list[list[tuple[str, str]]]:
    """What each invoice says: amount and days of every line. All are verified."""
    return [
        [(line["amount"], dates(line["service_period"])) for line in invoice["lines"]]
        for invoice in story.proved("acme")
    ]


def dates(span: Answer) -> str:
    return f"{span['starts'][5:10]}..{span['ends'][5:10]}"


def test_an_upgrade_in_mid_month(story: Story) -> None:
    """Paid in advance: what is unused goes back, the new plan is charged from its day on."""
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 20, 15))
    changed = change(story, to("pro"))
    assert changed["changes"][0] | {"recorded_at": ""} == {
        "number": 1,
        "kind": "plan",
        "plan": "pro",
        "version": 1,
        "overrides": None,
        "price": None,
        "quantity": None,
        "undoes": None,
        "effective_at": "2026-01-20T15:00:00Z",
        "recorded_at": "",
        "proration": "prorated",
        "is_undone": False,
    }
    assert changed["subscription"]["plan"] == "pro"
    story.pass_time(day(3), finalize=True)
    assert bills(story) == [
        [("31.00", "01-01..02-01")],
        [("-12.00", "01-20..02-01"), ("24.00", "01-20..02-01"), ("62.00", "02-01..03-01")],
        [("62.00", "03-01..04-01")],
    ]
    [_, february, _] = story.invoices("acme")
    assert [step["sentence"] for line in february["lines"] for step in line["working"]] == [
        "Given back, 12 of 31 days of €31.00: -€12.00",
        "12 of 31 days of €62.00: €24.00",
        "Flat fee: €62.00",
    ]
    swedish = story.get(f"/v1/invoices/{february['id']}", locale="sv")["lines"][0]["working"][0]
    assert swedish["sentence"].startswith("Återbetalas, 12 av 31 dagar av 31,00")
    assert february["total"] == "74.00"


@pytest.mark.parametrize(
    ("said", "expected", "why"),
    [
        ({"proration": "none"}, ["62.00"], "the new plan counts from the next month on"),
        ({"proration": "full"}, ["-31.00", "62.00", "62.00"], "as if from the 1st"),
        ({"at": "period_end"}, ["62.00"], "a change that waits for the month's end"),
        ({"effective_at": "2026-01-11T00:00:00Z"}, ["-21.00", "42.00", "62.00"], "backdated"),
        ({"effective_at": "2026-02-15T00:00:00Z"}, ["15.50", "31.00"], "ahead: 14 of 28 days each"),
    ],
)
def test_when_a_change_holds_and_what_it_does_to_its_month(
    story: Story, said: Answer, expected: list[str], why: str
) -> None:
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 20))
    change(story, to("pro"), **said)
    story.pass_time(day(2))
    assert [amount for amount, _ in bills(story)[1]] == expected, why


def test_a_downgrade_gives_back_more_than_it_charges(story: Story) -> None:
    story.subscribe("acme", "pro", day(1))
    story.pass_time(day(1, 11))
    change(story, to("basic"))
    story.pass_time(day(2))
    assert bills(story)[1] == [
        ("-42.00", "01-11..02-01"),
        ("21.00", "01-11..02-01"),
        ("31.00", "02-01..03-01"),
    ]


def test_seats_come_and_go_and_add_up(story: Story) -> None:
    """Three seats, two more on the 11th, one less on the 21st; counted at the month's end."""
    story.plan("team", SEATS)
    story.post(
        "/v1/subscriptions",
        {
            "key": "acme",
            "customer": "acme",
            "plan": "team",
            "starts_at": "2026-01-01T00:00:00Z",
            "alignment": "calendar",
            "quantities": {"seats": 3},
        },
    )
    story.pass_time(day(1, 11))
    change(story, {"kind": "add_quantity", "price_key": "seats", "quantity": 2})
    story.pass_time(day(1, 21))
    reduced = change(story, {"kind": "add_quantity", "price_key": "seats", "quantity": "-1"})
    assert reduced["subscription"]["quantities"] == {"seats": "4"}
    story.pass_time(day(3))
    assert bills(story) == [
        [("9.68", "01-01..01-11"), ("16.13", "01-11..01-21"), ("14.19", "01-21..02-01")],
        [("40.00", "02-01..03-01")],
    ]
    [january, february] = story.invoices("acme")
    assert [line["quantity"] for line in january["lines"]] == ["3", "5", "4"]
    assert february["lines"][0]["working"][0]["sentence"] == "4 units at €10.00 each = €40.00"


def test_several_changes_one_of_them_a_mistake(story: Story) -> None:
    """Up on the 11th by mistake, undone on the 15th after all: nothing remains but the record."""
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 11))
    change(story, to("pro"))
    story.pass_time(day(1, 15))
    undone = story.delete("/v1/subscriptions/acme/changes/1")
    assert undone["changes"][0]["undoes"] == 1
    story.pass_time(day(2))
    assert bills(story)[1] == [("31.00", "02-01..03-01")]
    listed = story.get("/v1/subscriptions/acme/changes")["results"]
    assert [(one["kind"], one["is_undone"]) for one in listed] == [("plan", True), ("undo", False)]


def test_a_change_undone_after_it_was_billed_is_given_back(story: Story) -> None:
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 20))
    change(story, to("pro"))
    story.pass_time(day(2, 10))
    story.delete("/v1/subscriptions/acme/changes/1")
    story.pass_time(day(3))
    assert bills(story)[2] == [
        ("-24.00", "01-20..02-01"),
        ("12.00", "01-20..02-01"),
        ("-62.00", "02-01..03-01"),
        ("31.00", "02-01..03-01"),
        ("31.00", "03-01..04-01"),
    ]


def test_a_pause_of_ten_days(story: Story) -> None:
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 11))
    assert change(story, {"kind": "pause"})["subscription"]["status"] == "paused"
    story.pass_time(day(1, 21))
    assert change(story, {"kind": "resume"})["subscription"]["status"] == "active"
    story.pass_time(day(2))
    assert bills(story)[1] == [("-10.00", "01-11..01-21"), ("31.00", "02-01..03-01")]


@pytest.mark.parametrize(
    ("refund", "given_back", "why"),
    [
        ("prorated", [[("-21.00", "01-11..02-01")]], "the unused days"),
        ("full", [[("-31.00", "01-01..02-01")]], "the month costs nothing"),
        ("none", [], "the month was bought"),
    ],
)
def test_cancelled_now(
    story: Story, refund: str, given_back: list[list[tuple[str, str]]], why: str
) -> None:
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 11))
    ended = story.post("/v1/subscriptions/acme/cancellation", {"at": "now", "refund": refund})
    assert ended["status"] == "ended"
    story.pass_time(day(3))
    assert bills(story)[1:] == given_back, why


def test_reactivated_after_ten_days(story: Story) -> None:
    """Ended on the 11th with a refund, back on the 21st: the ten days between are not charged."""
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 11))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    story.pass_time(day(1, 21))
    assert change(story, {"kind": "reactivate"})["subscription"]["status"] == "active"
    story.pass_time(day(2))
    assert bills(story) == [
        [("31.00", "01-01..02-01")],
        [("-21.00", "01-11..02-01")],
        [("11.00", "01-21..02-01")],
        [("31.00", "02-01..03-01")],
    ]


def test_reactivated_after_an_end_without_refund_nothing_is_charged_twice(story: Story) -> None:
    story.plan("later", fee("31", "in_arrears"))
    story.subscribe("acme", "later", day(1))
    story.pass_time(day(1, 11))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now", "refund": "none"})
    story.pass_time(day(1, 21))
    change(story, {"kind": "reactivate"})
    story.pass_time(day(3))
    assert bills(story) == [[("31.00", "01-01..02-01")], [("31.00", "02-01..03-01")]]


def on_trial(story: Story, plan: str, **trial: Any) -> Answer:
    return story.post(
        "/v1/subscriptions",
        {
            "key": "acme",
            "customer": "acme",
            "plan": plan,
            "starts_at": "2026-01-01T00:00:00Z",
            "trial": {"days": 14, **trial},
        },
    )


def test_a_trial_that_ends_in_paid(story: Story) -> None:
    """Fourteen days free; the first paid month begins where they end, and is whole."""
    assert on_trial(story, "basic")["status"] == "trialing"
    story.pass_time(day(3, 15))
    assert bills(story) == [
        [("31.00", "01-15..02-15")],
        [("31.00", "02-15..03-15")],
        [("31.00", "03-15..04-15")],
    ]
    assert story.get("/v1/subscriptions/acme")["status"] == "active"


def test_a_trial_that_ends_free_and_one_that_just_ends(story: Story) -> None:
    story.plan("free", fee("0"))
    on_trial(story, "basic", then="free", free_plan="free")
    story.customer("other")
    story.post(
        "/v1/subscriptions",
        {
            "key": "other",
            "customer": "other",
            "plan": "basic",
            "starts_at": "2026-01-01T00:00:00Z",
            "trial": {"days": 14, "then": "ended"},
        },
    )
    story.pass_time(day(2, 20))
    assert bills(story) == [[("0.00", "01-15..02-15")], [("0.00", "02-15..03-15")]]
    assert story.get("/v1/subscriptions/acme")["plan"] == "free"
    assert story.get("/v1/subscriptions/other")["status"] == "ended"
    assert story.invoices("other") == []


def test_a_trial_cut_short_because_they_liked_it(story: Story) -> None:
    on_trial(story, "basic", then="ended")
    story.pass_time(day(1, 8))
    assert change(story, {"kind": "end_trial"})["subscription"]["ends_at"] is None
    story.pass_time(day(2, 8))
    assert bills(story) == [[("31.00", "01-08..02-08")], [("31.00", "02-08..03-08")]]


def test_a_trial_that_would_have_ended_with_all_but_they_stay(story: Story) -> None:
    on_trial(story, "basic", then="ended")
    story.pass_time(day(1, 8))
    kept = story.delete("/v1/subscriptions/acme/cancellation")
    assert (kept["status"], kept["ends_at"]) == ("trialing", None)
    story.pass_time(day(2))
    assert bills(story) == [[("31.00", "01-15..02-15")]], "the trial runs out, and is paid for"


def test_from_a_monthly_trial_to_a_year(story: Story) -> None:
    """The plan is changed in the trial; the first paid year begins where the trial ends."""
    yearly(story)
    on_trial(story, "basic")
    story.pass_time(day(1, 8))
    assert change(story, to("year"))["subscription"]["status"] == "trialing"
    story.pass_time(day(2))
    assert bills(story) == [[("365.00", "01-15..01-15")]]


def yearly(story: Story) -> None:
    """A plan that is billed by the year."""
    terms = {"key": "year", "name": "Year", "currency": "EUR", "interval": "year"}
    story.post("/v1/plans", {**terms, "prices": [{**fee("365"), "name": "Base"}]})


def test_a_downgrade_ahead_stands_in_the_way_of_another_calendar(story: Story) -> None:
    """What is dated ahead was meant for months; it is undone first, and no bill guesses."""
    yearly(story)
    story.subscribe("acme", "pro", day(1))
    story.pass_time(day(1, 8))
    change(story, to("basic"), at="period_end")
    refused = story.refused("/v1/subscriptions/acme/changes", {"what": to("year")})
    assert refused["code"] == "interval_differs"
    story.delete("/v1/subscriptions/acme/changes/1")
    assert change(story, to("year"))["subscription"]["interval"] == "year"


def test_from_monthly_to_yearly(story: Story) -> None:
    """The rest of the month goes back, and a whole year begins with the change."""
    yearly(story)
    story.subscribe("acme", "basic", day(1), alignment="anniversary")
    story.pass_time(day(1, 11))
    change(story, to("year"))
    story.pass_time(day(1, 11, year=2027))
    assert bills(story) == [
        [("31.00", "01-01..02-01")],
        [("-21.00", "01-11..02-01"), ("365.00", "01-11..01-11")],
        [("365.00", "01-11..01-11")],
    ]
    change(story, to("basic"), effective_at=day(7, 15, year=2027).isoformat())
    story.pass_time(day(9, 1, year=2027))
    assert bills(story)[3] == [("-180.00", "07-15..01-11"), ("31.00", "07-15..08-15")]


def test_a_yearly_fee_with_monthly_usage(story: Story) -> None:
    """Two clocks: the year is paid in advance, calls month by month, an upgrade with the month."""
    story.meter("calls")
    calls: Answer = {
        "key": "calls",
        "meter": "calls",
        "rule": {"model": "per_unit", "unit_amount": "1"},
    }
    story.plan("silver", {**fee("365"), "interval": "year"}, calls)
    story.plan("gold", {**fee("730"), "interval": "year"}, calls)
    story.subscribe("acme", "silver", day(1))
    story.call("acme", day(1, 5), day(3, 5), day(3, 6), day(4, 5))
    story.pass_time(day(3, 15))
    change(story, to("gold"))
    story.pass_time(day(1, year=2027))
    told = bills(story)
    assert told[:5] == [
        [("365.00", "01-01..01-01")],
        [("1.00", "01-01..02-01")],
        [("0.00", "02-01..03-01")],
        [("-292.00", "03-15..01-01"), ("584.00", "03-15..01-01"), ("2.00", "03-01..04-01")],
        [("1.00", "04-01..05-01")],
    ]
    assert told[-1] == [("730.00", "01-01..01-01"), ("0.00", "12-01..01-01")]


def test_a_yearly_fee_is_given_back_from_the_day_of_the_end(story: Story) -> None:
    story.plan("silver", {**fee("365"), "interval": "year"})
    story.subscribe("acme", "silver", day(1))
    story.pass_time(day(3, 15))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    story.pass_time(day(3, 20))
    change(story, {"kind": "reactivate"})
    story.pass_time(day(1, year=2027))
    assert bills(story) == [
        [("365.00", "01-01..01-01")],
        [("-292.00", "03-15..01-01")],
        [("287.00", "03-20..01-01")],
        [("365.00", "01-01..01-01")],
    ]


def test_usage_across_a_change_is_billed_by_the_price_in_force(story: Story) -> None:
    """Each price charges the usage of its own time; its tiers begin there."""
    story.meter("calls")
    calls: Answer = {"key": "calls", "meter": "calls"}
    tiers = [{"up_to": 2, "unit_amount": "1"}, {"unit_amount": "0.5"}]
    story.plan("metered", {**calls, "rule": {"model": "graduated", "tiers": tiers}})
    story.plan("cheap", {**calls, "rule": {"model": "per_unit", "unit_amount": "0.1"}})
    story.subscribe("acme", "metered", day(1))
    story.call("acme", day(1, 2), day(1, 3), day(1, 4), day(1, 19, 23), day(1, 20), day(1, 25))
    story.pass_time(day(1, 20))
    change(story, to("cheap"))
    story.pass_time(day(2))
    assert bills(story) == [[("3.00", "01-01..01-20"), ("0.20", "01-20..02-01")]]
    [january] = story.invoices("acme")
    assert [line["quantity"] for line in january["lines"]] == ["4", "2"]


def test_a_price_that_stays_the_same_counts_on(story: Story) -> None:
    story.meter("calls")
    calls: Answer = {
        "key": "calls",
        "meter": "calls",
        "rule": {"model": "graduated", "tiers": [{"up_to": 2, "unit_amount": 1}, {}]},
    }
    story.plan("small", fee("31"), calls)
    story.plan("large", fee("62"), calls)
    story.subscribe("acme", "small", day(1))
    story.call("acme", day(1, 2), day(1, 25), day(1, 26))
    story.pass_time(day(1, 20))
    change(story, to("large"))
    story.pass_time(day(2))
    assert bills(story)[1][-1] == ("2.00", "01-01..02-01"), "one line, one set of tiers"


def test_usage_of_a_trial_and_of_a_pause_is_not_charged(story: Story) -> None:
    story.meter("calls")
    calls: Answer = {"key": "calls", "meter": "calls"}
    story.plan("metered", {**calls, "rule": {"model": "per_unit", "unit_amount": "1"}})
    on_trial(story, "metered")
    story.call("acme", day(1, 5), day(1, 16), day(1, 25), day(2, 2))
    story.pass_time(day(1, 20))
    change(story, {"kind": "pause"})
    story.pass_time(day(1, 30))
    change(story, {"kind": "resume"})
    story.pass_time(day(2, 20))
    assert bills(story) == [[("1.00", "01-15..01-20"), ("1.00", "01-30..02-15")]]


def test_what_a_change_would_cost_is_known_before(story: Story) -> None:
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 20))
    preview = story.post("/v1/subscriptions/acme/change-previews", {"what": to("pro")})
    assert preview["changed"]["total"] == "74.00"
    assert preview["unchanged"]["total"] == "31.00"
    assert story.get("/v1/subscriptions/acme/changes")["results"] == [], "nothing was recorded"
    change(story, to("pro"))
    story.pass_time(day(2))
    [_, billed] = story.invoices("acme")
    for line, foretold in zip(billed["lines"], preview["changed"]["lines"], strict=True):
        assert line == foretold, "the bill is the one that was shown"


def test_by_the_second_for_what_is_bought_by_the_hour(story: Story) -> None:
    story.post(
        "/v1/subscriptions",
        {
            "key": "acme",
            "customer": "acme",
            "plan": "basic",
            "starts_at": "2026-01-01T00:00:00Z",
            "counting": "by_second",
        },
    )
    story.pass_time(day(1, 20, 12))
    change(story, to("pro"))
    story.pass_time(day(2))
    assert bills(story)[1][:2] == [("-11.50", "01-20..02-01"), ("23.00", "01-20..02-01")]
    [_, february] = story.invoices("acme")
    sentence = february["lines"][0]["working"][0]["sentence"]
    assert sentence == "Given back, 993,600 of 2,678,400 seconds of €31.00: -€11.50"


def test_an_end_agreed_at_the_start_and_moved(story: Story) -> None:
    """Half a year agreed; in May they stay on."""
    story.post(
        "/v1/subscriptions",
        {
            "key": "acme",
            "customer": "acme",
            "plan": "basic",
            "starts_at": "2026-01-01T00:00:00Z",
            "ends_at": "2026-07-01T00:00:00Z",
        },
    )
    story.pass_time(day(5))
    assert story.delete("/v1/subscriptions/acme/cancellation")["ends_at"] is None
    story.pass_time(day(8))
    assert len(story.invoices("acme")) == 8
    assert story.get("/v1/subscriptions/acme")["status"] == "active"


def test_a_scheduled_start(story: Story) -> None:
    story.subscribe("acme", "basic", day(2, 15))
    assert story.get("/v1/subscriptions/acme")["status"] == "scheduled"
    change(story, to("pro"), effective_at=day(2, 15).isoformat())
    story.pass_time(day(3))
    assert bills(story) == [[("31.00", "02-15..03-01")], [("62.00", "03-01..04-01")]]
