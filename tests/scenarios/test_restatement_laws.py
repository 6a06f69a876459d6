"""Whatever comes late, in whatever order: what was billed and all differences are what is now."""

from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import day
from story import Answer, Clock, Story, told
from tallybook.services.create_organization import create_organization
from tallybook.services.ports import Wiring

_numbers = itertools.count(1)

customers = st.sampled_from(["acme", "beta"])
acts = st.one_of(
    st.tuples(st.just("call"), customers, st.integers(0, 58)),
    st.tuples(st.just("call"), customers, st.integers(0, 58)),
    st.tuples(st.just("void"), customers, st.integers(1, 2)),
    st.tuples(st.just("revert"), st.just(""), st.just(0)),
    st.tuples(st.just("look"), st.just(""), st.just(0)),
)


def begin(story: Story) -> None:
    story.meter("calls", value="n")
    rule = {"model": "per_unit", "unit_amount": "1"}
    story.plan("usage", {"key": "calls", "meter": "calls", "rule": rule})
    for key in ("acme", "beta"):
        story.customer(key)
        story.subscribe(key, "usage", day(1))


def act(story: Story, kind: str, customer: str, number: int) -> None:
    if kind == "call":
        story.call(customer, day(1) + timedelta(days=number), n=str(number) + ".25")
    elif kind == "void":
        starts, ends = day(number), day(number + 1)
        wanted = {"customer": customer, "from": starts.isoformat(), "to": ends.isoformat()}
        shown = story.post("/v1/corrections/void/preview", {"events": wanted})
        if shown["voided"]:
            body = {"events": wanted, "token": shown["token"], "reason": "a test"}
            story.post("/v1/corrections/void", body)
    elif kind == "revert":
        made = story.get("/v1/corrections")["results"]
        last = next((one for one in made if one["reverted_by"] is None), None)
        if last is not None:
            story._client.post(f"/v1/corrections/{last['id']}/revert", json={"reason": "a test"})
    else:
        story.post("/v1/restatement-runs")


def check(story: Story) -> None:
    restated: dict[tuple[str, int], list[Answer]] = defaultdict(list)
    for one in story.get("/v1/restatements", limit=1000)["results"]:
        restated[one["invoice_id"], one["line"]].insert(0, one)
    for customer in ("acme", "beta"):
        for invoice in story.invoices(customer):
            assert story.post(f"/v1/invoices/{invoice['id']}/verify")["is_equal"]
            [line] = invoice["lines"]
            made = restated.pop((invoice["id"], 1), [])
            assert not (made and invoice["status"] == "draft")
            quantity, as_of = Decimal(line["quantity"]), invoice["as_of"]
            for place, one in enumerate(made, start=1):
                assert (one["place"], one["before"]["as_of"]) == (place, as_of)
                assert Decimal(one["before"]["quantity"]) == quantity
                quantity += Decimal(one["difference"])
                as_of = one["after"]["as_of"]
                check_events(story, one)
            span = line["service_period"]
            now = story.get(
                "/v1/usage",
                meter="calls",
                customer=customer,
                **{"from": span["starts"], "to": span["ends"]},
            )["results"]
            assert quantity == sum(Decimal(row["quantity"]) for row in now)
    assert not restated


def check_events(story: Story, restated: Answer) -> None:
    """The events behind a difference add up to it."""
    events = story.get(f"/v1/restatements/{restated['id']}/events", limit=1000)["results"]
    signs = [1 if one["is_counted"] else -1 for one in events]
    values = [Decimal(one["event"]["properties"]["n"]) for one in events]
    assert sum(map(Decimal.__mul__, map(Decimal, signs), values)) == Decimal(restated["difference"])
    counts = restated["after"]["event_count"] - restated["before"]["event_count"]
    assert sum(signs) == counts


@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    timely=st.lists(acts, max_size=5),
    on_drafts=st.lists(acts, max_size=5),
    late=st.lists(acts, min_size=4, max_size=12),
)
def test_differences_add_up(
    wiring: Wiring,
    timely: list[tuple[str, str, int]],
    on_drafts: list[tuple[str, str, int]],
    late: list[tuple[str, str, int]],
) -> None:
    organization = create_organization(wiring, key=f"law{next(_numbers)}", name="Law")
    clock = Clock(day(1))
    with told(wiring, organization, clock) as story:
        begin(story)
        clock.now = day(3, 3)
        for each in timely:
            act(story, *each)
        story.bill()
        for each in on_drafts:
            act(story, *each)
        story.post("/v1/finalizations")
        for each in late:
            act(story, *each)
        story.post("/v1/restatement-runs")
        check(story)
