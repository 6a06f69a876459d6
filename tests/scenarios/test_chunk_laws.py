"""How a billing run is cut into chunks, and that two are closed at a time, changes no invoice."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts import day
from story import Answer, Clock, Story, told
from tallybook.domain.invoicing.billing_run import BillingRun
from tallybook.services.close_period import close_due_periods
from tallybook.services.create_organization import create_organization
from tallybook.services.ports import Wiring

NOW = day(4, 2)
TIERS = [{"up_to": "2", "unit_amount": "0.125", "flat_amount": "1"}, {"unit_amount": "0.0625"}]
BASE: Answer = {"key": "base", "rule": {"model": "flat", "amount": "10"}}
PLANS: dict[str, list[Answer]] = {
    "flat": [BASE],
    "used": [{"key": "calls", "meter": "calls", "rule": {"model": "graduated", "tiers": TIERS}}],
    "both": [
        BASE,
        {"key": "tokens", "meter": "tokens", "rule": {"model": "per_unit", "unit_amount": "0.003"}},
    ],
}

Contracts = list[tuple[str, datetime]]
Calls = list[tuple[datetime, int]]

hours = st.integers(0, 89 * 24)
customers = st.lists(
    st.tuples(
        st.lists(
            st.tuples(
                st.sampled_from(sorted(PLANS)),
                st.integers(0, 70).map(lambda days: day(1) + timedelta(days=days)),
            ),
            min_size=1,
            max_size=3,
        ),
        st.lists(
            st.tuples(hours.map(lambda each: day(1) + timedelta(hours=each)), st.integers(0, 900)),
            max_size=4,
        ),
    ),
    min_size=3,
    max_size=7,
)
_keys = itertools.count()


def told_alike(
    wiring: Wiring, stack: ExitStack, company: Sequence[tuple[Contracts, Calls]]
) -> Story:
    """An organization of its own with these customers, contracts and calls."""
    key = f"chunks{next(_keys)}"
    organization = create_organization(wiring, key=key, name="Chunks")
    story = stack.enter_context(told(wiring, organization, Clock(NOW)))
    story.meter("calls")
    story.meter("tokens", value="tokens")
    for plan, prices in PLANS.items():
        story.plan(plan, *prices)
    for place, (contracts, calls) in enumerate(company):
        story.customer(f"c{place}")
        for number, (plan, starts_at) in enumerate(contracts):
            body = {"key": f"c{place}-{number}", "customer": f"c{place}", "plan": plan}
            starts = {"starts_at": starts_at.isoformat(), "alignment": "calendar"}
            story.post("/v1/subscriptions", body | starts)
        for at, tokens in calls:
            story.call(f"c{place}", at, tokens=str(tokens))
    return story


def invoices_of(story: Story, customers: int) -> list[bytes]:
    """Every invoice, counted and rated again, as it is answered but for its ids and its number."""
    found = [story.proved(f"c{place}") for place in range(customers)]
    plain = [_without_names(invoice) for invoice in itertools.chain(*found)]
    return sorted(msgspec.json.encode(invoice, order="sorted") for invoice in plain)


def _without_names(part: Any) -> Any:
    """The same, but for what differs between two organizations that are told alike.

    A checksum is of events' identities, of which the organization is a part: `proved` looks at it.
    """
    match part:
        case dict():
            return {
                key: _without_names(value)
                for key, value in part.items()
                if key not in {"number", "checksum"} or isinstance(value, int)
            }
        case list():
            return [_without_names(each) for each in part]
        case str():
            return re.sub(r"\b[a-z]{2,5}_[0-9A-Za-z]{20,}", "ID", part)
    return part


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(company=customers)
@example(company=[([("both", day(1)), ("used", day(1))], [(day(2), 7)]) for _ in range(5)])
def test_two_chunks_at_a_time_bill_what_one_chunk_does(
    wiring: Wiring, company: list[tuple[Contracts, Calls]]
) -> None:
    with ExitStack() as stack:
        whole, cut = (told_alike(wiring, stack, company) for _ in range(2))
        steps: list[BillingRun] = []
        one = close_due_periods(whole.wiring, whole.organization_id, finalizes=True)
        many = close_due_periods(
            cut.wiring, cut.organization_id, finalizes=True, chunk_size=2, progress=steps.append
        )
        assert len(steps) > 1, "it was cut into chunks"
        assert many == one
        assert one.stuck == ()
        assert invoices_of(cut, len(company)) == invoices_of(whole, len(company))
        numbers = sorted(
            str(each["number"]) for each in cut.get("/v1/invoices", limit=1000)["results"]
        )
        assert len(numbers) == one.invoices
        assert [int(number[-6:]) for number in numbers] == list(range(1, len(numbers) + 1))
