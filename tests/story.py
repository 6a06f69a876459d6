"""A story: one organization, its clock in the hand of the teller, everything through the API."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from litestar import Litestar
from litestar.testing import TestClient

from engines import API
from tallybook.domain.customers.organization import Mode, Organization, Scope
from tallybook.services.create_organization import create_organization
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring

Answer = dict[str, Any]


class Story:
    """What happens in an organization, told in calendar order."""

    def __init__(self, wiring: Wiring, organization: Organization, client: TestClient[Litestar]):
        self.wiring = wiring
        self.organization_id = organization.id
        self._client = client
        self._ids = itertools.count(1)

    def post(self, path: str, body: Any = None) -> Answer:
        """What the API answers; anything but success is a failure of the story."""
        answered = self._client.post(path, json={} if body is None else body)
        assert answered.is_success, f"{path}: {answered.text}"
        made: Answer = answered.json()
        return made

    def patch(self, path: str, body: Any) -> Answer:
        """What the API answers to a change."""
        answered = self._client.patch(path, json=body)
        assert answered.is_success, f"{path}: {answered.text}"
        changed: Answer = answered.json()
        return changed

    def put(self, path: str, body: Any) -> Answer:
        """What the API answers when something is put in the place of what was there."""
        answered = self._client.put(path, json=body)
        assert answered.is_success, f"{path}: {answered.text}"
        put: Answer = answered.json()
        return put

    def put_refused(self, path: str, body: Any) -> Answer:
        """The problem that the API answers with when something cannot be so."""
        answered = self._client.put(path, json=body)
        assert answered.is_client_error, f"{path}: {answered.text}"
        problem: Answer = answered.json()
        return problem

    def delete(self, path: str) -> Answer:
        """What the API answers when something is taken back."""
        answered = self._client.delete(path)
        assert answered.is_success, f"{path}: {answered.text}"
        undone: Answer = answered.json()
        return undone

    def get(self, path: str, **query: Any) -> Answer:
        """What the API answers to a question."""
        answered = self._client.get(path, params=query)
        assert answered.is_success, f"{path}: {answered.text}"
        found: Answer = answered.json()
        return found

    def refused(self, path: str, body: Any, *, method: str = "POST") -> Answer:
        """The problem that the API answers with."""
        answered = self._client.request(method, path, json=body)
        assert answered.is_client_error, f"{path}: {answered.text}"
        problem: Answer = answered.json()
        return problem

    def customer(self, key: str, *, timezone: str = "UTC", currency: str = "EUR") -> None:
        """Someone who pays."""
        body = {"key": key, "name": key.title(), "currency": currency, "timezone": timezone}
        self.post("/v1/customers", body)

    def meter(self, key: str, *, value: str = "", dimensions: tuple[str, ...] = ()) -> None:
        """A count of `call` events, or the sum of one of their properties."""
        aggregation = {"type": "sum", "value": value} if value else {"type": "count"}
        self.post(
            "/v1/meters",
            {
                "key": key,
                "name": key.title(),
                "event_type": "call",
                "aggregation": aggregation,
                "dimensions": list(dimensions),
            },
        )

    def plan(self, key: str, *prices: Answer, currency: str = "EUR") -> None:
        """A plan, or its next version."""
        named = [{"name": price["key"].title(), **price} for price in prices]
        body = {"key": key, "name": key.title(), "currency": currency, "prices": named}
        self.post("/v1/plans", body)

    def subscribe(
        self, customer: str, plan: str, starts_at: datetime, *, alignment: str = "calendar"
    ) -> None:
        """A subscription with the customer's key."""
        self.post(
            "/v1/subscriptions",
            {
                "key": customer,
                "customer": customer,
                "plan": plan,
                "starts_at": starts_at.isoformat(),
                "alignment": alignment,
            },
        )

    def call(self, customer: str, *instants: datetime, **properties: str) -> None:
        """An event of type `call` at each instant."""
        events = [
            {
                "id": f"e{next(self._ids)}",
                "type": "call",
                "customer": customer,
                "time": instant.isoformat(),
                "properties": properties,
            }
            for instant in instants
        ]
        answer = self.post("/v1/events", events)
        assert answer["counts"]["accepted"] == len(events), answer

    def bill(self, *, until: datetime | None = None, finalize: bool = False) -> Answer:
        """A billing run."""
        body: Answer = {"finalize": finalize}
        if until is not None:
            body["until"] = until.isoformat()
        return self.post("/v1/billing-runs", body)

    def pass_time(self, at: datetime, *, finalize: bool = False) -> Answer:
        """Advance the organization's test clock; what is due on the way happens, in order."""
        return self.post("/v1/test-clock", {"at": at.isoformat(), "finalize": finalize})

    def invoices(self, customer: str) -> list[Answer]:
        """All invoices of a customer with their lines, by period; an opening one goes first."""
        found = self.get("/v1/invoices", customer=customer, limit=1000)["results"]
        found.sort(key=lambda invoice: (invoice["period"]["starts"], invoice["occasion"]))
        return [self.get(f"/v1/invoices/{invoice['id']}") for invoice in found]

    def proved(self, customer: str) -> list[Answer]:
        """As `invoices`, each counted and rated again, and found equal."""
        found = self.invoices(customer)
        for invoice in found:
            verification = self.post(f"/v1/invoices/{invoice['id']}/verify")
            assert verification["is_equal"], verification["differences"]
        return found


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def told(wiring: Wiring, organization: Organization, clock: Clock) -> Iterator[Story]:
    """A story over these engines, with that clock."""
    issued = issue_key(wiring, organization.id, name="story", scopes=Scope)
    clocked = dataclasses.replace(wiring, now=clock)
    with API.open(clocked) as client:
        client.headers["Authorization"] = f"Bearer {issued.text}"
        yield Story(clocked, organization, client)


@contextmanager
def played(wiring: Wiring, now: datetime) -> Iterator[Story]:
    """A story of an organization that lives on a test clock, which stands at `now`."""
    organization = create_organization(wiring, key="stage", name="Stage", mode=Mode.TEST)
    issued = issue_key(wiring, organization.id, name="story", scopes=Scope)
    with API.open(wiring) as client:
        client.headers["Authorization"] = f"Bearer {issued.text}"
        story = Story(wiring, organization, client)
        story.pass_time(now)
        yield story


def printed(invoice: Answer) -> list[tuple[str, str, str]]:
    """What an invoice says in short: price, quantity and amount of every line."""
    return [(line["price_key"], line["quantity"], line["amount"]) for line in invoice["lines"]]
