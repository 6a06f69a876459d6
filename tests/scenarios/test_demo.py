"""The demo tells the same story every time: the same events, the same amounts, billed once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tallybook.cli.demo.company import (
    CUSTOMERS,
    Month,
    companies,
    last_month,
    lines,
)

MARCH = Month(2026, 3)


def events(month: Month, count: int) -> Iterator[dict[str, Any]]:
    return map(json.loads, lines(month, count))


def test_the_company_is_skewed_like_real_ones() -> None:
    made = companies()
    assert made == companies()
    assert len({company.key for company in made}) == CUSTOMERS == 320
    plans = Counter(company.plan for company in made)
    assert plans == {
        "payg": 144, "free": 100, "pro": 64, "enterprise-eur": 7, "enterprise-usd": 5,
    }  # fmt: skip
    sent = Counter(event["customer"] for event in events(MARCH, 50_000))
    largest = sum(count for _, count in sent.most_common(32))
    assert 0.4 < largest / 50_000 < 0.6, "a tenth of the customers makes half of the usage"
    assert len(sent) == CUSTOMERS, "and the smallest are there too"


def test_the_events_are_the_same_but_for_the_month_they_are_dated_to() -> None:
    def undated(month: Month) -> list[dict[str, Any]]:
        return [event | {"time": ""} for event in events(month, 3_000)]

    assert undated(MARCH) == undated(MARCH) == undated(Month(2024, 2))


@pytest.mark.parametrize(
    ("month", "why"),
    [
        (MARCH, "clocks go forward, on two days on the two sides of the Atlantic"),
        (Month(2026, 10), "clocks go back in Europe"),
        (Month(2026, 11), "clocks go back in America"),
        (Month(2024, 2), "a short month"),
        (Month(2026, 12), "the last month of a year"),
    ],
)
def test_every_event_is_inside_its_customers_month(month: Month, why: str) -> None:
    zones = {company.key: company.timezone for company in companies()}
    for event in events(month, 4_000):
        at = datetime.fromisoformat(event["time"])
        zone = zones[event["customer"]]
        assert month.starts(zone) <= at < month.next.starts(zone), (why, zone, at)


@pytest.mark.parametrize(
    ("now", "month"),
    [
        ("2026-11-20T10:00:00+00:00", Month(2026, 10)),
        ("2026-01-15T10:00:00+00:00", Month(2025, 12)),
        ("2026-03-01T13:59:00+00:00", Month(2026, 1)),
        ("2026-03-01T14:00:00+00:00", Month(2026, 2)),
    ],
)
def test_the_month_is_the_last_that_is_over_everywhere(now: str, month: Month) -> None:
    assert last_month(datetime.fromisoformat(now).astimezone(UTC)) == month


def test_the_demo_bills_the_same_amounts_and_nothing_twice(
    tallybook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYBOOK_EVENTS_URL", "")
    arguments = ("demo", "--month", "2026-03", "--events", "8000")
    first = tallybook(*arguments).out
    assert "8,000 accepted" in first
    assert "320 new invoices" in first
    assert "is equal" in first
    invoices = tallybook("invoice", "list", "--limit", "0", "--json").json
    assert totals(invoices) == {"EUR": Decimal("16294.70"), "USD": Decimal("19199.93")}

    again = tallybook(*arguments).out
    assert "8,000 duplicate" in again
    assert "Nothing was billed twice" in again
    after = tallybook("invoice", "list", "--limit", "0", "--json").json
    assert after == invoices
    assert "another_month" in tallybook("demo", "--month", "2026-04", code=1).err


def totals(invoices: list[dict[str, Any]]) -> dict[str, Decimal]:
    summed: Counter[str] = Counter()
    for invoice in invoices:
        summed[invoice["currency"]] += invoice["total_minor"]
    return {currency: Decimal(minor) / 100 for currency, minor in sorted(summed.items())}
