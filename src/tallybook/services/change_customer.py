"""Change what is said of a customer."""

from __future__ import annotations

from tallybook.domain.customers.customer import Customer, CustomerChange, changed
from tallybook.services.find_customers import check_parent, customer_of
from tallybook.services.ports import Wiring


def change_customer(
    wiring: Wiring, organization_id: str, key: str, change: CustomerChange
) -> Customer:
    """Keep what changed. `Conflicting` for the currency of a customer with a subscription or
    with customers below it, and for a parent that is one of those."""
    with wiring.books.begin(organization_id) as records:
        customer = customer_of(records, key, locked=True)
        is_subscribed = bool(
            records.subscriptions.of_customer(customer.id)
            or records.customers.family([customer.key])
        )
        after = changed(customer, change, is_subscribed=is_subscribed)
        if after.parent != customer.parent or after.invoiced_at is not customer.invoiced_at:
            check_parent(records, after)
        records.customers.replace(after)
        return after
