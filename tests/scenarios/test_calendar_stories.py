"""Other days of billing, and ends that are undone, told in calendar order.

Rules: docs/semantics/proration.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring


def fee(amount: str) -> Answer:
    return {"key": "base", "rule": {"model": "flat", "amount": amount}, "timing": "in_advance"}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.plan("basic", fee("31"))
        begun.plan("pro", fee("62"))
        begun.customer("acme")
        yield begun


def change(story: Story, what: Answer, **said: Any) -> Answer:
    return story.post("/v1/subscriptions/acme/changes", {"what": what, **said})


def bills(story: Story) -> list[list[tuple[str, str]]]:
    """What each invoice says: amount and days of every line. All are verified."""
    return [
        [(line["amount"], dates(line["service_period"])) for line in invoice["lines"]]
        for invoice in story.proved("acme")
    ]


def dates(span: Answer) -> str:
    return f"{span['starts'][5:10]}..{span['ends'][5:10]}"


def test_an_end_undone_after_the_return_leaves_no_gap(story: Story) -> None:
    """Ended on the 11th by mistake, back on the 21st; then the end is undone: all is charged."""
    story.meter("calls")
    calls = {"key": "calls", "meter": "calls", "rule": {"model": "per_unit", "unit_amount": "1"}}
    story.plan("calling", fee("31"), calls)
    story.subscribe("acme", "calling", day(1))
    story.call("acme", day(1, 5), day(1, 15), day(1, 25))
    story.pass_time(day(1, 11))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    story.pass_time(day(1, 21))
    change(story, {"kind": "reactivate"})
    story.pass_time(day(1, 22))
    undone = story.delete("/v1/subscriptions/acme/changes/1")
    assert undone["subscription"]["period"]["starts"] == "2026-01-11T00:00:00Z"
    story.pass_time(day(2))
    told = bills(story)
    assert told[1] == [("-21.00", "01-11..02-01"), ("1.00", "01-01..01-11")]
    assert [amount for amount, _ in told[2]] == ["10.00", "31.00", "2.00"], "days and calls"


def test_a_gap_before_a_closed_period_stays(story: Story) -> None:
    story.subscribe("acme", "basic", day(1))
    story.pass_time(day(1, 11))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    story.pass_time(day(1, 21))
    change(story, {"kind": "reactivate"})
    story.pass_time(day(2, 5))
    refused = story.refused("/v1/subscriptions/acme/changes/1", None, method="DELETE")
    assert (refused["status"], refused["code"]) == (409, "gap_closed")


def test_billed_on_another_day_from_now_on(story: Story) -> None:
    """From the 20th on periods begin on the 10th: a stub of 21 of 31 days leads up to it."""
    story.subscribe("acme", "basic", day(1), alignment="anniversary")
    story.pass_time(day(1, 20))
    anchor = {"kind": "calendar", "anchor": "2026-02-10T00:00:00Z"}
    moved = change(story, anchor)["subscription"]
    assert moved["period"] == {"starts": "2026-01-01T00:00:00Z", "ends": "2026-01-20T00:00:00Z"}
    story.pass_time(day(2, 10))
    assert bills(story) == [
        [("31.00", "01-01..02-01")],
        [("-12.00", "01-20..02-01"), ("21.00", "01-20..02-10")],
        [("31.00", "02-10..03-10")],
    ]
    again = story.refused("/v1/subscriptions/acme/changes", {"what": anchor})
    assert again["code"] == "nothing_changes"


def test_from_the_day_it_began_to_the_first_of_the_month(story: Story) -> None:
    story.subscribe("acme", "basic", day(1, 15), alignment="anniversary")
    story.pass_time(day(1, 25))
    calendar = {"kind": "calendar", "alignment": "calendar"}
    change(story, calendar, at="period_end")
    story.pass_time(day(3))
    assert bills(story) == [
        [("31.00", "01-15..02-15")],
        [("15.50", "02-15..03-01")],
        [("31.00", "03-01..04-01")],
    ]


def test_called_off_before_it_began_with_all_that_was_agreed(story: Story) -> None:
    story.post(
        "/v1/subscriptions",
        {
            "key": "acme",
            "customer": "acme",
            "plan": "basic",
            "starts_at": "2026-03-01T00:00:00Z",
            "trial": {"days": 14, "without_payment_method": "ended"},
            "contract": {},
            "phases": [{"after": 6, "plan": "pro"}],
        },
    )
    story.pass_time(day(2))
    off = story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    assert (off["status"], off["trial_ends_at"]) == ("ended", None)
    assert story.pass_time(day(9))["run"]["invoices"] == 0
