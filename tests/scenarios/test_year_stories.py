"""Whole years, with all that happens in them on one bill after the other, to the cent.

Every expected amount was reckoned by hand from docs/semantics; every invoice is verified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contracts import day
from story import Answer, Story, played
from tallybook.services.ports import Wiring


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    with played(wiring, day(1)) as begun:
        yield begun


def change(story: Story, kind: str, subscription: str = "acme", **said: Any) -> Answer:
    """What is changed; `at` dates it back or ahead."""
    at = said.pop("at", None)
    dated = {"effective_at": at.isoformat()} if at else {}
    path = f"/v1/subscriptions/{subscription}/changes"
    return story.post(path, {"what": {"kind": kind, **said}, **dated})


def bills(story: Story, customer: str = "acme") -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Every invoice by the day it was drawn up: its total, and the amounts of its lines."""
    return [
        (
            invoice["created_at"][:10],
            invoice["total"],
            [(_of(line), line["amount"]) for line in invoice["lines"]],
        )
        for invoice in sorted(story.proved(customer), key=lambda invoice: invoice["created_at"])
    ]


def _of(line: Answer) -> str:
    return str(line["name"] if line["kind"] == "coupon" else line["price_key"])


# ── an AI company: matrix, rate card, ramped commitment, coupons, an upgrade that is undone ──

TOKENS: Answer = {
    "key": "tokens",
    "meter": "tokens",
    "rule": {
        "model": "matrix",
        "dimensions": ["model", "direction"],
        "cells": [
            {"values": ["opus", "out"], "unit_amount": "0.00002"},
            {"values": ["haiku", "*"], "unit_amount": "0.000002"},
        ],
    },
}
TOOLS: Answer = {
    "key": "tools",
    "meter": "searches",
    "rule": {
        "model": "rate_card",
        "dimensions": ["tool"],
        "credit_amount": "0.02",
        "cards": [
            {"cells": [{"values": ["*"], "unit_amount": "3"}]},
            {"starts_on": "2026-05-10", "cells": [{"values": ["*"], "unit_amount": "2"}]},
        ],
    },
}
PROMISE: Answer = {
    "key": "promise",
    "name": "Promise",
    "amounts": ["50", "80", "100"],
    "prices": ["tokens", "tools"],
    "overage_factor": "1.1",
}


def _api_plan(key: str, fee: str) -> Answer:
    base: Answer = {"key": "base", "rule": {"model": "flat", "amount": fee}, "timing": "in_advance"}
    prices = [{"name": price["key"].title(), **price} for price in (base, TOKENS, TOOLS)]
    terms = {"key": key, "name": key.title(), "currency": "EUR", "prices": prices}
    return {**terms, "commitments": [PROMISE]}


def _used(story: Story, event_type: str, at: datetime, **properties: str) -> None:
    event = {"type": event_type, "customer": "acme", "properties": properties}
    said = f"{event_type}-{at.isoformat()}-{properties}"
    story.post("/v1/events", [{**event, "id": said, "time": at.isoformat()}])


def _sums(story: Story, key: str, value: str, *dimensions: str) -> None:
    aggregation = {"type": "sum", "value": value}
    meter = {"key": key, "name": key, "event_type": key, "aggregation": aggregation}
    story.post("/v1/meters", {**meter, "dimensions": list(dimensions)})


def _ai_company(story: Story) -> None:
    """Two plans, two coupons, the same usage every month, and who subscribes in January."""
    _sums(story, "tokens", "n", "model", "direction")
    _sums(story, "searches", "n", "tool")
    story.post("/v1/plans", _api_plan("api", "50"))
    story.post("/v1/plans", _api_plan("plus", "150"))
    story.customer("acme")
    ten = {"key": "TEN", "name": "Ten", "rate_pct": "10", "frequency": "forever"}
    fifty = {"key": "FIFTY", "name": "Fifty", "amount": "50", "currency": "EUR"}
    for coupon in (ten, fifty):
        story.post("/v1/coupons", coupon)
    for month in range(1, 13):
        _used(story, "tokens", day(month, 9), n="2000000", model="opus", direction="out")
        _used(story, "tokens", day(month, 9), n="10000000", model="haiku", direction="in")
        _used(story, "searches", day(month, 5), n="50", tool="web")
        _used(story, "searches", day(month, 20), n="50", tool="web")
    agreed = {"counting": "by_second", "alignment": "calendar", "coupons": ["TEN", "FIFTY"]}
    story.post("/v1/subscriptions", {"key": "acme", "customer": "acme", "plan": "api", **agreed})


