"""Change what is said of a customer."""

from __future__ import annotations

from tallybook.domain.customers.customer import Customer, CustomerChange, changed
from tallybook.services.find_customers import customer_of
from tallybook.services.ports import Wiring


def change_customer(
    wiring: Wiring, organization_id: str, key: str, change: CustomerChange
) -> Customer:
    """Keep what changed. `Conflicting` for the currency of a customer with a subscription."""
    with wiring.books.begin(organization_id) as records:
        customer = customer_of(records, key, locked=True)
        is_subscribed = bool(records.subscriptions.of_customer(customer.id))
        after = changed(customer, change, is_subscribed=is_subscribed)
        records.customers.replace(after)
        return after
