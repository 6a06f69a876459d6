"""A month of a small company, billed through the API, and a visitor signed in to its console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from engines import Doors
from tallybook.bootstrap.application import build_application
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring

ALL_DOORS = Doors(build_application)
CUSTOMERS = [
    {"key": "nordlys", "name": "Nordlys <Studio>", "currency": "EUR"}
    | {"timezone": "Europe/Stockholm", "locale": "sv-SE"},
    {"key": "harbor", "name": "Blue Harbor", "currency": "EUR"}
    | {"timezone": "America/New_York", "locale": "en-US"},
    {"key": "kessler", "name": "Kessler & Söhne", "currency": "EUR"}
    | {"timezone": "Europe/Berlin", "locale": "de-DE"},
]
METER = {"key": "tokens", "name": "Tokens", "event_type": "completion", "unit": "tokens"} | {
    "aggregation": {"type": "sum", "value": "tokens"}
}
TIERS = [{"up_to": "1000", "unit_amount": "0.01"}, {"unit_amount": "0.0075"}]
PLAN = {
    "key": "pro",
    "name": "Pro",
    "currency": "EUR",
    "prices": [
        {"key": "base", "name": "Pro plan", "rule": {"model": "flat", "amount": "49"}},
        {"key": "tokens", "name": "Input tokens", "meter": "tokens"}
        | {"rule": {"model": "graduated", "tiers": TIERS}},
    ],
}


@dataclass(frozen=True)
class Company:
    """Its HTTP client, which sends an API key, and the key."""

    client: TestClient[Litestar]
    key: str

    def post(self, path: str, body: Any) -> Any:
        """What the API answers; anything but success fails the test."""
        answer = self.client.post(path, json=body, headers={"Authorization": f"Bearer {self.key}"})
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    def get(self, path: str, **query: str) -> Any:
        """What the API answers to a question."""
        answer = self.client.get(
            path, params=query, headers={"Authorization": f"Bearer {self.key}"}
        )
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    def invoice_id(self, customer: str) -> str:
        """The invoice of the month."""
        found: str = self.get("/v1/invoices", customer=customer)["results"][0]["id"]
        return found


@pytest.fixture
def company(wiring: Wiring, organization: Organization) -> Iterator[Company]:
    """Three customers, sixty events of one of them, all billed for March 2026."""
    key = issue_key(wiring, organization.id, name="tests", scopes=Scope).text
    with ALL_DOORS.open(
        wiring, raise_server_exceptions=False, base_url="http://testserver"
    ) as client:
        company = Company(client, key)
        company.post("/v1/meters", METER)
        company.post("/v1/plans", PLAN)
        for customer in CUSTOMERS:
            company.post("/v1/customers", customer)
            contract = {"key": customer["key"], "customer": customer["key"], "plan": "pro"}
            starts = {"starts_at": "2026-03-01T08:30:00Z", "alignment": "calendar"}
            company.post("/v1/subscriptions", contract | starts)
        company.post(
            "/v1/events",
            [
                {
                    "id": f"call-{number:03d}",
                    "type": "completion",
                    "customer": "nordlys",
                    "time": f"2026-03-{number % 28 + 1:02d}T12:00:00Z",
                    "properties": {"tokens": "25.5", "note": "<script>alert(1)</script>"},
                }
                for number in range(60)
            ],
        )
        company.post("/v1/billing-runs", {"until": "2026-04-02T00:00:00Z", "finalize": True})
        yield company


@pytest.fixture
def console(company: Company) -> TestClient[Litestar]:
    """The company's console, signed in with its key."""
    signed_in = company.client.post(
        "/sign-in", data={"api_key": company.key}, follow_redirects=False
    )
    assert signed_in.status_code == 303, signed_in.text
    return company.client
