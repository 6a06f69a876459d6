"""Families of customers, watched trials and customers' clocks in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from contracts import subscription
from tallybook.domain.customers.customer import Customer, Where
from tallybook.domain.customers.organization import Organization
from tallybook.domain.subscriptions.calendar import Alignment
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.domain.subscriptions.trial_watch import TrialWatch, UsageLimit
from tallybook.services.create_organization import create_organization
from tallybook.services.ports import Records, Wiring

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAR = NOW + timedelta(days=400)
WATCH = TrialWatch(limit=UsageLimit(meter="calls", quantity=Decimal("0.1")))

FAMILY = {
    # key: parent, whose invoices, whose subscriptions
    "group": (None, Where.SELF, Where.SELF),
    "north": ("group", Where.PARENT, Where.PARENT),
    "deep": ("north", Where.PARENT, Where.PARENT),
    "south": ("group", Where.SELF, Where.PARENT),
    "below-south": ("south", Where.PARENT, Where.SELF),
    "alone": (None, Where.PARENT, Where.PARENT),
}


def customer(key: str) -> Customer:
    parent, invoiced_at, usage_at = FAMILY[key]
    return Customer(
        id=f"cus_{key}",
        key=key,
        name=key.title(),
        currency="EUR",
        created_at=NOW,
        parent=parent,
        invoiced_at=invoiced_at,
        usage_at=usage_at,
    )


def settle(records: Records) -> None:
    for key in FAMILY:
        records.customers.add(customer(key))


@pytest.mark.parametrize("is_theirs", [False, True])
def test_who_belongs_to_whom(wiring: Wiring, organization: Organization, is_theirs: bool) -> None:
    """And nothing of it is seen by another organization."""
    asking = organization
    if is_theirs:
        asking = create_organization(wiring, key="other", name="Other")
    with wiring.books.begin(organization.id) as records:
        settle(records)
    with wiring.books.begin(asking.id) as records:
        customers = records.customers
        family = [each.key for each in customers.family(["group"])]
        pools = customers.pools(FAMILY)
        payers = {key: payer.key for key, payer in customers.payers(FAMILY).items()}
        collectors = customers.collectors(FAMILY)
    if is_theirs:
        assert (family, pools, payers, collectors) == ([], {}, {}, set())
        return
    assert family == ["below-south", "deep", "north", "south"]
    assert pools == {"group": ("deep", "north", "south"), "north": ("deep",)}
    assert payers == {"north": "group", "deep": "group", "below-south": "south"}
    assert collectors == {"group", "north", "south"}


def watched(number: int, key: str) -> Subscription:
    return msgspec.structs.replace(
        subscription(NOW, alignment=Alignment.ANNIVERSARY),
        id=f"sub_{number}",
        key=f"key-{number}",
        customer_id=f"cus_{key}",
        is_trial=True,
        trial_watch=WATCH,
    )


def test_watched_trials_are_found_until_they_are_over(
    wiring: Wiring, organization: Organization
) -> None:
    with wiring.books.begin(organization.id) as records:
        settle(records)
        trials = [watched(number, "group") for number in (1, 2, 3)]
        plain = msgspec.structs.replace(watched(4, "group"), trial_watch=None)
        records.subscriptions.add_many([*trials, plain])
    with wiring.books.begin(organization.id) as records:
        assert records.subscriptions.watched(after="", limit=2) == trials[:2]
        assert records.subscriptions.watched(after="sub_2", limit=2) == trials[2:]
        over = msgspec.structs.replace(trials[0], trial_watch=None)
        records.subscriptions.replace_many([over])
        assert records.subscriptions.watched(after="", limit=9) == trials[1:]
        assert records.subscriptions.by_key("key-1") == over
    other = create_organization(wiring, key="other", name="Other")
    with wiring.books.begin(other.id) as records:
        assert records.subscriptions.watched(after="", limit=9) == []


def test_who_lives_on_a_clock_of_its_own_is_left_alone(
    wiring: Wiring, organization: Organization
) -> None:
    with wiring.books.begin(organization.id) as records:
        settle(records)
        records.customers.replace(msgspec.structs.replace(customer("north"), clock_at=NOW))
        begun = [watched(1, "group"), watched(2, "north")]
        records.subscriptions.add_many(begun)
    with wiring.books.begin(organization.id) as records:
        found = records.subscriptions
        for customer_id, expected in ((None, begun[:1]), ("cus_north", begun[1:])):
            due = found.due(until=FAR, after=("", ""), limit=9, customer_id=customer_id)
            assert due == expected
            assert found.watched(after="", limit=9, customer_id=customer_id) == expected
            next_due_at = found.next_due_at(after=NOW, customer_id=customer_id)
            assert next_due_at == expected[0].period.ends
        nobody = found.next_due_at(after=NOW, customer_id="cus_south")
        assert nobody is None
