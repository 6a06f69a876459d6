"""What a customer may use now."""

from __future__ import annotations

from tallybook.domain.entitlements.entitled import Entitlement, Held, entitlements_of
from tallybook.domain.subscriptions.subscription import Status
from tallybook.services.find_customers import customer_of, time_of
from tallybook.services.find_subscriptions import all_in_full
from tallybook.services.ports import Wiring

GRANTING = frozenset({Status.TRIALING, Status.ACTIVE})
"""Statuses of a subscription that grants what its plan says; a paused one grants nothing."""


def find_entitlements(
    wiring: Wiring, organization_id: str, customer_key: str
) -> tuple[Entitlement, ...]:
    """The grants of every subscription that runs at this moment, put together."""
    with wiring.books.begin(organization_id) as records:
        customer = customer_of(records, customer_key)
        now = time_of(wiring, records, customer)
        full = all_in_full(records, records.subscriptions.of_customer(customer.id), now=now)
        held = [
            Held(
                subscription_key=each.subscription.key,
                plan_key=each.version.plan_key,
                version=each.version.version,
                starts_at=each.subscription.starts_at,
                grants=each.version.grants,
            )
            for each in full
            if each.status in GRANTING
        ]
        granted = {grant.feature for each in held for grant in each.grants}
        return entitlements_of(held, records.features.by_keys(granted))