def test_a_year_of_an_ai_company(story: Story) -> None:
    """Each month 40.00 for opus, 20.00 for haiku, 100 searches at three credits of 0.02, then two.

    Promised are 50.00, then 80.00, then 100.00 a month; beyond costs a tenth more. On 9 April the
    plan is upgraded as of 16 March noon, half of March, after it was once and that was undone.
    """
    _ai_company(story)
    noon = day(3, 16, 12)
    story.pass_time(noon)
    change(story, "plan", plan="plus")
    story.pass_time(day(3, 20))
    story.delete("/v1/subscriptions/acme/changes/1")
    story.pass_time(day(4, 9))
    change(story, "plan", plan="plus", at=noon)
    story.pass_time(day(1, 1, year=2027))

    told = bills(story)
    assert told[0] == (
        "2026-01-01",
        "0.00",
        [("base", "50.00"), ("Ten", "-5.00"), ("Fifty", "-45.00")],
    )
    usage = [("tokens", "60.00"), ("tools", "6.00")]
    assert told[1:5] == [
        (
            "2026-02-01",
            "100.84",  # 16.00 beyond the 50.00 that were promised; what is left of the fifty
            [("base", "50.00"), *usage, ("promise", "1.60"), ("Ten", "-11.76"), ("Fifty", "-5.00")],
        ),
        (
            "2026-03-01",
            "117.00",
            [("base", "50.00"), *usage, ("promise", "14.00"), ("Ten", "-13.00")],
        ),
        (
            "2026-04-01",
            "135.00",  # nothing of the upgrade that was undone
            [("base", "50.00"), *usage, ("promise", "34.00"), ("Ten", "-15.00")],
        ),
        (
            "2026-05-01",
            "360.00",  # half of March, and April, at the other fee; then May
            [
                *[("base", "-25.00"), ("base", "75.00"), ("base", "-50.00"), ("base", "150.00")],
                *[("base", "150.00"), *usage, ("promise", "34.00"), ("Ten", "-40.00")],
            ],
        ),
    ]
    may = [("base", "150.00"), ("tokens", "60.00"), ("tools", "5.00"), ("promise", "35.00")]
    later = [("base", "150.00"), ("tokens", "60.00"), ("tools", "4.00"), ("promise", "36.00")]
    assert told[5] == ("2026-06-01", "225.00", [*may, ("Ten", "-25.00")]), "the card of 10 May"
    assert [each[1:] for each in told[6:]] == [("225.00", [*later, ("Ten", "-25.00")])] * 7


# ── a team: trial, seats by the day, a pause, an end, a return ──


def test_a_year_of_a_team_that_grows_pauses_leaves_and_returns(story: Story) -> None:
    """Seats at 12.00 from 24 January, when the trial is over; periods begin on the 24th."""
    seats = {"key": "seats", "rule": {"model": "per_unit", "unit_amount": "12"}}
    setup = {"key": "setup", "rule": {"model": "flat", "amount": "99"}, "timing": "once"}
    story.plan("team", {**seats, "timing": "in_advance"}, setup)
    story.customer("acme", timezone="Europe/Stockholm")
    agreed = {"quantities": {"seats": "3"}, "trial": {"days": 14}}
    start = day(1, 10, 9).isoformat()
    body = {"key": "acme", "customer": "acme", "plan": "team", "starts_at": start, **agreed}
    story.post("/v1/subscriptions", body)

    def more(quantity: str) -> None:
        change(story, "add_quantity", price_key="seats", quantity=quantity)

    for at, quantity in ((day(2, 5, 10), "2"), (day(2, 10, 10), "-1"), (day(2, 12, 10), "4")):
        story.pass_time(at)
        more(quantity)
    story.pass_time(day(3, 5, 10))
    change(story, "pause")
    story.pass_time(day(3, 15, 10))
    change(story, "resume")
    story.pass_time(day(5, 20, 10))
    story.post("/v1/subscriptions/acme/cancellation", {"at": "now"})
    story.pass_time(day(6, 5, 10))
    change(story, "reactivate")
    story.pass_time(day(1, 24, year=2027))

    whole = ("seats", "96.00")
    told = bills(story)
    assert told[:7] == [
        ("2026-01-24", "135.00", [("seats", "36.00"), ("setup", "99.00")]),
        (
            "2026-02-23",  # local midnight: 31 days from 24 January
            "123.88",
            [
                ("seats", "-22.06"),  # 19 of 31 days of three
                ("seats", "9.68"),  # five of five
                ("seats", "3.10"),  # two of four
                ("seats", "37.16"),  # twelve of eight
                whole,
            ],
        ),
        ("2026-03-23", "61.71", [("seats", "-34.29"), whole]),  # ten of 28 days were paused
        ("2026-04-23", "96.00", [whole]),
        ("2026-05-20", "-12.80", [("seats", "-12.80")]),  # four of 30 days were left
        ("2026-06-05", "58.84", [("seats", "58.84")]),  # 19 of 31 days of the period it is in
        ("2026-06-23", "96.00", [whole]),
    ]
    assert [each[1] for each in told[7:]] == ["96.00"] * 7, "to 24 January"


