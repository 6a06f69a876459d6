"""Events that come after their invoice: stories. Rules: docs/semantics/restatements.md."""

from __future__ import annotations

import copy
import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Clock, Story, told
from tallybook.domain.customers.organization import Organization
from tallybook.jobs.restating import RestatingRounds
from tallybook.services.create_organization import create_organization
from tallybook.services.ports import Wiring
from tallybook.services.restate_usage import restate_usage

CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {"model": "per_unit", "unit_amount": "0.125"},
}


@pytest.fixture
def story(wiring: Wiring, organization: Organization, clock: Clock) -> Iterator[Story]:
    with told(wiring, organization, clock) as begun:
        begun.meter("calls", dimensions=("model",))
        begun.plan("usage", CALLS)
        for key in ("acme", "beta"):
            begun.customer(key)
            begun.subscribe(key, "usage", day(1))
        yield begun


def look(story: Story) -> tuple[int, int]:
    """Look for late events: how many restatements were made, how many drafts drawn up again."""
    run = story.post("/v1/restatement-runs")
    assert run["stuck"] == []
    return run["restated"], run["recalculated"]


def listed(story: Story, **query: str) -> list[tuple[str, str, str, str]]:
    """Restatements in short: customer, quantities before and after, and the difference."""
    found = story.get("/v1/restatements", **query)["results"]
    return [
        (one["customer"], one["before"]["quantity"], one["after"]["quantity"], one["difference"])
        for one in found
    ]


def behind(story: Story, restatement: Answer) -> list[tuple[str, bool]]:
    """The events behind a difference, by id, paged one by one."""
    found: list[tuple[str, bool]] = []
    path, after = f"/v1/restatements/{restatement['id']}/events", ""
    while True:
        page = story.get(path, limit=1, after=after)
        found += [(one["event"]["id"], one["is_counted"]) for one in page["results"]]
        after = page["next"]
        if not after:
            return found


def test_late_events_of_a_finalized_month_are_restated(story: Story, clock: Clock) -> None:
    clock.now = day(2, 3)
    story.call("acme", day(1, 5), day(1, 6))
    story.call("beta", day(1, 5))
    story.bill(finalize=True)
    [january] = story.invoices("acme")
    assert look(story) == (0, 0), "nothing came since"

    story.call("acme", day(1, 7), day(2, 1))  # e4 is late, e5 is February's
    assert look(story) == (1, 0)
    assert look(story) == (0, 0), "once"
    assert listed(story) == [("acme", "2", "3", "1")]
    [restated] = story.get("/v1/restatements", customer="acme", meter="calls")["results"]
    assert restated["policy"] == "next_invoice"
    assert restated["invoice_number"] == january["number"]
    assert (restated["line"], restated["price_key"], restated["place"]) == (1, "calls", 1)
    assert restated["before"]["as_of"] == january["as_of"]
    assert restated["before"]["checksum"] == january["lines"][0]["evidence"]["checksum"]
    assert behind(story, restated) == [("e4", True)]
    assert story.get(f"/v1/restatements/{restated['id']}") == restated
    assert story.invoices("acme") == [january]
    assert story.post(f"/v1/invoices/{january['id']}/verify")["is_equal"]

    period = {"meter": "calls", "customer": "acme", "period": "2026-01"}
    [then] = story.get("/v1/usage", **period, as_of=january["as_of"])["results"]
    [now] = story.get("/v1/usage", **period)["results"]
    assert (then["quantity"], now["quantity"]) == ("2", "3"), "as it was, and as it is"


def test_the_next_restatement_goes_on_where_the_one_before_ended(
    story: Story, clock: Clock
) -> None:
    clock.now = day(2, 3)
    story.call("acme", day(1, 5))
    story.bill(finalize=True)
    story.call("acme", day(1, 6), day(1, 7))
    assert look(story) == (1, 0)
    story.put("/v1/late-event-settings", {"policy": "ignore"})
    story.call("acme", day(1, 8))
    assert look(story) == (1, 0), "listed although it is ignored"
    assert listed(story) == [("acme", "3", "4", "1"), ("acme", "1", "3", "2")]
    second, first = story.get("/v1/restatements")["results"]
    assert (first["policy"], second["policy"]) == ("next_invoice", "ignore")
    assert (first["place"], second["place"]) == (1, 2)
    assert second["before"]["as_of"] == first["after"]["as_of"]
    assert behind(story, first) == [("e2", True), ("e3", True)], "for ever"
    page = story.get("/v1/restatements", limit=1)
    assert story.get("/v1/restatements", limit=1, after=page["next"])["results"] == [first]


