"""Draw up what is owed at boundaries of subscriptions: their charges, then, counted, the drafts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.customers.customer import Customer, Where
from tallybook.domain.invoicing.assemble import assemble_invoice, occasion_of
from tallybook.domain.invoicing.charges import (
    Charge,
    RatedCharge,
    charges_due,
    rate_fee,
    rate_metered,
)
from tallybook.domain.invoicing.collective import collective_id
from tallybook.domain.invoicing.conditions import ConditionLine
from tallybook.domain.invoicing.footing import Footing
from tallybook.domain.invoicing.invoice import Invoice, Occasion, Reckoning
from tallybook.domain.invoicing.reckoned import (
    billed_after,
    charges_reckoned,
    plan_versions_of,
    reckoning_of,
)
from tallybook.domain.invoicing.used_until import with_used_until
from tallybook.domain.invoicing.whole_bill import billed_by, rate_bill
from tallybook.domain.kernel.errors import Missing
from tallybook.domain.kernel.money import minor_digits
from tallybook.domain.metering.meter import Meter
from tallybook.domain.subscriptions.changes import Change
from tallybook.domain.subscriptions.course import Course, after, course_of, decide_course
from tallybook.domain.subscriptions.cycle import (
    AtOnce,
    End,
    NotDue,
    Open,
    Renew,
    closed,
    decide_cycle,
)
from tallybook.domain.subscriptions.subscription import Status, Subscription
from tallybook.services.measure_charges import UsageSheet, Wanted, wanted_by
from tallybook.services.ports import Records


@dataclass(frozen=True, slots=True)
class Contracts:
    """What some subscriptions refer to; `changes` of those that are not plain.

    `pools` are, by customer key, those whose usage counts at a customer beside its own; `payers`
    who is invoiced, where that is not the customer; `collectors` who is invoiced for others too.
    """

    plans: Mapping[str, PlanVersion]
    customers: Mapping[str, Customer]
    meters: Mapping[str, Meter]
    changes: Mapping[str, tuple[Change, ...]]
    pools: Mapping[str, tuple[str, ...]]
    payers: Mapping[str, Customer]
    collectors: Set[str]

    def pool_of(self, customer: Customer) -> tuple[str, ...] | None:
        """Whose usage counts as this customer's; None where that is its own alone."""
        if customer.parent is not None and customer.usage_at is Where.PARENT:
            return ()
        members = self.pools.get(customer.key)
        return None if members is None else (customer.key, *members)

    def collector_of(self, customer: Customer) -> Customer | None:
        """On whose collective invoice this customer's lines are; None where it is on none."""
        if customer.key in self.collectors and customer.key not in self.payers:
            return customer
        return self.payers.get(customer.key)


@dataclass(frozen=True, slots=True)
class Boundary:
    """A subscription at a boundary, what is owed there, and the subscription once it is closed."""

    subscription: Subscription
    decision: Open | Renew | End
    plan: PlanVersion
    customer: Customer
    charges: tuple[tuple[Charge, Wanted | None], ...]
    following: Subscription
    reckoning: Reckoning | None = None
    payer: Customer | None = None
    collector: Customer | None = None

    @property
    def wanted(self) -> list[Wanted]:
        """The usage that must be measured before this can be rated."""
        found = [wanted for _, wanted in self.charges if wanted is not None]
        for charge, wanted in self.charges:
            if wanted is not None and charge.left_at:
                found += [wanted.until(at) for at in charge.left_at]
        return found


def load_contracts(
    records: Records,
    subscriptions: Sequence[Subscription],
    more: Mapping[str, tuple[Change, ...]] | None = None,
) -> Contracts:
    """Everything that the subscriptions refer to, by a query a room.

    `more` are changes that are not recorded, by subscription id, in place of those that are.
    """
    changed = [each.id for each in subscriptions if each.change_count]
    changes = {**(records.subscriptions.changes_of(changed) if changed else {}), **(more or {})}
    versions = {
        version
        for each in subscriptions
        for version in plan_versions_of(each, changes.get(each.id, ()))
    }
    plans = records.plans.by_ids(versions)
    customers = records.customers.by_ids({each.customer_id for each in subscriptions})
    keys = {price.meter for plan in plans.values() for price in plan.prices if price.meter}
    passed_on = [each.key for each in customers.values() if each.invoiced_at is Where.PARENT]
    return Contracts(
        plans,
        customers,
        records.meters.by_keys(keys),
        changes,
        records.customers.pools(each.key for each in customers.values()),
        records.customers.payers(passed_on) if passed_on else {},
        records.customers.collectors(each.key for each in customers.values()),
    )


