"""Links to an invoice: made, opened, ended, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from contracts import day
from story import Answer, Clock, Story, told
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.errors import Refusal
from tallybook.services.create_organization import create_organization
from tallybook.services.ports import Wiring
from tallybook.services.share_invoice import open_share

FEE: Answer = {"key": "fee", "rule": {"model": "flat", "amount": "100"}}


@pytest.fixture
def clock() -> Clock:
    return Clock(day(2))


@pytest.fixture
def story(wiring: Wiring, organization: Organization, clock: Clock) -> Iterator[Story]:
    with told(wiring, organization, clock) as begun:
        begun.plan("basic", FEE)
        begun.customer("acme")
        begun.subscribe("acme", "basic", day(1))
        begun.bill(finalize=True)
        yield begun


def opened(story: Story, url: str) -> str:
    """The id of the invoice that a link opens, or why it opens none."""
    try:
        return open_share(story.wiring, url.rpartition("/")[2]).invoice_id
    except Refusal as refusal:
        return f"{refusal.status} {refusal.code}"


def test_each_link_is_taken_back_by_itself(story: Story, clock: Clock) -> None:
    [invoice] = story.invoices("acme")
    path = f"/v1/invoices/{invoice['number']}/links"
    first, second = story.post(path), story.post(path)
    assert first["url"] != second["url"]
    assert first["made_by"].startswith("key_")
    assert [opened(story, each["url"]) for each in (first, second)] == [invoice["id"]] * 2
    taken = story.delete(f"{path}/{first['id']}")
    assert (taken["is_open"], taken["revoked_at"]) == (False, "2026-02-01T00:00:00Z")
    assert opened(story, first["url"]) == "410 link_revoked"
    assert opened(story, second["url"]) == invoice["id"], "the other one stays"
    clock.now += timedelta(days=1)
    assert story.delete(f"{path}/{first['id']}") == taken, "since when it was"
    listed = story.get(path)["results"]
    assert [(each["id"], each["is_open"], each["url"]) for each in listed] == [
        (second["id"], True, None),
        (first["id"], False, None),
    ], "addresses are told once"
    clock.now = day(2) + timedelta(days=90) - timedelta(seconds=1)
    assert opened(story, second["url"]) == invoice["id"]
    clock.now += timedelta(seconds=1)
    assert opened(story, second["url"]) == "404 no_such_link", "ended"
    assert not story.get(path)["results"][0]["is_open"]
    assert opened(story, first["url"]) == "410 link_revoked"


def test_a_link_is_of_one_invoice_of_one_organization(
    story: Story, wiring: Wiring, clock: Clock
) -> None:
    clock.now = day(3)
    story.bill()
    january, february = story.invoices("acme")
    link = story.post(f"/v1/invoices/{january['id']}/links")
    path = f"/v1/invoices/{february['id']}/links/{link['id']}"
    assert story.refused(path, None, method="DELETE")["code"] == "no_such_link"
    assert story.refused("/v1/invoices/inv_none/links", None)["code"] == "no_such_invoice"
    other = create_organization(wiring, key="other", name="Other")
    with told(wiring, other, clock) as stranger:
        theirs = f"/v1/invoices/{january['id']}/links/{link['id']}"
        assert stranger.refused(theirs, None, method="DELETE")["code"] == "no_such_invoice"
    assert opened(story, link["url"]) == january["id"]