def test_corrections_restate_too(story: Story, clock: Clock) -> None:
    clock.now = day(2, 3)
    story.call("acme", day(1, 5), day(1, 6))
    story.bill(finalize=True)
    wanted = {"events": {"id": "e1", "source": "api"}}
    token = story.post("/v1/corrections/void/preview", wanted)["token"]
    void = story.post("/v1/corrections/void", {**wanted, "token": token, "reason": "a test"})
    assert look(story) == (1, 0)
    assert listed(story) == [("acme", "2", "1", "-1")]
    [restated] = story.get("/v1/restatements")["results"]
    assert behind(story, restated) == [("e1", False)]

    story.post(f"/v1/corrections/{void['id']}/revert", {"reason": "it was none"})
    assert look(story) == (1, 0)
    assert listed(story)[0] == ("acme", "1", "2", "1"), "they add up to nothing"
    assert behind(story, story.get("/v1/restatements")["results"][0]) == [("e1", True)]

    amendment = {"id": "e2", "properties": {"model": "large"}}
    story.post("/v1/corrections/amend", {"amendments": [amendment], "reason": "was large"})
    assert look(story) == (1, 0)
    last = story.get("/v1/restatements")["results"][0]
    assert last["difference"] == "0", "other events, the same quantity: prices may tell them apart"
    assert [is_counted for _, is_counted in behind(story, last)] == [False, True]


def test_a_draft_is_drawn_up_again(story: Story, clock: Clock) -> None:
    clock.now = day(2, 3)
    story.call("acme", day(1, 5))
    story.bill()
    [draft] = story.invoices("acme")
    story.call("acme", day(1, 6))
    assert look(story) == (0, 1)
    [redrawn] = story.invoices("acme")
    assert (redrawn["id"], redrawn["status"]) == (draft["id"], "draft")
    assert (draft["total"], redrawn["total"]) == ("0.13", "0.25")
    assert redrawn["as_of"] > draft["as_of"]
    assert story.post(f"/v1/invoices/{draft['id']}/verify")["is_equal"]

    story.call("acme", day(1, 7))
    final = story.post(f"/v1/invoices/{draft['id']}/finalize")
    assert final["total"] == "0.25", "what is finalized is what was shown"
    assert look(story) == (1, 0), "what came between is late for it"
    assert listed(story) == [("acme", "2", "3", "1")]
    problem = story.refused(f"/v1/invoices/{draft['id']}/recalculate", {})
    assert problem["code"] == "already_finalized"


def test_drafts_are_finalized_as_they_were_shown_or_with_what_came(
    story: Story, clock: Clock
) -> None:
    clock.now = day(2, 3)
    story.bill()
    story.call("acme", day(1, 6))
    assert story.post("/v1/finalizations", {"recalculate": True}) == {"finalized": 2}
    assert story.invoices("acme")[0]["total"] == "0.13"
    assert look(story) == (0, 0)


def test_a_draft_is_recalculated_on_request(story: Story, clock: Clock) -> None:
    clock.now = day(3, 3)
    story.call("acme", day(1, 5), day(2, 5))
    story.bill()
    january, february = story.invoices("acme")
    story.call("acme", day(1, 6), day(2, 6))
    redrawn = story.post(f"/v1/invoices/{january['id']}/recalculate")
    assert redrawn["lines"][0]["quantity"] == "2"
    assert [one["total"] for one in story.invoices("acme")] == ["0.25", "0.25"], "later ones follow"
    story.post(f"/v1/invoices/{february['id']}/finalize")
    problem = story.refused(f"/v1/invoices/{january['id']}/recalculate", {})
    assert problem["code"] == "later_is_final"


def test_a_late_reading_restates_every_month_that_goes_by_it(story: Story, clock: Clock) -> None:
    reading = {"type": "counter", "value": "kwh", "series": "meter"}
    story.post(
        "/v1/meters",
        {"key": "kwh", "name": "kWh", "event_type": "reading", "aggregation": reading},
    )
    rule = {"model": "per_unit", "unit_amount": "1"}
    story.plan("power", {"key": "kwh", "meter": "kwh", "rule": rule})
    story.customer("house")
    story.subscribe("house", "power", day(1))
    clock.now = day(4)
    sent = [("r1", day(1), "100"), ("r2", day(2), "130"), ("r3", day(4), "200")]

    def read(*readings: tuple[str, object, str]) -> None:
        story.post(
            "/v1/events",
            [
                {
                    "id": id_,
                    "type": "reading",
                    "customer": "house",
                    "time": str(at).replace(" ", "T"),
                    "properties": {"kwh": value, "meter": "m"},
                }
                for id_, at, value in readings
            ],
        )

    read(*sent)
    story.bill(finalize=True)
    assert [one["lines"][0]["quantity"] for one in story.invoices("house")] == ["30", "0", "70"]
    read(("r4", day(3), "150"))
    assert look(story) == (2, 0), "February has a reading at its end, and March one to begin with"
    assert sorted(listed(story, customer="house")) == [
        ("house", "0", "20", "20"),
        ("house", "70", "50", "-20"),
    ]


