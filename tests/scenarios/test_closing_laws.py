"""What holds of every month that is closed, whatever was used and whatever comes later."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import day
from story import Answer, Clock, Story, told
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.money import to_units
from tallybook.services.ports import Wiring

NOW = day(2, 11)
TIERS = [
    {"up_to": "10", "unit_amount": "0.125", "flat_amount": "1"},
    {"up_to": "1000", "unit_amount": "0.0625"},
    {"unit_amount": "0.001"},
]
RULES: list[Answer] = [
    {"model": "per_unit", "unit_amount": "0.00033"},
    {"model": "graduated", "tiers": TIERS},
    {"model": "volume", "tiers": TIERS},
    {"model": "package", "package_size": "7", "package_amount": "0.999"},
]

_Call = tuple[datetime, str, Decimal]

calls = st.lists(
    st.tuples(
        st.integers(0, 50 * 24).map(lambda hours: day(12, 22, year=2025) + timedelta(hours=hours)),
        st.sampled_from(["small", "large"]),
        st.decimals(0, 10**6, places=6),
    ),
    max_size=12,
)
prices = st.lists(
    st.tuples(
        st.sampled_from(RULES),
        st.sampled_from(["calls", "tokens"]),
        st.sampled_from(["", "small", "large"]),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture
def story(wiring: Wiring, organization: Organization) -> Iterator[Story]:
    with told(wiring, organization, Clock(NOW)) as begun:
        begun.meter("calls", dimensions=("model",))
        begun.meter("tokens", value="tokens", dimensions=("model",))
        yield begun


_names = itertools.count()


def send(story: Story, customer: str, sent: list[_Call]) -> None:
    for at, model, tokens in sent:
        story.call(customer, at, model=model, tokens=format(tokens, "f"))


def used(sent: list[_Call], meter: str, model: str) -> Decimal:
    """January's usage, counted by hand."""
    mine = [tokens for at, of, tokens in sent if day(1) <= at < day(2) and model in {"", of}]
    return Decimal(len(mine)) if meter == "calls" else sum(mine, Decimal(0))


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sent=calls, late=calls, sold=prices)
def test_a_closed_month_adds_up_verifies_and_stays(
    story: Story, sent: list[_Call], late: list[_Call], sold: list[tuple[Any, str, str]]
) -> None:
    name = f"c{next(_names)}"
    story.customer(name)
    sold_prices: list[Answer] = [
        {
            "key": f"p{place}",
            "meter": meter,
            "rule": rule,
            **({"match": {"model": model}} if model else {}),
        }
        for place, (rule, meter, model) in enumerate(sold)
    ]
    story.plan(name, *sold_prices)
    story.subscribe(name, name, day(1))
    send(story, name, sent)
    story.bill(until=day(2))
    [january] = story.invoices(name)
    for line, (_, meter, model) in zip(january["lines"], sold, strict=True):
        assert Decimal(line["quantity"]) == used(sent, meter, model)
        assert sum(Decimal(step["amount"]) for step in line["working"]) == Decimal(
            line["exact_amount"]
        )
        assert line["amount_minor"] == to_units(Decimal(line["exact_amount"]), 2)
    assert january["total_minor"] == sum(line["amount_minor"] for line in january["lines"])
    send(story, name, late)
    story.bill(until=day(2))
    assert story.invoices(name) == [january], "nothing that comes later changes it"
    verification = story.post(f"/v1/invoices/{january['id']}/verify")
    assert verification["is_equal"], verification
    for line in january["lines"]:
        path = f"/v1/invoices/{january['id']}/lines/{line['number']}/events"
        behind = story.get(path, limit=1000)["results"]
        assert len(behind) == line["evidence"]["event_count"]
