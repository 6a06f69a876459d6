"""A plan sold in two arms, told in calendar order. Rules: docs/semantics/plans.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring


def base(amount: str) -> Answer:
    return {"key": "base", "rule": {"model": "flat", "amount": amount}}


def order(*weights: int, **said: Any) -> Answer:
    keys = ("control", "cheap", "bold")
    arms = [
        {"key": key, "version": number, "weight": weight}
        for number, (key, weight) in enumerate(zip(keys, weights, strict=False), start=1)
    ]
    return {"name": "Is cheaper more?", "plan": "pro", "arms": arms, **said}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        for amount in ("20", "10", "50"):
            begun.plan("pro", base(amount))
        yield begun


def put(story: Story, body: Answer, key: str = "cheaper") -> Answer:
    return story.put(f"/v1/experiments/{key}", body)


def meet(story: Story, customer: str) -> Answer:
    return story.post("/v1/experiments/cheaper/exposures", {"customer": customer})


def subscribe(story: Story, customer: str, **said: Any) -> int:
    story.customer(customer)
    body = {"key": customer, "customer": customer, "plan": "pro", **said}
    version: int = story.post("/v1/subscriptions", body)["version"]
    return version


def test_met_once_and_pinned_for_life(story: Story) -> None:
    """Shown a price in January, weighed anew in February, subscribed in March, ended in April."""
    put(story, order(1, 1))
    met = {f"c{n}": meet(story, f"c{n}") for n in range(8)}
    assert {each["arm"] for each in met.values()} == {"control", "cheap"}
    story.pass_time(day(2))
    assert meet(story, "c0") == met["c0"], "asked again, the same, and exposed when it was first"
    put(story, order(0, 0, 1))
    assert meet(story, "c0")["arm"] == met["c0"]["arm"]
    assert meet(story, "late")["arm"] == "bold"
    story.pass_time(day(3))
    for customer in ("c0", "c1"):
        assert subscribe(story, customer) == met[customer]["version"], "as it was shown"
    assert subscribe(story, "unseen") == 3, "met by subscribing"
    assert subscribe(story, "chooses", version=2) == 2, "a version that is named is no experiment"
    found = story.get("/v1/experiments/cheaper")
    assert {arm["key"]: arm["exposed"] for arm in found["arms"]} == {
        "control": sum(each["arm"] == "control" for each in met.values()),
        "cheap": sum(each["arm"] == "cheap" for each in met.values()),
        "bold": 2,
    }
    exposures = story.get("/v1/experiments/cheaper/exposures")["results"]
    assert len(exposures) == 10
    story.pass_time(day(4))
    ended = story.post("/v1/experiments/cheaper/end", {"winner": "cheap", "retires_others": True})
    assert (ended["progress"], ended["winner"]) == ("ended", "cheap")
    assert subscribe(story, "after") == 2, "the others are retired"
    assert meet(story, "c0")["arm"] == met["c0"]["arm"]
    unmet = meet(story, "nobody")
    assert (unmet["arm"], unmet["exposed_at"]) == ("cheap", None)
    body = {"key": "again", "customer": "unseen", "plan": "pro"}
    assert story.post("/v1/subscriptions", body)["version"] == 3, "pinned, also when retired"


def test_an_end_without_a_winner(story: Story) -> None:
    put(story, order(1, 1))
    story.post("/v1/experiments/cheaper/end")
    assert subscribe(story, "acme") == 3, "the latest, as before"
    refused = story.refused("/v1/experiments/cheaper/exposures", {"customer": "globex"})
    assert refused["code"] == "experiment_ended"
    assert put(story, order(1, 1), key="next")["progress"] == "running", "another may begin"


@pytest.mark.parametrize(
    ("body", "code", "field", "why"),
    [
        (order(1, 1, plan="none"), "unknown_plan", "arms/0/version", ""),
        (order(0, 0), "no_weight", "arms", "nobody could be in any"),
        (order(), "arm_count_out_of_range", "arms", ""),
        (order(-1, 1), "weight_out_of_range", "arms/0/weight", ""),
        (
            {**order(), "arms": [{"key": "a", "version": 9}]},
            "unknown_plan",
            "arms/0/version",
            "an arm sells what is published",
        ),
        (
            {**order(), "arms": [{"key": "a", "version": 1}] * 2},
            "arm_twice",
            "arms/1/key",
            "",
        ),
    ],
)
def test_an_experiment_that_cannot_be(
    story: Story, body: Answer, code: str, field: str, why: str
) -> None:
    refused = story.put_refused("/v1/experiments/x", body)
    assert (refused["code"], refused["field"]) == (code, field), why


def test_what_customers_met_stays_what_it_is(story: Story) -> None:
    put(story, order(1, 1))
    moved = {**order(1, 1), "arms": [{"key": "control", "version": 3}, order(1, 1)["arms"][1]]}
    assert story.put_refused("/v1/experiments/cheaper", moved)["code"] == "arm_differs"
    assert story.put_refused("/v1/experiments/cheaper", order(1))["code"] == "arm_gone"
    assert story.put_refused("/v1/experiments/other", order(1, 1))["code"] == "plan_in_experiment"


def test_an_upgrade_meets_the_experiment_and_its_preview_does_not(story: Story) -> None:
    put(story, order(0, 1))
    story.plan("free", base("0"))
    story.customer("acme")
    story.subscribe("acme", "free", day(1))
    up = {"what": {"kind": "plan", "plan": "pro"}}
    preview = story.post("/v1/subscriptions/acme/change-previews", up)
    assert preview["changed"] is not None
    assert story.get("/v1/experiments/cheaper/exposures")["results"] == []
    changed = story.post("/v1/subscriptions/acme/changes", up)
    assert changed["subscription"]["version"] == 2
    assert story.get("/v1/experiments/cheaper/exposures")["results"][0]["arm"] == "cheap"
