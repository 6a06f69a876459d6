"""Contracts with a term, told in calendar order. Rules: docs/semantics/contracts.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring


def fee(amount: str) -> Answer:
    return {
        "key": "base",
        "rule": {"model": "flat", "amount": amount},
        "timing": "in_advance",
    }


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.plan("basic", fee("31"))
        begun.plan("pro", fee("62"))
        begun.customer("acme")
        yield begun


def subscribe(story: Story, **said: Any) -> Answer:
    return story.post(
        "/v1/subscriptions",
        {
            "key": "acme",
            "customer": "acme",
            "plan": "basic",
            "starts_at": "2026-01-01T00:00:00Z",
            **said,
        },
    )


def contract_of(story: Story) -> Answer:
    found: Answer = story.get("/v1/subscriptions/acme")["contract"]
    return found


def bills(story: Story) -> list[str]:
    return [invoice["total"] for invoice in story.proved("acme")]


def test_a_year_that_renews_until_notice_is_given(story: Story) -> None:
    """A year, thirty days of notice. Too late in the first year, the second one follows."""
    begun = subscribe(story, contract={"notice_days": 30})
    assert begun["contract"] == {
        "since": "2026-01-01T00:00:00Z",
        "interval": "year",
        "interval_count": 1,
        "renewal": "another_term",
        "notice_days": 30,
        "term": {"starts": "2026-01-01T00:00:00Z", "ends": "2027-01-01T00:00:00Z"},
        "notice_due_at": "2026-12-02T00:00:00Z",
        "ends_with_notice_now": "2027-01-01T00:00:00Z",
        "terms_renewed": 0,
    }
    story.pass_time(day(6, 15))
    refused = story.refused("/v1/subscriptions/acme/cancellation", {"at": "period_end"})
    assert (refused["status"], refused["code"]) == (409, "bound_by_contract")
    story.pass_time(day(12, 10))
    assert contract_of(story)["ends_with_notice_now"] == "2028-01-01T00:00:00Z", "too late for 2027"
    story.pass_time(day(3, 1, year=2027))
    assert contract_of(story)["terms_renewed"] == 1
    ending = story.post("/v1/subscriptions/acme/cancellation")
    assert ending["ends_at"] == "2028-01-01T00:00:00Z", "without a time: by notice"
    story.pass_time(day(1, 2, year=2028))
    assert story.get("/v1/subscriptions/acme")["status"] == "ended"
    assert bills(story) == ["31.00"] * 24


def test_a_contract_that_ends_with_its_term_unless_both_go_on(story: Story) -> None:
    begun = subscribe(
        story, contract={"interval": "month", "interval_count": 3, "renewal": "nothing"}
    )
    assert begun["ends_at"] == "2026-04-01T00:00:00Z"
    story.pass_time(day(3, 20))
    kept = story.delete("/v1/subscriptions/acme/cancellation")
    assert kept["ends_at"] is None, "they go on"
    assert kept["contract"]["ends_with_notice_now"] == "2026-04-01T00:00:00Z"
    story.pass_time(day(5, 10))
    assert contract_of(story)["term"] is None, "open-ended, without another term"
    ending = story.post("/v1/subscriptions/acme/cancellation", {"at": "period_end"})
    assert ending["ends_at"] == "2026-06-01T00:00:00Z"


def test_a_contract_that_renews_into_another_plan(story: Story) -> None:
    """A first quarter at the introductory plan, then the full one, term after term."""
    terms = {"interval": "quarter", "renews_into": "pro"}
    subscribe(story, contract=terms)
    phases = story.get("/v1/subscriptions/acme/phases")["results"]
    assert [(phase["starts"][:10], phase["plan"]) for phase in phases] == [
        ("2026-01-01", "basic"),
        ("2026-04-01", "pro"),
    ]
    story.pass_time(day(6))
    assert bills(story) == ["31.00", "31.00", "31.00", "62.00", "62.00", "62.00"]


def test_both_agree_to_part_before_the_term_ends(story: Story) -> None:
    subscribe(story, contract={})
    story.pass_time(day(1, 11))
    ended = story.post(
        "/v1/subscriptions/acme/cancellation", {"at": "now", "waives_contract": True}
    )
    assert ended["status"] == "ended"
    story.pass_time(day(2))
    assert bills(story) == ["31.00", "-21.00"]


def test_a_contract_made_later_replaced_and_undone(story: Story) -> None:
    """Monthly first; a year from March on, then two years in its place, then neither."""
    subscribe(story)
    story.pass_time(day(2, 10))
    year = {"kind": "contract", "renewal": "nothing"}
    body = {"what": year, "effective_at": "2026-03-01T00:00:00Z"}
    made = story.post("/v1/subscriptions/acme/changes", body)
    assert made["subscription"]["ends_at"] == "2027-03-01T00:00:00Z"
    assert made["subscription"]["contract"] is None, "not yet"
    story.pass_time(day(4))
    two = {"kind": "contract", "interval_count": 2}
    replaced = story.post("/v1/subscriptions/acme/changes", {"what": two})
    assert replaced["subscription"]["ends_at"] is None, "the end of the first is called off"
    assert replaced["subscription"]["contract"]["term"]["ends"] == "2028-04-01T00:00:00Z"
    number = next(one["number"] for one in replaced["changes"] if one["kind"] == "contract")
    undone = story.delete(f"/v1/subscriptions/acme/changes/{number}")
    assert undone["subscription"]["contract"]["term"]["ends"] == "2027-03-01T00:00:00Z"


def test_a_downgrade_that_waits_for_the_term_to_end(story: Story) -> None:
    subscribe(story, plan="pro", contract={"interval": "half_year"})
    story.pass_time(day(2, 10))
    change = {"what": {"kind": "plan", "plan": "basic"}, "at": "term_end"}
    made = story.post("/v1/subscriptions/acme/changes", change)
    assert made["changes"][0]["effective_at"] == "2026-07-01T00:00:00Z"
    story.pass_time(day(7))
    assert bills(story)[-2:] == ["62.00", "31.00"]


@pytest.mark.parametrize(
    ("terms", "code", "field"),
    [
        ({"notice_days": -1}, "notice_days_out_of_range", "contract/notice_days"),
        ({"interval_count": 0}, "interval_count_out_of_range", "contract/interval_count"),
        (
            {"renewal": "nothing", "renews_into": "pro"},
            "renews_into_nothing",
            "contract/renews_into",
        ),
        ({"renews_into": "sofa"}, "unknown_plan", "contract/renews_into"),
    ],
)
def test_terms_that_cannot_be(story: Story, terms: Answer, code: str, field: str) -> None:
    body = {"key": "other", "customer": "acme", "plan": "basic", "contract": terms}
    refused = story.refused("/v1/subscriptions", body)
    assert (refused["code"], refused["field"]) == (code, field)


def test_no_term_to_wait_for(story: Story) -> None:
    subscribe(story)
    refused = story.refused("/v1/subscriptions/acme/cancellation", {"at": "term_end"})
    assert refused["code"] == "no_term"
