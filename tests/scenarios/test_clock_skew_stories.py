"""A server whose clock is wrong, or is set back: stories. Order is that of the log, not of clocks.

Rules: docs/semantics/events.md#positions, docs/semantics/restatements.md
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from contracts import day
from story import Answer, Clock, Story, told
from tallybook.domain.customers.organization import Organization
from tallybook.services.ports import Wiring

CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "1"},
}
YEAR = {"meter": "calls", "customer": "acme", "period": "2026"}


@pytest.fixture
def story(wiring: Wiring, organization: Organization, clock: Clock) -> Iterator[Story]:
    with told(wiring, organization, clock) as begun:
        begun.meter("calls")
        begun.plan("usage", CALLS)
        begun.customer("acme")
        begun.subscribe("acme", "usage", day(1))
        yield begun


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (timedelta(days=-20), "set back by days"),
        (timedelta(microseconds=-1), "by the least"),
        (timedelta(0), "it stands still"),
        (timedelta(days=3650), "ten years ahead"),
    ],
)
def test_usage_and_its_as_of_do_not_go_by_the_server_s_clock(
    story: Story, clock: Clock, step: timedelta, why: str
) -> None:
    clock.now = day(1, 25)
    story.call("acme", day(1, 5))
    first = story.get("/v1/usage", **YEAR)
    clock.now += step
    story.call("acme", day(1, 6), day(1, 4))
    second = story.get("/v1/usage", **YEAR)
    assert second["results"][0]["quantity"] == "3", why
    again = story.get("/v1/usage", **YEAR, as_of=first["as_of"])
    assert again["results"] == first["results"], "nothing appears behind an as-of"
    listed = story.get("/v1/events", type="call")["results"]
    assert [event["id"] for event in listed] == ["e3", "e2", "e1"], "in the order of arrival"
    pages = story.get("/v1/usage/events", **YEAR)["results"]
    assert [event["id"] for event in pages] == ["e3", "e1", "e2"], "in the order of their times"


def test_an_event_is_late_by_its_position_though_the_clock_was_set_back(
    story: Story, clock: Clock
) -> None:
    """It arrived, by the clock, before the invoice that misses it was drawn up."""
    clock.now = day(2, 3)
    story.call("acme", day(1, 5))
    story.bill(finalize=True)
    clock.now = day(2, 1)
    story.call("acme", day(1, 7))
    run = story.post("/v1/restatement-runs")
    assert (run["restated"], run["stuck"]) == (1, [])
    [restated] = story.get("/v1/restatements")["results"]
    assert (restated["before"]["quantity"], restated["after"]["quantity"]) == ("1", "2")


def test_a_correction_is_in_force_though_it_was_made_before_the_event_arrived(
    story: Story, clock: Clock
) -> None:
    clock.now = day(1, 25)
    story.call("acme", day(1, 5), day(1, 6))
    before = story.get("/v1/usage", **YEAR)
    clock.now = day(1, 20)
    which = {"type": "call", "id": "e1", "source": "api"}
    shown = story.post("/v1/corrections/void/preview", {"events": which})
    story.post(
        "/v1/corrections/void", {"events": which, "token": shown["token"], "reason": "A test."}
    )
    assert story.get("/v1/usage", **YEAR)["results"][0]["quantity"] == "1"
    assert story.get("/v1/usage", **YEAR, as_of=before["as_of"])["results"] == before["results"]


def test_a_sender_ahead_of_the_server_waits_and_counts_when_it_is_replayed(
    story: Story, clock: Clock
) -> None:
    """Whichever of the two clocks was wrong: the event is there, with both times."""
    clock.now = day(1, 5)
    story.put("/v1/event-settings", {"max_ahead_seconds": 60, "max_age_days": 30})
    story.call("acme", clock.now + timedelta(seconds=60))
    ahead = (clock.now + timedelta(seconds=61)).isoformat()
    sent = {"type": "call", "customer": "acme", "id": "ahead", "time": ahead}
    assert story.post("/v1/events", [sent])["counts"]["quarantined"] == 1
    [held] = story.get("/v1/quarantine")["results"]
    assert held["cause"] == "too_far_ahead"
    assert story.get("/v1/usage", **YEAR)["results"][0]["quantity"] == "1", "the limit is taken"
    mended = {"by": "ada", "steps": [{"do": "shift_time", "seconds": -3600}]}
    assert story.post("/v1/quarantine/mend", mended)["counts"] == {"passes": 1}
    assert story.post("/v1/quarantine/replay", {"by": "ada"})["counts"] == {"accepted": 1}
    assert story.get("/v1/usage", **YEAR)["results"][0]["quantity"] == "2"
