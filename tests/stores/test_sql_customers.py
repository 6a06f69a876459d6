"""Customers in PostgreSQL: each organization its own, each key once."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tallybook.domain.customers.customer import Customer
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.errors import Conflicting
from tallybook.services.create_organization import create_organization
from tallybook.services.ports import Wiring

NOW = datetime(2026, 1, 31, 10, tzinfo=UTC)


def customer(key: str, id_: str | None = None) -> Customer:
    return Customer(
        id=id_ or f"cus_{key}", key=key, name=f"The {key}", currency="EUR", created_at=NOW
    )


def test_a_taken_key_leaves_the_transaction_usable(
    wiring: Wiring, organization: Organization
) -> None:
    with wiring.books.begin(organization.id) as records:
        records.customers.add(customer("acme"))
        with pytest.raises(Conflicting):
            records.customers.add(customer("acme", "cus_other"))
        records.customers.add(customer("beta"))
    with wiring.books.begin(organization.id) as records:
        assert [kept.id for kept in records.customers.page(after="", limit=9)] == [
            "cus_acme",
            "cus_beta",
        ]


def test_another_organization_sees_and_changes_nothing(
    wiring: Wiring, organization: Organization
) -> None:
    other = create_organization(wiring, key="other", name="Other")
    with wiring.books.begin(organization.id) as records:
        records.customers.add(customer("acme"))
    with wiring.books.begin(other.id) as records:
        assert records.customers.by_key("acme") is None
        assert records.customers.by_ids(["cus_acme"]) == {}
        assert records.customers.page(after="", limit=9) == []
        renamed = msgspec.structs.replace(customer("acme"), name="Theirs")
        records.customers.replace(renamed)
        records.customers.add(renamed)
    with wiring.books.begin(organization.id) as records:
        assert records.customers.by_key("acme") == customer("acme")


def test_a_changed_customer_is_read_back(wiring: Wiring, organization: Organization) -> None:
    changed = msgspec.structs.replace(customer("acme"), locale="sv-SE", timezone="Asia/Tokyo")
    with wiring.books.begin(organization.id) as records:
        records.customers.add(customer("acme"))
        records.customers.replace(changed)
        assert records.customers.by_key("acme", locked=True) == changed