# ── a grid: time of use in Sydney, over both changes of its clocks, from the 31st ──

SYDNEY = ZoneInfo("Australia/Sydney")
AFTERNOON = {"weekdays": [1, 2, 3, 4, 5], "from_time": "15:00", "until_time": "21:00"}
NIGHT = {"from_time": "22:00", "until_time": "07:00"}
AMOUNTS = {"peak": Decimal("0.50"), "night": Decimal("0.10"), "day": Decimal("0.20")}


def _band(at: datetime) -> str:
    """The band of an hour, by the clock on the wall."""
    local = at.astimezone(SYDNEY)
    if local.isoweekday() <= 5 and 15 <= local.hour < 21:
        return "peak"
    return "night" if local.hour >= 22 or local.hour < 7 else "day"


def test_a_year_of_a_household_in_sydney(story: Story) -> None:
    """One kWh every hour of a year. Every hour is on one bill, in one band, once.

    The bill of April's end has an hour twice, that of October's lacks one. No month is under
    170.00; when the year has come to 1,600.00 no more is owed.
    """
    _sums(story, "kwh", "kwh")
    when = {"peak": [AFTERNOON], "night": [NIGHT], "day": []}
    bands = [
        {"name": name, "when": when[name], "rule": {"model": "per_unit", "unit_amount": str(each)}}
        for name, each in AMOUNTS.items()
    ]
    rule = {"model": "time_of_use", "bands": bands}
    energy = {"key": "energy", "name": "Energy", "meter": "kwh", "rule": rule}
    limits = [
        {"key": "least", "name": "Least", "minimum": "170"},
        {"key": "most", "name": "Most", "maximum": "1600", "per": "year"},
    ]
    terms = {"key": "home", "name": "Home", "currency": "AUD", "prices": [energy]}
    story.post("/v1/plans", {**terms, "spend_limits": limits})
    story.customer("anna", timezone="Australia/Sydney", currency="AUD")
    starts, ends = (datetime(year, 1, 31, tzinfo=SYDNEY).astimezone(UTC) for year in (2026, 2027))
    story.subscribe("anna", "home", starts, alignment="anniversary")
    hours = [starts + timedelta(hours=n) for n in range((ends - starts) // timedelta(hours=1))]
    events = [
        {"id": at.isoformat(), "type": "kwh", "customer": "anna", "time": at.isoformat()}
        for at in hours
    ]
    for place in range(0, len(events), 2000):
        batch = [{**event, "properties": {"kwh": "1"}} for event in events[place : place + 2000]]
        assert story.post("/v1/events", batch)["counts"]["accepted"] == len(batch)
    story.pass_time(ends)

    invoices = story.proved("anna")
    lasted = [len(_hours_of(invoice, hours)) for invoice in invoices]
    days = [28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31]
    assert lasted == [24 * days + {2: 1, 8: -1}.get(n, 0) for n, days in enumerate(days)]
    owed_before = Decimal(0)
    for invoice in invoices:
        used = Counter(map(_band, _hours_of(invoice, hours)))
        energy_owed = sum(AMOUNTS[band] * count for band, count in used.items())
        amounts = {line["price_key"]: Decimal(line["amount"]) for line in invoice["lines"]}
        assert amounts["energy"] == energy_owed
        at_least = max(energy_owed, Decimal(170))
        total = min(at_least, Decimal(1600) - owed_before)
        assert Decimal(invoice["total"]) == total
        owed_before += total
    assert [invoice["total"] for invoice in invoices[-3:]] == ["70.00", "0.00", "0.00"]


def _hours_of(invoice: Answer, hours: list[datetime]) -> list[datetime]:
    starts, ends = (datetime.fromisoformat(invoice["period"][end]) for end in ("starts", "ends"))
    return [at for at in hours if starts <= at < ends]
