"""Count and rate an invoice again from its events, and say what differs."""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.invoicing.assemble import condition_item, line_item
from tallybook.domain.invoicing.billing_run import amount_too_long
from tallybook.domain.invoicing.charges import Charge, RatedCharge, rate_fee, rate_metered
from tallybook.domain.invoicing.footing import Footing
from tallybook.domain.invoicing.invoice import Invoice, LineItem, LineKind, Occasion
from tallybook.domain.invoicing.reckoned import charges_reckoned, plan_versions_of
from tallybook.domain.invoicing.used_until import with_used_until
from tallybook.domain.invoicing.verification import Verification, charge_of, verify
from tallybook.domain.invoicing.whole_bill import billed_by, rate_bill
from tallybook.domain.kernel.money import minor_digits
from tallybook.domain.metering.meter import Meter, Usage, UsageQuery
from tallybook.domain.metering.pooling import pooled
from tallybook.domain.subscriptions.changes import Change
from tallybook.domain.subscriptions.course import Course, course_of, known_by
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.services.load_footings import Redrawing, recall_footing
from tallybook.services.measure_charges import Wanted, measure_charges, wanted_by
from tallybook.services.ports import Records, Wiring
from tallybook.services.read_invoice import found


@dataclass(frozen=True, slots=True)
class Facts:
    """An invoice and what it was drawn up from; `changes` are those that the bill knew of."""

    organization_id: str
    invoice: Invoice
    subscription: Subscription
    changes: tuple[Change, ...]
    plans: Mapping[str, PlanVersion]
    meters: Mapping[str, Meter]
    footing: Footing

    @property
    def plan(self) -> PlanVersion:
        """The plan version that the invoice is named after."""
        return self.plans[self.invoice.plan_version_id]


def verify_invoice(wiring: Wiring, organization_id: str, invoice_id: str) -> Verification:
    """Recompute every line as of the invoice's position, from the stored events and the plan.

    Nothing that was kept is trusted: quantities are counted, prices looked up in the plan version,
    changes folded again, amounts and sums calculated anew. Events that came after the position, and
    changes that were recorded after the bill, do not matter.
    """
    with wiring.books.begin(organization_id) as records:
        facts = load_facts(records, invoice_id)
    return verify(facts.invoice, facts.plan, recompute(wiring, facts))


def recompute(wiring: Wiring, facts: Facts) -> dict[int, LineItem]:
    """Every line by its number, counted as of the invoice's position and rated anew.

    One is missing where the plan version has not its price or the meter is not there. `Invalid`
    where an amount has more digits than are calculated with.
    """
    charges = {
        number: charge
        for number, charge in _charges(facts).items()
        if charge.price.meter is None or _meter(facts, charge, number) is not None
    }
    numbers = list(charges)

    def rate(place: int, allowance_left: Decimal | None) -> RatedCharge:
        number = numbers[place]
        charge = charges[number]
        return _rate(wiring, facts, charge, number, allowance_left)

    digits = minor_digits(facts.invoice.currency)
    try:
        rated, conditions = rate_bill(list(charges.values()), rate, facts.footing, digits=digits)
    except decimal.Inexact:
        raise amount_too_long() from None
    recomputed = {
        number: line_item(number, one, digits) for number, one in zip(numbers, rated, strict=True)
    }
    last = max(_charges(facts), default=0)
    for number, condition in enumerate(conditions, start=last + 1):
        recomputed[number] = condition_item(number, condition, digits)
    return recomputed


def load_facts(records: Records, invoice_id: str, *, redrawing: Redrawing | None = None) -> Facts:
    """All that an invoice was drawn up from, or is to be again; `Missing` where there is none."""
    invoice = found(records, invoice_id)
    subscription = records.subscriptions.by_ids([invoice.subscription_id])[invoice.subscription_id]
    changes: tuple[Change, ...] = ()
    if invoice.reckoning is not None and invoice.reckoning.changes:
        recorded = records.subscriptions.changes_of([subscription.id])
        changes = recorded.get(subscription.id, ())[: invoice.reckoning.changes]
    versions = {invoice.plan_version_id, *plan_versions_of(subscription, changes)}
    ids = {line.proof.meter_id for line in invoice.lines if line.proof is not None}
    plans = records.plans.by_ids(versions)
    return Facts(
        records.organization_id,
        invoice,
        subscription,
        changes,
        plans,
        records.meters.by_ids(ids),
        recall_footing(
            records,
            invoice,
            subscription,
            _course(invoice, subscription, changes),
            plans,
            redrawing=redrawing,
        ),
    )


