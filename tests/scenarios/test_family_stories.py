"""Parents and their children, told in calendar order. Rules: docs/semantics/families.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contracts import day
from story import Answer, Story, played, printed
from tallybook.services.ports import Wiring

FEE: Answer = {"key": "base", "rule": {"model": "flat", "amount": "10"}}
CALLS: Answer = {
    "key": "calls",
    "meter": "calls",
    "rule": {
        "model": "graduated",
        "tiers": [{"up_to": 4, "unit_amount": "1"}, {"up_to": None, "unit_amount": "0.50"}],
    },
}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        begun.meter("calls")
        begun.plan("usage", FEE, CALLS)
        begun.plan("fee", FEE)
        begun.customer("group")
        yield begun


def child(story: Story, key: str, parent: str = "group", **said: Any) -> Answer:
    body = {"key": key, "name": key.title(), "currency": "EUR", "parent": parent, **said}
    return story.post("/v1/customers", body)


def bills(story: Story, customer: str) -> list[list[tuple[str, str, str]]]:
    return [printed(invoice) for invoice in story.proved(customer)]


def test_usage_apart(story: Story) -> None:
    """Each is charged for its own: the tiers are climbed by each alone."""
    child(story, "north")
    for customer in ("group", "north"):
        story.subscribe(customer, "usage", day(1))
        story.call(customer, day(1, 5), day(1, 6), day(1, 7))
    story.pass_time(day(2))
    for customer in ("group", "north"):
        assert bills(story, customer) == [[("base", "1", "10.00"), ("calls", "3", "3.00")]]


def test_usage_pooled(story: Story) -> None:
    """The children's calls and the parent's climb the tiers together, on the parent's invoice."""
    child(story, "north", usage_at="parent")
    child(story, "south", usage_at="parent")
    child(story, "deep", parent="south", usage_at="parent")
    child(story, "east")
    story.subscribe("group", "usage", day(1))
    story.subscribe("north", "fee", day(1))
    for customer in ("group", "north", "south", "deep", "east"):
        story.call(customer, day(1, 5), day(1, 6))
    story.pass_time(day(2))
    assert bills(story, "group") == [[("base", "1", "10.00"), ("calls", "8", "6.00")]]
    assert bills(story, "north") == [[("base", "1", "10.00")]]
    [invoice] = story.invoices("group")
    behind = story.get(f"/v1/invoices/{invoice['id']}/lines/2/events")["results"]
    assert {event["customer"] for event in behind} == {"group", "north", "south", "deep"}


def test_a_child_whose_usage_is_pooled_is_not_charged_for_it_twice(story: Story) -> None:
    child(story, "north", usage_at="parent")
    for customer in ("group", "north"):
        story.subscribe(customer, "usage", day(1))
    story.call("north", day(1, 5))
    story.pass_time(day(2))
    assert bills(story, "group")[0][1] == ("calls", "1", "1.00")
    assert bills(story, "north")[0][1] == ("calls", "0", "0.00")


def test_what_does_not_add_up_is_not_pooled(story: Story) -> None:
    story.post(
        "/v1/meters",
        {
            "key": "peak",
            "name": "Peak",
            "event_type": "call",
            "aggregation": {"type": "max", "value": "size"},
        },
    )
    rule = {"model": "per_unit", "unit_amount": "1"}
    story.plan("peaks", {"key": "peak", "meter": "peak", "rule": rule})
    child(story, "north", usage_at="parent")
    story.subscribe("group", "peaks", day(1))
    [stuck] = story.pass_time(day(2))["run"]["stuck"]
    assert (stuck["subscription_key"], stuck["code"]) == ("group", "cannot_be_pooled")


def test_a_child_comes_and_goes(story: Story) -> None:
    """Who counts at the end of a period counts for all of it; the month after as it is then."""
    child(story, "north")
    story.subscribe("group", "usage", day(1))
    story.call("north", day(1, 5), day(2, 5))
    story.pass_time(day(1, 20))
    story.patch("/v1/customers/north", {"usage_at": "parent"})
    story.pass_time(day(2, 10))
    story.patch("/v1/customers/north", {"usage_at": "self"})
    story.pass_time(day(3))
    assert [lines[1] for lines in bills(story, "group")] == [
        ("calls", "1", "1.00"),
        ("calls", "0", "0.00"),
    ]


