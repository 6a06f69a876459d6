"""Add-ons where a plan is gone to that was decided on long before: renewals, ends of trials.

Rules: docs/semantics/plans.md, contracts.md, trials.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring


def fee(key: str, amount: str, **said: Any) -> Answer:
    rule = {"model": "flat", "amount": amount}
    return {"key": key, "rule": rule, "timing": "in_advance", **said}


BASE = fee("base", "30")
BACKUP = fee("backup", "5")
SUPPORT = fee("support", "50", is_optional=True)


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.customer("acme")
        begun.plan("small", BASE, BACKUP, SUPPORT)
        begun.plan("large", BASE, BACKUP | {"is_optional": True}, SUPPORT | {"is_optional": False})
        begun.plan("free", fee("base", "0"), BACKUP | {"is_optional": True}, SUPPORT)
        yield begun


def subscribe(story: Story, **said: Any) -> None:
    body = {"key": "acme", "customer": "acme", "plan": "small", "alignment": "calendar"}
    story.post("/v1/subscriptions", {**body, "starts_at": day(1).isoformat(), **said})


def change(story: Story, key: str, quantity: int) -> Answer:
    what = {"kind": "set_quantity", "price_key": key, "quantity": quantity}
    return story.post("/v1/subscriptions/acme/changes", {"what": what, "at": "period_end"})


def bills(story: Story) -> list[dict[str, str]]:
    """What every bill says of each fee, verified."""
    found = []
    for invoice in story.invoices("acme"):
        verification = story.post(f"/v1/invoices/{invoice['id']}/verify")
        assert verification["is_equal"], verification["differences"]
        found.append({line["price_key"]: line["amount"] for line in invoice["lines"]})
    return found


QUARTER = {"interval": "month", "interval_count": 3, "renews_into": "large"}
SMALL = {"base": "30.00", "backup": "5.00"}
LARGE = {"base": "30.00", "backup": "5.00", "support": "50.00"}


def test_a_contract_renews_into_a_plan_with_other_add_ons(story: Story) -> None:
    """Backup was of the plan and goes on; support was an add-on that nobody took, and is owed."""
    subscribe(story, contract=QUARTER)
    story.pass_time(day(5, 2))
    assert bills(story) == [SMALL, SMALL, SMALL, LARGE, LARGE]
    phases = story.get("/v1/subscriptions/acme/phases")["results"]
    assert [phase["plan"] for phase in phases] == ["small", "large"]


def test_what_is_taken_and_given_up_in_the_meantime_counts(story: Story) -> None:
    """In January two of support are taken, and no backup any more: so it is after the renewal."""
    subscribe(story, contract=QUARTER)
    story.pass_time(day(1, 10))
    change(story, "support", 2)
    change(story, "backup", 0)
    story.pass_time(day(4, 2))
    taken = {"base": "30.00", "support": "100.00"}
    assert bills(story) == [SMALL, taken, taken, taken]


def test_a_renewal_that_is_undone_leaves_quantities_as_they_were(story: Story) -> None:
    subscribe(story, contract=QUARTER)
    changes = story.get("/v1/subscriptions/acme/changes")["results"]
    [number] = [each["number"] for each in changes if each["kind"] == "plan"]
    story.delete(f"/v1/subscriptions/acme/changes/{number}")
    story.pass_time(day(4, 2))
    assert bills(story) == [SMALL] * 4


def test_a_contract_after_a_trial_renews_likewise(story: Story) -> None:
    """The trial ends early, and the term with all that it decides moves along."""
    subscribe(story, contract=QUARTER, trial={"days": 31})
    story.pass_time(day(1, 10))
    ended = {"what": {"kind": "end_trial"}, "effective_at": day(1, 15).isoformat()}
    story.post("/v1/subscriptions/acme/changes", ended)
    story.pass_time(day(6, 2))
    told = bills(story)
    assert told[-1] == LARGE
    assert any("support" in bill and bill["support"] != "50.00" for bill in told), "a part of April"


def test_a_trial_ends_in_a_free_plan_without_what_was_tried(story: Story) -> None:
    """Two of support were tried, and backup came with the plan: the free plan has neither."""
    trial = {"days": 14, "then": "free", "free_plan": "free"}
    subscribe(story, trial=trial, quantities={"support": 2})
    story.pass_time(day(3, 2))
    assert [set(bill.values()) for bill in bills(story)] == [{"0.00"}] * len(bills(story))
    change(story, "support", 1)
    story.pass_time(day(4, 2))
    assert bills(story)[-1] == {"base": "0.00", "support": "50.00"}, "taken there, it is paid for"


def test_a_trial_that_is_extended_ends_in_the_free_plan_likewise(story: Story) -> None:
    trial = {"days": 14, "then": "free", "free_plan": "free"}
    subscribe(story, trial=trial, quantities={"support": 2})
    story.pass_time(day(1, 10))
    later = {"what": {"kind": "end_trial"}, "effective_at": day(1, 25).isoformat()}
    story.post("/v1/subscriptions/acme/changes", later)
    story.pass_time(day(3, 2))
    assert {amount for bill in bills(story) for amount in bill.values()} == {"0.00"}
    assert story.get("/v1/subscriptions/acme")["quantities"] == {"backup": "0", "support": "0"}


def test_what_is_taken_before_a_phase_begins_is_kept(story: Story) -> None:
    """Scheduled when none of support was taken; three are by the time that it comes."""
    subscribe(story, phases=[{"after": 2, "plan": "large"}])
    story.pass_time(day(1, 10))
    change(story, "support", 3)
    story.pass_time(day(3, 2))
    assert bills(story)[-1] == {"base": "30.00", "backup": "5.00", "support": "150.00"}


def test_a_change_of_plan_that_is_undone_takes_along_what_it_met(story: Story) -> None:
    """Gone to a plan that support is of, and back: nobody ever took any."""
    subscribe(story)
    to_large = {"what": {"kind": "plan", "plan": "large"}, "at": "period_end"}
    story.pass_time(day(1, 10))
    made = story.post("/v1/subscriptions/acme/changes", to_large)
    [number] = [each["number"] for each in made["changes"]]
    story.delete(f"/v1/subscriptions/acme/changes/{number}")
    story.pass_time(day(3, 2))
    assert bills(story) == [SMALL] * 3
