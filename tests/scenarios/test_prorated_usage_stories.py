"""Usage prices that shrink with the time that they are in force: docs/semantics/proration.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import day
from story import Answer, Story, played, printed
from tallybook.services.ports import Wiring

TIERS = [{"up_to": "30", "unit_amount": "1"}, {"unit_amount": "0.5"}]
CALLS: Answer = {
    "key": "calls",
    "name": "Calls",
    "meter": "calls",
    "rule": {"model": "graduated", "tiers": TIERS},
    "allowance": "60",
    "minimum": "9",
    "prorates": "all",
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(3)) as begun:
        begun.meter("calls")
        begun.customer("acme")
        yield begun


def calls(story: Story, count: int, month: int, number: int) -> None:
    story.call("acme", *[day(month, number, at % 24) for at in range(count)])


def test_a_start_and_a_change_in_the_middle_of_a_period(story: Story) -> None:
    """Two thirds of April, all of May, and June in two halves of two plans."""
    story.plan("basic", CALLS)
    story.plan("pro", {**CALLS, "rule": {"model": "per_unit", "unit_amount": "2"}})

    # 11 April: 20 of 30 days, so 40 calls are included, 20 more cost 1 each and the rest 0.5.
    story.subscribe("acme", "basic", day(4, 11))
    calls(story, 62, 4, 20)
    story.pass_time(day(5, 1))
    assert printed(story.proved("acme")[0]) == [("calls", "62", "21.00")]

    # May is whole: 60 included, 9.00 at least.
    calls(story, 61, 5, 20)
    story.pass_time(day(6, 1))
    assert printed(story.proved("acme")[1]) == [("calls", "61", "9.00")]

    # On 16 June to the other plan: half of June each, 30 calls included in either half.
    calls(story, 31, 6, 10)
    calls(story, 33, 6, 20)
    what = {"kind": "plan", "plan": "pro"}
    story.post(
        "/v1/subscriptions/acme/changes", {"what": what, "effective_at": day(6, 16).isoformat()}
    )
    story.pass_time(day(7, 1))
    assert printed(story.proved("acme")[2]) == [("calls", "31", "4.50"), ("calls", "33", "6.00")]


def test_the_working_says_the_share(story: Story) -> None:
    story.plan("basic", CALLS)
    story.subscribe("acme", "basic", day(4, 11))
    story.pass_time(day(5, 1))
    (line,) = story.proved("acme")[0]["lines"]
    first = line["working"][0]
    assert first["code"] == "in_force_all"
    assert first["terms"] == {"parts": "20", "of_parts": "30"}
    assert "20 of 30 days" in first["sentence"]


def test_without_the_setting_nothing_shrinks(story: Story) -> None:
    """As before: the whole allowance and the whole minimum for a part of a month."""
    story.plan("basic", {name: said for name, said in CALLS.items() if name != "prorates"})
    story.subscribe("acme", "basic", day(4, 11))
    calls(story, 62, 4, 20)
    story.pass_time(day(5, 1))
    assert printed(story.proved("acme")[0]) == [("calls", "62", "9.00")]


def test_a_contract_may_say_otherwise(story: Story) -> None:
    """It is overridden, kept with the version, copied, and told in the difference of versions."""
    story.plan("basic", CALLS)
    body = {"key": "acme", "customer": "acme", "plan": "basic", "alignment": "calendar"}
    said = {"prices": {"calls": {"prorates": "none"}}}
    story.post(
        "/v1/subscriptions", {**body, "starts_at": day(4, 11).isoformat(), "overrides": said}
    )
    calls(story, 62, 4, 20)
    story.pass_time(day(5, 1))
    assert printed(story.proved("acme")[0]) == [("calls", "62", "9.00")]
    (kept,) = story.get("/v1/plans/basic")["prices"]
    assert kept["prorates"] == "all"
    story.plan("basic", {**CALLS, "prorates": "units"})
    told = story.get("/v1/plans/basic/differences", before=1, after=2)
    assert any("prorates" in str(each) for each in told["results"]), told


def test_units_that_prices_share_shrink_too(story: Story) -> None:
    """600 for both in a month; for 20 of 30 days 400."""
    plain = {"meter": "calls", "rule": {"model": "per_unit", "unit_amount": "1"}}
    shared = {"key": "pool", "name": "Included", "units": "60", "prices": ["calls"]}
    story.post(
        "/v1/plans",
        {
            "key": "basic",
            "name": "Basic",
            "currency": "EUR",
            "prices": [{**plain, "key": "calls", "name": "Calls"}],
            "shared_allowances": [{**shared, "prorates": True}],
        },
    )
    story.subscribe("acme", "basic", day(4, 11))
    calls(story, 45, 4, 20)
    story.pass_time(day(5, 1))
    assert printed(story.proved("acme")[0]) == [("calls", "45", "5.00"), ("pool", "40", "0.00")]
