"""Change a subscription, undo a change, and say what a change would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.invoicing.invoice import Invoice
from tallybook.domain.invoicing.reckoned import plan_versions_of
from tallybook.domain.subscriptions.changes import Change, ToPlan, is_undone
from tallybook.domain.subscriptions.changing import decide_change, effective_at, undo
from tallybook.domain.subscriptions.course import Course, course_of, terms_around
from tallybook.domain.subscriptions.orders import (
    ChangeOrder,
    ContractOrder,
    MadeOrder,
    OverrideOrder,
    PlanOrder,
)
from tallybook.domain.subscriptions.subscription import Status
from tallybook.services.bill_change import bill_at_once
from tallybook.services.draw_up_invoices import (
    boundary_at_once,
    draw_up,
    find_boundary,
    load_contracts,
)
from tallybook.services.find_customers import now_for
from tallybook.services.find_plans import sold
from tallybook.services.find_subscriptions import FullSubscription, in_full, subscription_of
from tallybook.services.load_footings import load_footings
from tallybook.services.measure_charges import measure_charges
from tallybook.services.negotiate import carried_over, negotiated
from tallybook.services.ports import Records, Wiring
from tallybook.services.run_experiment import in_arm
from tallybook.services.take_turns import agree_on_limits

_MOST_BOUNDARIES = 25
"""How far a preview looks ahead for the next invoice: past a trial, a pause, an opening."""


class FullChange(msgspec.Struct, frozen=True):
    """A change, whether it is undone, and the plan version that it goes to, if it does."""

    change: Change
    is_undone: bool
    version: PlanVersion | None


class Changed(msgspec.Struct, frozen=True):
    """A subscription after a change, every fact that was recorded for it, and the invoices that
    were drawn up for it at once."""

    full: FullSubscription
    changes: list[FullChange]
    invoices: list[Invoice] = []


class ChangePreview(msgspec.Struct, frozen=True):
    """The next invoice as it would be with a change, and as it will be without.

    Usage is that of now, and goes on. None where no invoice is to come.
    """

    changed: Invoice | None
    unchanged: Invoice | None


def change_subscription(
    wiring: Wiring, organization_id: str, key: str, order: ChangeOrder
) -> Changed:
    """Record a change; the next bill charges and gives back what it makes of the fees, or, where
    that is asked for, one that is drawn up at once. An order with a key is made once."""
    order.check()
    with wiring.books.begin(organization_id) as records:
        _agree_on_limits(records, order)
        course = load_course(records, key, locked=True)
        now = now_for(wiring, records, course.subscription.customer_id)
        made = _made_before(records, course, order)
        if made is not None:
            return _answered_again(records, course, made, now)
        changed = _decided(records, course, order, now)
        full = keep_course(records, course, changed, now)
        invoices = []
        if order.bills_at_once:
            invoices = bill_at_once(wiring, records, changed.subscription, now=now)
            full = in_full(records, subscription_of(records, key), now=now)
        added = changed.changes[len(course.changes) :]
        if order.key:
            numbers = tuple(change.number for change in added)
            kept = MadeOrder(order, numbers, tuple(invoice.id for invoice in invoices))
            records.change_orders.add(course.subscription.id, kept)
        return Changed(full, _in_full(records, changed, added), invoices)


def _agree_on_limits(records: Records, order: ChangeOrder) -> None:
    match order.what:
        case PlanOrder(plan=plan, overrides=overrides):
            agree_on_limits(records, [plan], [overrides])
        case OverrideOrder(overrides=overrides):
            agree_on_limits(records, [], [overrides])
        case ContractOrder(renews_into=plan):
            agree_on_limits(records, [plan])


def undo_change(wiring: Wiring, organization_id: str, key: str, number: int) -> Changed:
    """Record that a change shall never have been; what was billed for it is given back."""
    with wiring.books.begin(organization_id) as records:
        course = load_course(records, key, locked=True)
        now = now_for(wiring, records, course.subscription.customer_id)
        changed = undo(course, number, now=now, plans=plans_of(records, course))
        return Changed(
            keep_course(records, course, changed, now),
            _in_full(records, changed, changed.changes[-1:]),
        )


def list_changes(wiring: Wiring, organization_id: str, key: str) -> list[FullChange]:
    """Every change of a subscription, in the order of recording."""
    with wiring.books.begin(organization_id) as records:
        course = load_course(records, key)
        return _in_full(records, course, course.changes)


def preview_change(
    wiring: Wiring, organization_id: str, key: str, order: ChangeOrder
) -> ChangePreview:
    """What would be on the next invoice if a change were made. Nothing is recorded."""
    with wiring.books.begin(organization_id) as records:
        course = load_course(records, key)
        now = now_for(wiring, records, course.subscription.customer_id)
        changed = _decided(records, course, order, now, keeps=False)
        at_once = now if order.bills_at_once else None
        return ChangePreview(
            _next_invoice(wiring, records, changed, at_once=at_once),
            _next_invoice(wiring, records, course),
        )


def load_course(records: Records, key: str, *, locked: bool = False) -> Course:
    """The subscription of that key or id with its changes, or a refusal."""
    subscription = subscription_of(records, key, locked=locked)
    changes: tuple[Change, ...] = ()
    if subscription.change_count:
        changes = records.subscriptions.changes_of([subscription.id]).get(subscription.id, ())
    return course_of(subscription, changes)


def keep_course(
    records: Records, before: Course, changed: Course, now: datetime
) -> FullSubscription:
    """Record what was added to a course that is held locked."""
    if changed is not before:
        added = changed.changes[len(before.changes) :]
        records.subscriptions.add_changes(changed.subscription.id, added)
        records.subscriptions.replace_many([changed.subscription])
    return in_full(records, changed.subscription, now=now)


def _made_before(records: Records, course: Course, order: ChangeOrder) -> MadeOrder | None:
    """What was made already of the very order; None of one that is new, or that has no key."""
    if not order.key:
        return None
    made = records.change_orders.by_key(course.subscription.id, order.key)
    if made is not None:
        made.check_same(order)
    return made


def _answered_again(records: Records, course: Course, made: MadeOrder, now: datetime) -> Changed:
    """What was recorded then, and the subscription and the invoices as they are now."""
    drawn_up = [records.invoices.by_id(invoice_id) for invoice_id in made.invoices]
    return Changed(
        in_full(records, course.subscription, now=now),
        _in_full(records, course, [course.changes[number - 1] for number in made.changes]),
        [invoice for invoice in drawn_up if invoice is not None],
    )


def _decided(
    records: Records, course: Course, order: ChangeOrder, now: datetime, *, keeps: bool = True
) -> Course:
    """Without `keeps` nothing is recorded, not even that an arm of an experiment was met."""
    plans = plans_of(records, course)
    at = effective_at(course, order, now=now)
    since = plans[terms_around(course, at).plan_version_id]
    order = in_arm(records, order, course.subscription.customer_id, now=now, keeps=keeps)
    to = _asked_for(records, order, since)
    return decide_change(course, order, at=at, now=now, plans=plans, to=to)


def _asked_for(records: Records, order: ChangeOrder, since: PlanVersion) -> PlanVersion | None:
    """The plan version that an order names, if it names one, for who was to `since`."""
    field = "what/overrides"
    match order.what:
        case PlanOrder(plan=plan, version=number, overrides=overrides):
            to = sold(records, plan, number, currency=since.currency, field="what/plan")
            assert to is not None, "a plan is named"
            return carried_over(records, since, to, overrides, field=field)
        case OverrideOrder(overrides=overrides):
            return negotiated(records, since, overrides, field=field)
        case ContractOrder(renews_into=plan):
            return sold(records, plan, None, currency=since.currency, field="what/renews_into")
    return None


def plans_of(records: Records, course: Course) -> Mapping[str, PlanVersion]:
    """Every plan version that a course names, by id."""
    return records.plans.by_ids(plan_versions_of(course.subscription, course.changes))


def _next_invoice(
    wiring: Wiring, records: Records, course: Course, *, at_once: datetime | None = None
) -> Invoice | None:
    """The invoice of the next boundary at which something is charged for.

    `at_once` is the time that it is, where what changed is billed then.
    """
    subscription = course.subscription
    contracts = load_contracts(
        records, [course.subscription], {course.subscription.id: course.changes}
    )
    for _ in range(_MOST_BOUNDARIES):
        if subscription.status is Status.ENDED:
            break
        period = subscription.period
        due = period.starts if subscription.status is Status.SCHEDULED else period.ends
        boundary = None
        if at_once is not None and at_once < due:
            boundary = boundary_at_once(subscription, contracts)
        boundary = boundary or find_boundary(subscription, contracts, until=due)
        if boundary is None:
            break
        as_of = wiring.event_log.position()
        now = now_for(wiring, records, subscription.customer_id)
        invoice = draw_up(
            boundary,
            measure_charges(wiring, records.organization_id, boundary.wanted, as_of=as_of),
            organization_id=records.organization_id,
            as_of=as_of,
            created_at=now,
            footing=load_footings(records, contracts, [subscription], at=now).of(boundary),
        )
        if invoice is not None:
            return invoice
        subscription = boundary.following
    return None


def _in_full(records: Records, course: Course, changes: Sequence[Change]) -> list[FullChange]:
    named = {change.what.plan_version_id for change in changes if isinstance(change.what, ToPlan)}
    versions = records.plans.by_ids(named) if named else {}
    return [
        FullChange(
            change,
            is_undone(course.changes, change.number),
            versions[change.what.plan_version_id] if isinstance(change.what, ToPlan) else None,
        )
        for change in changes
    ]
