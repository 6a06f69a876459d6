"""The page of an invoice that a parent is billed for its child."""

from __future__ import annotations

from typing import Any

import httpx


def test_it_says_who_is_billed_and_for_whom(company: Any, console: httpx.Client) -> None:
    child = {"key": "quay", "name": "Quay & Sons", "currency": "EUR", "timezone": "Asia/Tokyo"}
    company.post("/v1/customers", {**child, "parent": "harbor", "invoiced_at": "parent"})
    company.post(
        "/v1/subscriptions",
        {
            "key": "quay",
            "customer": "quay",
            "plan": "pro",
            "starts_at": "2026-01-01T00:00:00+09:00",
            "ends_at": "2026-02-01T00:00:00+09:00",
        },
    )
    company.post("/v1/billing-runs", {})
    documents = company.get("/v1/collective-invoices", customer="harbor")["results"]
    [invoice] = [
        part
        for document in documents
        for section in document["sections"]
        if section["customer"]["key"] == "quay"
        for part in section["invoices"]
    ]
    page = console.get(f"/invoices/{invoice['id']}")
    assert page.status_code == 200
    assert "Blue Harbor" in page.text
    assert "<dt>For</dt>" in page.text
    assert "Quay &amp; Sons" in page.text
    assert "Times are those of Asia/Tokyo" in page.text, "of whose subscription it is"