def _course(
    invoice: Invoice, subscription: Subscription, changes: tuple[Change, ...]
) -> Course | None:
    """What was known of a subscription that is not plain when the bill was drawn up."""
    if invoice.reckoning is None:
        return None
    return course_of(known_by(subscription, invoice.reckoning.changes), changes)


def _charges(facts: Facts) -> dict[int, Charge]:
    """What is owed, by the number of the line that says so; where the plan has it not, none."""
    invoice = facts.invoice
    if invoice.reckoning is None:
        found_again = {
            line.number: charge_of(line, facts.plan, facts.subscription)
            for line in invoice.lines
            if line.kind is LineKind.PRICE
        }
        return {number: charge for number, charge in found_again.items() if charge is not None}
    ended = invoice.period if invoice.occasion is Occasion.PERIOD else None
    course = _course(invoice, facts.subscription, facts.changes)
    assert course is not None, "what is reckoned has a course"
    owed = charges_reckoned(course, facts.plans, invoice.reckoning, ended)
    return dict(enumerate(owed, start=1))


def _meter(facts: Facts, charge: Charge, number: int) -> Meter | None:
    """The meter that a charge's line was counted by; None where it is not there."""
    lines = facts.invoice.lines
    proof = next((line.proof for line in lines if line.number == number), None)
    meter = facts.meters.get(proof.meter_id) if proof is not None else None
    return meter if meter is not None and meter.key == charge.price.meter else None


def _rate(
    wiring: Wiring, facts: Facts, charge: Charge, number: int, allowance_left: Decimal | None
) -> RatedCharge:
    """The charge rated anew."""
    invoice = facts.invoice
    meter = _meter(facts, charge, number)
    if meter is None:
        return rate_fee(charge)
    who = invoice.used_by
    pool = _pool(facts, number)
    wanted = wanted_by(charge.price, meter, who, charge.service_period, pool)

    def rated(of: Wanted) -> RatedCharge:
        return rate_metered(
            charge,
            meter,
            who,
            _usage(wiring, facts, of),
            invoice.as_of,
            allowance_left=allowance_left,
            pool=pool,
            billed=billed_by(charge, facts.footing),
        )

    parts = [(at, rated(wanted.until(at))) for at in charge.left_at]
    digits = minor_digits(invoice.currency)
    return with_used_until(rated(wanted), parts, digits=digits, timezone=who.timezone)


def _usage(wiring: Wiring, facts: Facts, wanted: Wanted) -> list[Usage]:
    """The usage of a charge, or of a part of it, counted anew."""
    if not wanted.split.each_event:
        return _measured(wiring, facts, wanted)
    as_of = facts.invoice.as_of
    return list(measure_charges(wiring, facts.organization_id, [wanted], as_of=as_of).of(wanted))


def _measured(wiring: Wiring, facts: Facts, wanted: Wanted) -> list[Usage]:
    """The usage of a charge, counted anew by a query of its own."""
    invoice, pool, who = facts.invoice, wanted.pool, wanted.of.customer
    query = UsageQuery(
        span=wanted.of.span,
        as_of=invoice.as_of,
        customers=(who,) if pool is None else pool,
        window=wanted.split.window,
        timezone=wanted.split.timezone or "UTC",
        group_by=wanted.split.groups,
    )
    usage = wiring.usage.measure(facts.organization_id, wanted.meter, query)
    return usage if pool is None else pooled(usage, who)


def _pool(facts: Facts, number: int) -> tuple[str, ...] | None:
    """Whose usage a line was counted from, where that is not the customer's own alone."""
    lines = facts.invoice.lines
    proof = next((line.proof for line in lines if line.number == number), None)
    return None if proof is None else proof.pool
