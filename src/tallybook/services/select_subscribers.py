"""Find the subscribers of a plan that a migration is about, with what each is to now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from tallybook.domain.catalog.overrides import NegotiatedVersion
from tallybook.domain.catalog.plan import PlanVersion, version_id_of
from tallybook.domain.customers.customer import Customer
from tallybook.domain.invoicing.reckoned import plan_versions_of
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.subscriptions.changes import Change
from tallybook.domain.subscriptions.course import Course, course_of, terms_around
from tallybook.domain.subscriptions.migration import MigrationOrder
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.domain.subscriptions.timeline import Terms
from tallybook.services.find_customers import no_such_customer
from tallybook.services.find_plans import list_of, pointing, version_to_sell
from tallybook.services.negotiate import carried_over
from tallybook.services.ports import Records, Wiring

CHUNK = 2_000
"""Subscriptions that are held in memory at a time."""


class Subscriber(msgspec.Struct, frozen=True):
    """A subscription, whose it is, what it is to at its time `now`, and the versions it names."""

    course: Course
    customer: Customer
    terms: Terms
    now: datetime
    plans: Mapping[str, PlanVersion]

    @property
    def version(self) -> PlanVersion:
        """The plan version that it is to now."""
        return self.plans[self.terms.plan_version_id]


class Selection(msgspec.Struct, frozen=True):
    """What a migration goes from and to. Versions are named by their ids without a currency."""

    order: MigrationOrder
    target: PlanVersion
    version_ids: frozenset[str]


def selection_of(records: Records, order: MigrationOrder) -> Selection:
    """The versions that are left and the one gone to; refused where there are none."""
    versions = list_of(records, order.plan)
    numbers = {version.version for version in versions}
    for index, number in enumerate(order.cohort.versions):
        if number not in numbers:
            raise Invalid(
                "unknown_version",
                f"Plan {order.plan!r} has no version {number}.",
                field=f"cohort/versions/{index}",
                mend="Name versions that GET …/versions lists.",
            )
    there = records.customers.there(order.cohort.customers)
    for index, key in enumerate(order.cohort.customers):
        if key not in there:
            raise no_such_customer(key, field=f"cohort/customers/{index}")
    with pointing(plan="to_plan" if order.to_plan else "plan", version="to_version"):
        target = version_to_sell(records, order.to_plan or order.plan, order.to_version)
    left = frozenset(
        version.id
        for version in versions
        if version.id != target.id
        and (not order.cohort.versions or version.version in order.cohort.versions)
    )
    if not left:
        raise Invalid(
            "nothing_to_leave",
            f"Nobody can be moved from version {target.version} of {target.plan_key!r} to itself.",
            field="to_version",
            mend="Name another version, or publish one.",
        )
    return Selection(order, target, left)


def subscribers_in_chunks(
    wiring: Wiring, records: Records, selection: Selection
) -> Iterator[list[Subscriber]]:
    """Everyone who is to one of the versions now, in order of subscription key.

    Negotiated contracts have versions of their own, and are among them only if they are asked for.
    """
    cohort = selection.order.cohort
    after = ""
    while True:
        found = records.plan_migrations.candidates(
            sorted(selection.version_ids),
            customers=cohort.customers,
            has_negotiated=cohort.includes_negotiated,
            started_from=cohort.started_from,
            started_before=cohort.started_before,
            after=after,
            limit=CHUNK,
        )
        if not found:
            return
        after = found[-1][0]
        kept = records.subscriptions.by_ids([subscription_id for _, subscription_id in found])
        everyone = in_order(wiring, records, [kept[one] for _, one in found])
        yield [one for one in everyone if _is_meant(selection, one.version)]


def _is_meant(selection: Selection, version: PlanVersion) -> bool:
    named = version.id
    if isinstance(version, NegotiatedVersion) and selection.order.cohort.includes_negotiated:
        named = version.base_id
    return version_id_of(named)[0] in selection.version_ids


def version_gone_to(records: Records, one: Subscriber, target: PlanVersion) -> PlanVersion:
    """The version that a subscriber is moved to: in its currency, with what it has negotiated.

    Refused where what was negotiated makes no sense of it.
    """
    to = target.priced_in(one.version.currency)
    return carried_over(records, one.version, to, None, field="to_version")


def in_order(
    wiring: Wiring, records: Records, subscriptions: Sequence[Subscription]
) -> list[Subscriber]:
    """Subscriptions with all that deciding a change of them takes, by a query a room."""
    changed = [each.id for each in subscriptions if each.change_count]
    changes: Mapping[str, tuple[Change, ...]] = {}
    if changed:
        changes = records.subscriptions.changes_of(changed)
    named = {each.id: plan_versions_of(each, changes.get(each.id, ())) for each in subscriptions}
    plans = records.plans.by_ids({name for names in named.values() for name in names})
    customers = records.customers.by_ids({each.customer_id for each in subscriptions})
    organizations_now = wiring.now_of(records.organization_id)  # asked once, not for each
    everyone = []
    for each in subscriptions:
        customer = customers[each.customer_id]
        course = course_of(each, changes.get(each.id, ()))
        now = customer.clock_at or organizations_now
        everyone.append(Subscriber(course, customer, terms_around(course, now), now, plans))
    return everyone