def find_boundary(
    subscription: Subscription, contracts: Contracts, *, until: datetime
) -> Boundary | None:
    """The next boundary of a subscription that has come by `until`, and what is owed there.

    None if there is none; refused where it cannot be told what is owed.
    """
    if subscription.status is Status.ENDED:
        return None
    plan = contracts.plans[subscription.plan_version_id]
    if not subscription.is_plain or plan.has_clocks:
        course = course_of(subscription, contracts.changes.get(subscription.id, ()))
        return _boundary_of_course(course, contracts, until)
    decision = decide_cycle(subscription, now=until)
    if isinstance(decision, NotDue):
        return None
    customer = contracts.customers[subscription.customer_id]
    charges = charges_due(plan, subscription, decision)
    return Boundary(
        subscription,
        decision,
        plan,
        customer,
        _with_usage(charges, customer, contracts),
        closed(subscription, decision),
        payer=contracts.payers.get(customer.key),
        collector=contracts.collector_of(customer),
    )


def _boundary_of_course(course: Course, contracts: Contracts, until: datetime) -> Boundary | None:
    decision = decide_course(course, now=until)
    return None if isinstance(decision, NotDue) else _at(course, decision, contracts)


def _at(course: Course, decision: Open | Renew | End, contracts: Contracts) -> Boundary:
    subscription = course.subscription
    customer = contracts.customers[subscription.customer_id]
    occasion, period = occasion_of(subscription, decision)
    ended = period if occasion is Occasion.PERIOD else None
    reckoning = reckoning_of(course, decision)
    charges = charges_reckoned(course, contracts.plans, reckoning, ended)
    return Boundary(
        subscription,
        decision,
        contracts.plans[_version_at(course, decision)],
        customer,
        _with_usage(charges, customer, contracts),
        after(course, decision, billed_after(course, reckoning, ended)),
        reckoning,
        contracts.payers.get(customer.key),
        contracts.collector_of(customer),
    )


def boundary_at_once(subscription: Subscription, contracts: Contracts) -> Boundary | None:
    """What changes make of the period that is open, where no bill knows of them yet."""
    course = course_of(subscription, contracts.changes.get(subscription.id, ()))
    is_billed = course.billed.changes == subscription.change_count
    if subscription.status is not Status.ACTIVE or is_billed:
        return None
    decision = AtOnce(period=subscription.period)
    return _at(course, decision, contracts)


def _version_at(course: Course, decision: Open | Renew | End) -> str:
    """The plan version that a bill is named after: of the period that begins, or was the last."""
    at = course.subscription.period.starts if isinstance(decision, End) else decision.period.starts
    terms = course.terms_at(at)
    return course.subscription.plan_version_id if terms is None else terms.plan_version_id


def _with_usage(
    charges: Iterable[Charge], customer: Customer, contracts: Contracts
) -> tuple[tuple[Charge, Wanted | None], ...]:
    return tuple((charge, _wanted(charge, customer, contracts)) for charge in charges)


def _wanted(charge: Charge, customer: Customer, contracts: Contracts) -> Wanted | None:
    """The usage that a charge is for; None for a fee."""
    price = charge.price
    if price.meter is None:
        return None
    meter = contracts.meters.get(price.meter)
    if meter is None:
        raise Missing(
            "no_such_meter",
            f"The price {price.key!r} charges for the meter {price.meter!r}, which is not there.",
            mend="Define the meter; its events are counted also if they came before it.",
        )
    return wanted_by(price, meter, customer, charge.service_period, contracts.pool_of(customer))


def draw_up(
    boundary: Boundary,
    sheet: UsageSheet,
    *,
    organization_id: str,
    as_of: int,
    created_at: datetime,
    footing: Footing | None = None,
) -> Invoice | None:
    """The draft for a boundary, from the usage measured; None where nothing is charged for.

    `footing` is what the conditions of the bill go by, if any act on it.
    """

    def rate(place: int, allowance_left: Decimal | None = None) -> RatedCharge:
        charge, wanted = boundary.charges[place]
        if wanted is None:
            return rate_fee(charge)
        meter, who = wanted.meter, boundary.customer

        def rated(of: Wanted) -> RatedCharge:
            return rate_metered(
                charge,
                meter,
                who,
                sheet.of(of),
                as_of,
                allowance_left=allowance_left,
                pool=wanted.pool,
                billed=billed_by(charge, footing),
            )

        parts = [(at, rated(wanted.until(at))) for at in charge.left_at]
        return with_used_until(rated(wanted), parts, digits=digits, timezone=who.timezone)

    digits = minor_digits(boundary.plan.currency)

    conditions: tuple[ConditionLine, ...] = ()
    if footing is None:
        rated = [rate(place) for place in range(len(boundary.charges))]
    else:
        charges = [charge for charge, _ in boundary.charges]
        rated, conditions = rate_bill(charges, rate, footing, digits=digits)
    invoice = assemble_invoice(
        organization_id=organization_id,
        subscription=boundary.subscription,
        customer=boundary.customer,
        payer=boundary.payer,
        plan=boundary.plan,
        decision=boundary.decision,
        charges=rated,
        as_of=as_of,
        created_at=created_at,
        reckoning=boundary.reckoning,
        conditions=conditions,
    )
    if invoice is None or boundary.collector is None:
        return invoice
    part_of = collective_id(invoice, boundary.collector, organization_id=organization_id)
    return msgspec.structs.replace(invoice, collective_id=part_of)