@pytest.mark.parametrize("parent", ["group", "north", "deep"])
def test_no_circles(story: Story, parent: str) -> None:
    child(story, "north")
    child(story, "deep", parent="north")
    refused = story.refused("/v1/customers/group", {"parent": parent}, method="PATCH")
    assert (refused["status"], refused["code"]) == (409, "circle_of_customers")


def test_parents_that_cannot_be(story: Story) -> None:
    story.customer("usa", currency="USD")
    body = {"key": "x", "name": "X", "currency": "EUR"}
    refused = story.refused("/v1/customers", {**body, "parent": "usa"})
    assert refused["code"] == "currency_mismatch"
    refused = story.refused("/v1/customers", {**body, "parent": "nobody"})
    assert refused["code"] == "no_such_customer"
    child(story, "north")
    refused = story.refused("/v1/customers/group", {"currency": "USD"}, method="PATCH")
    assert refused["code"] == "currency_in_use"


def sections(document: Answer) -> list[tuple[str, str, list[str]]]:
    """Each member of a document: its key, its total, the amounts of its lines."""
    return [
        (
            section["customer"]["key"],
            section["total"],
            [line["amount"] for part in section["invoices"] for line in part["lines"]],
        )
        for section in document["sections"]
    ]


def test_one_invoice_for_the_family_grouped_by_child(story: Story) -> None:
    """Group pays for north and for deep below south; east is invoiced itself."""
    child(story, "north", invoiced_at="parent")
    child(story, "south", invoiced_at="parent")
    child(story, "deep", parent="south", invoiced_at="parent")
    child(story, "east")
    for customer in ("group", "north", "deep", "east"):
        story.subscribe(customer, "usage", day(1))
    story.call("north", day(1, 5), day(1, 6))
    story.call("east", day(1, 5))
    story.pass_time(day(2))
    [document] = story.get("/v1/collective-invoices", customer="group")["results"]
    assert (document["status"], document["number"], document["total"]) == ("draft", None, "32.00")
    assert sections(document) == [
        ("group", "10.00", ["10.00", "0.00"]),
        ("deep", "10.00", ["10.00", "0.00"]),
        ("north", "12.00", ["10.00", "2.00"]),
    ]
    assert bills(story, "east") == [[("base", "1", "10.00"), ("calls", "1", "1.00")]]
    final = story.post(f"/v1/collective-invoices/{document['id']}/finalize")
    assert (final["status"], final["number"]) == ("open", "INV-2026-000001")
    numbers = [part["number"] for each in final["sections"] for part in each["invoices"]]
    assert numbers == ["INV-2026-000001-1", "INV-2026-000001-2", "INV-2026-000001-3"]
    assert story.get("/v1/collective-invoices/INV-2026-000001") == final
    assert len(bills(story, "group")) == 3, "each part is verified by itself"
    [part] = [part for part in story.invoices("group") if part["subscriber"] is None]
    assert part["customer"]["key"] == "group"


def test_a_run_that_finalizes_gives_a_family_one_number(story: Story) -> None:
    for key in ("north", "south"):
        child(story, key, invoiced_at="parent")
    for customer in ("east", "west"):
        story.customer(customer)
    for customer in ("east", "group", "north", "south", "west"):
        story.subscribe(customer, "fee", day(1))
    story.pass_time(day(3), finalize=True)
    documents = story.get("/v1/collective-invoices", customer="group")["results"]
    assert sorted(document["total"] for document in documents) == ["30.00", "30.00"]
    alone = [one["number"] for key in ("east", "west") for one in story.invoices(key)]
    numbers = sorted([document["number"] for document in documents] + alone)
    assert numbers == [f"INV-2026-{place:06d}" for place in range(1, 7)], "a series without a gap"