def test_a_price_of_some_usage_is_restated_by_its_own(story: Story, clock: Clock) -> None:
    small = {**CALLS, "key": "small", "match": {"model": "small"}}
    large = {**CALLS, "key": "large", "match": {"model": "large"}}
    story.plan("split", small, large)
    story.customer("cid")
    story.subscribe("cid", "split", day(1))
    clock.now = day(2, 3)
    story.call("cid", day(1, 5), model="small")
    story.bill(finalize=True)
    story.call("cid", day(1, 6), day(1, 7), model="large")
    assert look(story) == (1, 0)
    [restated] = story.get("/v1/restatements")["results"]
    assert (restated["price_key"], restated["match"]) == ("large", {"model": "large"})
    assert (restated["difference"], len(behind(story, restated))) == ("2", 2)


def test_late_usage_of_a_child_restates_the_line_at_which_it_counts(
    story: Story, clock: Clock
) -> None:
    story.post(
        "/v1/customers",
        {"key": "north", "name": "N", "currency": "EUR", "parent": "acme", "usage_at": "parent"},
    )
    clock.now = day(2, 3)
    story.call("acme", day(1, 5))
    story.bill(finalize=True)
    story.call("north", day(1, 6), day(1, 7))
    assert look(story) == (1, 0)
    assert listed(story) == [("acme", "1", "3", "2")]
    [restated] = story.get("/v1/restatements")["results"]
    assert [id_ for id_, _ in behind(story, restated)] == ["e2", "e3"]


def test_whoever_looks_at_once_finds_everything_once(story: Story, clock: Clock) -> None:
    clock.now = day(2, 3)
    story.bill(finalize=True)
    story.call("acme", *(day(1, number) for number in range(2, 12)))
    story.call("beta", day(1, 5))
    runs = []
    threads = [
        threading.Thread(
            target=lambda: runs.append(restate_usage(story.wiring, story.organization_id))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.restated for run in runs) == [0, 0, 0, 2]
    assert sorted(listed(story)) == [("acme", "0", "10", "10"), ("beta", "0", "1", "1")]


def test_a_server_looks_by_itself(story: Story, clock: Clock) -> None:
    clock.now = day(2, 3)
    story.bill(finalize=True)
    story.call("acme", day(1, 5))
    assert [run.restated for run in RestatingRounds(story.wiring).go()] == [1]
    assert listed(story) == [("acme", "0", "1", "1")]


def test_rounds_ask_those_alone_whose_events_came(
    story: Story, clock: Clock, wiring: Wiring
) -> None:
    other = create_organization(wiring, key="other", name="Other")
    with told(wiring, other, clock) as neighbour:
        neighbour.meter("calls")
        neighbour.plan("usage", CALLS)
        neighbour.customer("cid")
        neighbour.subscribe("cid", "usage", day(1))
        clock.now = day(2, 3)
        for each in (story, neighbour):
            each.bill(finalize=True)
        asked: list[str] = []
        rounds = RestatingRounds(_noting(story.wiring, asked))

        def go() -> list[int]:
            asked.clear()
            return [run.restated for run in rounds.go()]

        ours, theirs = story.organization_id, neighbour.organization_id
        assert (go(), sorted(asked)) == ([0, 0], sorted([ours, theirs])), "the first asks all"
        assert (go(), asked) == ([0, 0], [])
        story.call("acme", day(1, 5))
        assert (sorted(go()), asked) == ([0, 1], [ours]), "who is quiet is not asked for"
        neighbour.call("cid", day(1, 5))
        assert (sorted(go()), asked) == ([0, 1], [theirs]), "and misses nothing later"
        assert (go(), asked) == ([0, 0], [])
        events = {"events": {"id": "e1"}}
        shown = story.post("/v1/corrections/void/preview", events)
        body = {**events, "token": shown["token"], "reason": "twice"}
        made = story.post("/v1/corrections/void", body)
        assert (sorted(go()), asked) == ([0, 1], [ours]), "a void moves it"
        story.post(f"/v1/corrections/{made['id']}/revert", {"reason": "not twice"})
        assert (sorted(go()), asked) == ([0, 1], [ours]), "and so does its revert"
        story.call("acme", day(2, 2))
        clock.now = day(3, 3)
        story.bill(finalize=True)
        neighbour.call("cid", day(2, 5))
        assert (go(), sorted(asked)) == ([0, 0], sorted([ours, theirs])), "it had come before"
    assert [each[3] for each in listed(story)] == ["1", "-1", "1"]


def _noting(wiring: Wiring, asked: list[str]) -> Wiring:
    """The wiring, noting whose late events are looked for."""
    late_events: Any = copy.copy(wiring.late_events)

    def touched(organization_id: str, **limits: Any) -> Any:
        asked.append(organization_id)
        return wiring.late_events.touched(organization_id, **limits)

    late_events.touched = touched
    return dataclasses.replace(wiring, late_events=late_events)
