"""Subscriptions over HTTP: started from any time, once; ended with their period or now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tallybook.domain.catalog.plan import PlanTerms, publish
from tallybook.domain.catalog.price import Flat, Price
from tallybook.domain.customers.organization import Organization
from tallybook.services.ports import Wiring

Client = TestClient[Litestar]

ACME = {"key": "acme", "name": "Acme AB", "currency": "EUR", "timezone": "Europe/Stockholm"}
START = {"key": "acme-pro", "customer": "acme", "plan": "pro", "starts_at": "2026-01-31T10:00:00Z"}


Publisher = Callable[..., None]


@pytest.fixture
def publish_plan(wiring: Wiring, organization: Organization) -> Publisher:
    """Publishes a version of a plan."""

    def published(key: str = "pro", name: str = "Pro", currency: str = "EUR") -> None:
        fee = Price(key="base", name="Base", rule=Flat(Decimal(10)))
        terms = PlanTerms(plan_key=key, name=name, currency=currency, prices=(fee,))
        with wiring.books.begin(organization.id) as records:
            latest = records.plans.latest(key)
            version = publish(terms, latest, organization_id=organization.id, now=datetime.now(UTC))
            records.plans.add(version)

    return published


@pytest.fixture
def shop(api: Client, publish_plan: Publisher) -> Client:
    """An API with a plan and a customer."""
    publish_plan()
    assert api.post("/v1/customers", json=ACME).status_code == 201
    return api


def test_a_subscription_is_started_once(shop: Client) -> None:
    first = shop.post("/v1/subscriptions", json=START)
    assert first.status_code == 201, first.text
    said = first.json()
    assert (said["customer"], said["plan"], said["version"]) == ("acme", "pro", 1)
    assert (said["status"], said["timezone"]) == ("active", "Europe/Stockholm")
    assert said["period"] == {"starts": "2026-01-31T10:00:00Z", "ends": "2026-02-27T23:00:00Z"}
    again = shop.post("/v1/subscriptions", json=START)
    assert again.json() == said, "whoever retries meets what was started"
    assert shop.get("/v1/subscriptions/acme-pro").json() == said
    assert shop.get(f"/v1/subscriptions/{said['id']}").json() == said


def test_a_retry_without_a_start_meets_the_first_also_after_a_new_version(
    shop: Client, publish_plan: Publisher
) -> None:
    asked = {"key": "s", "customer": "acme", "plan": "pro"}
    first = shop.post("/v1/subscriptions", json=asked).json()
    publish_plan(name="Pro, renamed")
    assert shop.post("/v1/subscriptions", json=asked).json() == first
    latest = shop.post("/v1/subscriptions", json=asked | {"key": "t"}).json()
    assert (first["version"], latest["version"]) == (1, 2)
    pinned = shop.post("/v1/subscriptions", json=asked | {"key": "u", "version": 1}).json()
    assert pinned["version"] == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"plan": "other"}, "plan"),
        ({"customer": "nobody"}, "customer"),
        ({"version": 2}, "version"),
        ({"starts_at": "2026-02-01T00:00:00Z"}, "starts_at"),
        ({"alignment": "calendar"}, "alignment"),
        ({"ends_at": "2027-01-01T00:00:00Z"}, "ends_at"),
    ],
)
def test_a_difference_is_a_conflict_that_names_it(
    shop: Client, change: dict[str, Any], field: str
) -> None:
    shop.post("/v1/subscriptions", json=START)
    refused = shop.post("/v1/subscriptions", json=START | change)
    assert refused.status_code == 409, refused.text
    assert (refused.json()["code"], refused.json()["field"]) == ("subscription_differs", field)


@pytest.mark.parametrize(
    ("change", "status", "field", "why"),
    [
        ({"customer": "nobody"}, 404, "customer", "who would pay"),
        ({"plan": "nothing"}, 404, "plan", "for what"),
        ({"version": 9}, 404, "version", "a version to come"),
        ({"version": 2**31}, 422, None, "no version there could be"),
        ({"plan": "a\0b"}, 422, None, "text that cannot be kept"),
        ({"starts_at": "2026-01-31T10:00:00"}, 422, "starts_at", "no zone"),
        ({"starts_at": "1066-10-14T10:00:00Z"}, 422, "starts_at", "before clocks were known"),
        ({"starts_at": "9999-12-31T23:59:59Z"}, 422, "starts_at", "no period after it"),
        ({"ends_at": "2026-01-31T10:00:00Z"}, 422, "ends_at", "not after the start"),
        ({"alignment": "calendar", "anchor": "2026-01-01T00:00:00Z"}, 422, "anchor", "which"),
        ({"alignment": "lunar"}, 422, "alignment", "not ours"),
        ({"quantities": {"sofas": 1}}, 422, "quantities", "no such fee"),
        ({"quantities": {"base": "-1"}}, 422, "quantities/base", "less than nothing"),
        ({"trial": {}}, 422, "trial", "how long"),
        ({"trial": {"days": 0}}, 422, "trial/days", "no trial"),
        ({"trial": {"ends_at": "2026-01-01T00:00:00Z"}}, 422, "trial/ends_at", "before it began"),
        ({"trial": {"days": 9, "then": "free"}}, 422, "trial/free_plan", "which plan"),
        ({"trial": {"days": 9, "then": "free", "free_plan": "x"}}, 404, "trial/free_plan", "none"),
        ({"key": ""}, 422, "key", "no name"),
    ],
)
def test_what_cannot_be_is_refused(
    shop: Client, change: dict[str, Any], status: int, field: str | None, why: str
) -> None:
    refused = shop.post("/v1/subscriptions", json=START | change)
    assert (refused.status_code, refused.json().get("field")) == (status, field), why
    assert refused.json()["mend"], why
    assert shop.get("/v1/subscriptions").json()["results"] == []


def test_a_plan_in_another_currency_is_refused(shop: Client, publish_plan: Publisher) -> None:
    publish_plan(key="dollars", currency="USD")
    refused = shop.post("/v1/subscriptions", json=START | {"plan": "dollars"})
    assert refused.status_code == 422
    assert (refused.json()["code"], refused.json()["field"]) == ("currency_mismatch", "plan")


def test_the_currency_of_a_subscribed_customer_stays(shop: Client) -> None:
    shop.post("/v1/subscriptions", json=START)
    refused = shop.patch("/v1/customers/acme", json={"currency": "USD"})
    assert (refused.status_code, refused.json()["code"]) == (409, "currency_in_use")
    moved = shop.patch("/v1/customers/acme", json={"timezone": "Asia/Tokyo", "currency": "EUR"})
    assert moved.status_code == 200
    kept = shop.get("/v1/subscriptions/acme-pro").json()
    assert kept["timezone"] == "Europe/Stockholm", "boundaries do not move with the customer"


def test_a_subscription_may_begin_later_and_be_called_off(shop: Client) -> None:
    later = datetime.now(UTC) + timedelta(days=40)
    asked = START | {"starts_at": later.isoformat(), "alignment": "calendar"}
    assert shop.post("/v1/subscriptions", json=asked).json()["status"] == "scheduled"
    ended = shop.post("/v1/subscriptions/acme-pro/cancellation", json={}).json()
    assert ended["status"] == "ended"
    assert ended["period"]["starts"] == ended["period"]["ends"], "nothing is owed"


def test_cancelled_with_its_period_and_kept_on(shop: Client) -> None:
    shop.post("/v1/subscriptions", json=START)
    path = "/v1/subscriptions/acme-pro/cancellation"
    ending = shop.post(path, json={}).json()
    now = datetime.now(UTC)
    ends_at = datetime.fromisoformat(ending["ends_at"])
    assert now < ends_at < now + timedelta(days=32), "the period that now is in, not the unbilled"
    assert ending["status"] == "active"
    assert shop.post(path, json={"at": "period_end"}).json() == ending
    kept = shop.delete(path).json()
    assert (kept["ends_at"], kept["cancels_at_period_end"]) == (None, False)


def test_cancelled_now_it_has_ended_and_stays_so(shop: Client) -> None:
    shop.post("/v1/subscriptions", json=START | {"starts_at": datetime.now(UTC).isoformat()})
    path = "/v1/subscriptions/acme-pro/cancellation"
    ended = shop.post(path, json={"at": "now"}).json()
    assert ended["status"] == "ended"
    assert ended["period"]["ends"] == ended["ends_at"], "the open period is cut, to be billed"
    assert shop.post(path, json={"at": "now"}).json() == ended
    refused = shop.delete(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "subscription_ended")


def test_subscriptions_are_listed_by_customer(shop: Client) -> None:
    shop.post("/v1/customers", json=ACME | {"key": "other"})
    for key, customer in (("b", "acme"), ("a", "acme"), ("c", "other")):
        shop.post("/v1/subscriptions", json=START | {"key": key, "customer": customer})
    page = shop.get("/v1/subscriptions", params={"customer": "acme", "limit": 1}).json()
    assert ([each["key"] for each in page["results"]], page["next"]) == (["a"], "a")
    rest = shop.get("/v1/subscriptions", params={"customer": "acme", "after": "a"}).json()
    assert ([each["key"] for each in rest["results"]], rest["next"]) == (["b"], None)
    nobody = shop.get("/v1/subscriptions", params={"customer": "nobody"})
    assert (nobody.status_code, nobody.json()["field"]) == (404, "customer")
    assert len(shop.get("/v1/subscriptions").json()["results"]) == 3


@pytest.mark.parametrize(
    ("order", "status", "field", "why"),
    [
        ({}, 422, "what", "nothing is asked"),
        ({"what": {"kind": "dance"}}, 422, "what/kind", "no such change"),
        ({"what": {"kind": "pause", "for": "ever"}}, 422, "what/for", "an unknown field"),
        ({"what": {"kind": "plan", "plan": "nothing"}}, 404, "what/plan", "no such plan"),
        (
            {"what": {"kind": "plan", "plan": "pro", "version": 9}},
            404,
            "what/version",
            "there is the plan, and not that version of it",
        ),
        (
            {"what": {"kind": "contract", "notice_days": -1}},
            422,
            "what/notice_days",
            "notice after the end",
        ),
        (
            {
                "what": {"kind": "pause"},
                "at": "period_end",
                "effective_at": "2026-03-20T00:00:00Z",
            },
            422,
            "effective_at",
            "two times for one change",
        ),
        ({"what": {"kind": "plan", "plan": "pro"}}, 409, "what", "it is to that already"),
        ({"what": {"kind": "resume"}}, 409, "what", "it is not paused"),
        (
            {"what": {"kind": "set_quantity", "price_key": "base", "quantity": -1}},
            422,
            "what/quantity",
            "less than nothing",
        ),
        (
            {"what": {"kind": "pause"}, "effective_at": "2026-01-01T00:00:00Z"},
            422,
            "effective_at",
            "before it began",
        ),
    ],
)
def test_changes_that_cannot_be_are_refused(
    shop: Client, order: dict[str, Any], status: int, field: str, why: str
) -> None:
    shop.post("/v1/subscriptions", json=START)
    for path in ("changes", "change-previews"):
        refused = shop.post(f"/v1/subscriptions/acme-pro/{path}", json=order)
        assert (refused.status_code, refused.json()["field"]) == (status, field), refused.text
    assert shop.get("/v1/subscriptions/acme-pro/changes").json()["results"] == [], why
    assert shop.post("/v1/subscriptions/nobody/changes", json=order).status_code in {404, 422}
    assert shop.delete("/v1/subscriptions/acme-pro/changes/1").status_code == 404
