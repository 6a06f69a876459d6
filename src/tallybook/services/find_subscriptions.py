"""Look subscriptions up, with whose they are and what they are to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.errors import Missing
from tallybook.domain.subscriptions.binding import Standing, standing_of
from tallybook.domain.subscriptions.course import course_of, status_on, terms_around
from tallybook.domain.subscriptions.subscription import Status, Subscription, status_at
from tallybook.domain.subscriptions.timeline import Terms
from tallybook.domain.subscriptions.trials import trial_end
from tallybook.services.find_customers import customer_of
from tallybook.services.ports import Records, Wiring


class FullSubscription(msgspec.Struct, frozen=True):
    """A subscription, whose it is, and what it is at the time of asking: by all its changes.

    Before it begins and after it ended, `terms` are those that it begins and ended with.
    """

    subscription: Subscription
    customer: Customer
    version: PlanVersion
    status: Status
    terms: Terms
    contract: Standing | None = None
    trial_ends_at: datetime | None = None


def find_subscription(wiring: Wiring, organization_id: str, key: str) -> FullSubscription:
    """The subscription of that key or id."""
    with wiring.books.begin(organization_id) as records:
        return in_full(records, subscription_of(records, key), now=wiring.now_of(organization_id))


def list_subscriptions(
    wiring: Wiring,
    organization_id: str,
    *,
    customer: str | None = None,
    after: str = "",
    limit: int = 100,
) -> list[FullSubscription]:
    """Subscriptions in key order, those after key `after`; of one customer, if its key is given."""
    with wiring.books.begin(organization_id) as records:
        customer_id = None
        if customer is not None:
            customer_id = customer_of(records, customer, field="customer").id
        page = records.subscriptions.page(after=after, limit=limit, customer_id=customer_id)
        return all_in_full(records, page, now=wiring.now_of(organization_id))


def subscription_of(records: Records, key: str, *, locked: bool = False) -> Subscription:
    """The subscription of that key or id, or a refusal."""
    found = records.subscriptions.by_key(key, locked=locked)
    if found is None:
        named = records.subscriptions.by_ids([key]).get(key)
        found = named and records.subscriptions.by_key(named.key, locked=locked)
    if found is None:
        raise Missing(
            "no_such_subscription",
            f"There is no subscription {key[:140]!r}.",
            mend="Start it by POST /v1/subscriptions, or name one that GET lists.",
        )
    return found


def in_full(records: Records, subscription: Subscription, *, now: datetime) -> FullSubscription:
    """One subscription with what it refers to."""
    return all_in_full(records, [subscription], now=now)[0]


def all_in_full(
    records: Records, subscriptions: Sequence[Subscription], *, now: datetime
) -> list[FullSubscription]:
    """Subscriptions with what they refer to, in the same order; each at its customer's time."""
    changed = [each.id for each in subscriptions if each.change_count]
    changes = records.subscriptions.changes_of(changed) if changed else {}
    courses = [course_of(each, changes.get(each.id, ())) for each in subscriptions]
    customers = records.customers.by_ids({each.customer_id for each in subscriptions})
    clocks = [customers[each.customer_id].clock_at or now for each in subscriptions]
    terms = [terms_around(course, at) for course, at in zip(courses, clocks, strict=True)]
    versions = records.plans.by_ids({each.plan_version_id for each in terms})
    return [
        FullSubscription(
            course.subscription,
            customers[course.subscription.customer_id],
            versions[now_to.plan_version_id],
            status_on(course, at) if course.changes else status_at(course.subscription, at),
            now_to,
            standing_of(course, at),
            trial_end(course) if now_to.is_trial else None,
        )
        for course, now_to, at in zip(courses, terms, clocks, strict=True)
    ]
