"""Many ask for the same customer or subscription at one moment: one is made, all meet it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from contracts import day, fee, plan
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.subscriptions.life import Start
from tallybook.services.create_customer import create_customer
from tallybook.services.find_customers import list_customers
from tallybook.services.find_subscriptions import list_subscriptions
from tallybook.services.ports import Wiring
from tallybook.services.start_subscription import start_subscription

T = TypeVar("T")
CLIENTS = 8


def at_once(ask: Callable[[int], T]) -> list[T | Exception]:
    """What each of several clients gets that ask at the same moment."""
    ready = Barrier(CLIENTS)

    def asked(client: int) -> T | Exception:
        ready.wait()
        try:
            return ask(client)
        except Conflicting as refusal:
            return refusal

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(asked, range(CLIENTS)))


@pytest.fixture
def plan_of_fees(wiring: Wiring, organization: Organization) -> None:
    with wiring.books.begin(organization.id) as records:
        records.plans.add(plan(fee("base", "10")))


def test_the_same_customer(wiring: Wiring, organization: Organization) -> None:
    made = at_once(
        lambda _: create_customer(wiring, organization.id, key="acme", name="Acme", currency="EUR")
    )
    assert list_customers(wiring, organization.id) == [made[0]]
    assert all(each == made[0] for each in made)


def test_another_customer_of_that_key(wiring: Wiring, organization: Organization) -> None:
    made = at_once(
        lambda client: create_customer(
            wiring, organization.id, key="acme", name=f"Acme {client}", currency="EUR"
        )
    )
    [kept] = list_customers(wiring, organization.id)
    refused = [each for each in made if isinstance(each, Conflicting)]
    assert len(refused) == CLIENTS - 1
    assert kept in made
    assert {refusal.field for refusal in refused} == {"name"}


@pytest.mark.usefixtures("plan_of_fees")
def test_the_same_subscription(wiring: Wiring, organization: Organization) -> None:
    create_customer(wiring, organization.id, key="acme", name="Acme", currency="EUR")
    asked = Start(key="s", customer="acme", plan="pro", starts_at=day(1))
    made = at_once(lambda _: start_subscription(wiring, organization.id, asked))
    assert len(list_subscriptions(wiring, organization.id)) == 1
    assert all(each == made[0] for each in made)


@pytest.mark.usefixtures("plan_of_fees")
def test_one_key_for_subscriptions_of_several_customers(
    wiring: Wiring, organization: Organization
) -> None:
    for client in range(CLIENTS):
        create_customer(wiring, organization.id, key=f"c{client}", name="C", currency="EUR")
    made = at_once(
        lambda client: start_subscription(
            wiring,
            organization.id,
            Start(key="s", customer=f"c{client}", plan="pro", starts_at=day(1)),
        )
    )
    assert len(list_subscriptions(wiring, organization.id)) == 1
    assert sum(isinstance(each, Conflicting) for each in made) == CLIENTS - 1