def test_what_comes_after_the_number_is_another_document(story: Story) -> None:
    """South begins late, for January too: its invoice of that day is a document of its own."""
    for key in ("north", "south"):
        child(story, key, invoiced_at="parent")
    story.subscribe("north", "fee", day(1))
    story.pass_time(day(2), finalize=True)
    story.subscribe("south", "fee", day(1))
    story.pass_time(day(2, 10), finalize=True)
    documents = story.get("/v1/collective-invoices", customer="group")["results"]
    assert [sections(document)[0][0] for document in documents] == ["north", "south"]
    assert [document["number"] for document in documents] == [
        "INV-2026-000001",
        "INV-2026-000002",
    ]


def test_a_child_that_is_invoiced_at_its_parent_is_changed_at_once(story: Story) -> None:
    child(story, "north", invoiced_at="parent", timezone="Europe/Oslo")
    ahead = {**FEE, "timing": "in_advance"}
    story.plan("small", ahead)
    story.plan("large", {**ahead, "rule": {"model": "flat", "amount": "41"}})
    story.subscribe("north", "small", day(1))
    story.pass_time(day(1, 11))
    body = {"what": {"kind": "plan", "plan": "large"}, "bills_at_once": True}
    [invoice] = story.post("/v1/subscriptions/north/changes", body)["invoices"]
    assert invoice["customer"]["key"] == "group"
    assert invoice["subscriber"]["timezone"] == "Europe/Oslo"
    assert invoice["total"] == "21.00"
    story.pass_time(day(2, 10))
    assert len(bills(story, "group")) == 3


def test_no_such_document(story: Story) -> None:
    for name in ("col_nothing", "INV-2026-000009"):
        refused = story.refused(f"/v1/collective-invoices/{name}", None, method="GET")
        assert refused["code"] == "no_such_collective_invoice"


@pytest.mark.parametrize(
    ("group", "north", "at", "change", "field", "why"),
    [
        ("1 calendar", "1 usage calendar", (2, 10), "in", "", "both are billed up to 1 February"),
        ("1 calendar", "15 usage anniversary", (1, 20), "in", "", "nothing is billed yet"),
        ("1 calendar", "15 fee anniversary", (2, 10), "in", "", "it is charged for no usage"),
        ("15 anniversary", "1 usage calendar", (2, 10), "in", "usage_at", "charged twice"),
        ("1 calendar", "15 usage anniversary", (2, 10), "in", "usage_at", "charged never"),
        ("15 anniversary", "1 usage calendar", (2, 10), "out", "usage_at", "charged never"),
        ("1 calendar", "15 usage anniversary", (2, 10), "out", "usage_at", "charged twice"),
        ("1 calendar", "15 usage anniversary", (2, 10), "away", "usage_at", "it is pooled no more"),
        ("1 calendar", "1 fee calendar", (2, 10), "over", "parent", "another pool, billed apart"),
    ],
)
def test_where_usage_is_charged_changes_between_periods_alone(
    story: Story, group: str, north: str, at: tuple[int, int], change: str, field: str, why: str
) -> None:
    """In and out of the pool, out of the family, over to another parent's pool."""
    story.customer("guild")
    child(story, "north", usage_at="self" if change == "in" else "parent")
    (first, alignment), (second, plan, other) = group.split(), north.split()
    story.subscribe("group", "usage", day(1, int(first)), alignment=alignment)
    story.subscribe("north", plan, day(1, int(second)), alignment=other)
    story.subscribe("guild", "usage", day(1, 15), alignment="anniversary")
    story.pass_time(day(*at))
    body = {
        "in": {"usage_at": "parent"},
        "out": {"usage_at": "self"},
        "away": {"usage_at": "self", "parent": None},
        "over": {"parent": "guild"},
    }[change]
    if not field:
        assert story.patch("/v1/customers/north", body)["usage_at"] == "parent", why
        return
    refused = story.refused("/v1/customers/north", body, method="PATCH")
    told = refused["status"], refused["code"], refused["field"]
    assert told == (409, "billed_apart", field), why
