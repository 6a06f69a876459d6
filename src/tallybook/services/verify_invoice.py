"""Count and rate an invoice again from its events, and say what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.invoicing.assemble import line_item
from tallybook.domain.invoicing.charges import Charge, RatedCharge, rate_fee, rate_metered
from tallybook.domain.invoicing.invoice import Invoice, Occasion
from tallybook.domain.invoicing.reckoned import charges_reckoned, plan_versions_of
from tallybook.domain.invoicing.verification import Verification, charge_of, verify
from tallybook.domain.kernel.money import minor_digits
from tallybook.domain.metering.meter import Meter, UsageQuery
from tallybook.domain.subscriptions.changes import Change
from tallybook.domain.subscriptions.course import course_of, known_by
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.services.measure_charges import wanted_by
from tallybook.services.ports import Records, Wiring
from tallybook.services.read_invoice import found


@dataclass(frozen=True, slots=True)
class _Facts:
    """An invoice and what it was drawn up from; `changes` are those that the bill knew of."""

    invoice: Invoice
    subscription: Subscription
    changes: tuple[Change, ...]
    plans: Mapping[str, PlanVersion]
    meters: Mapping[str, Meter]

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
        facts = _load(records, invoice_id)
    recomputed = {}
    for number, charge in _charges(facts).items():
        rated = _rate(wiring, organization_id, facts, charge, number)
        if rated is not None:
            digits = minor_digits(facts.invoice.currency)
            recomputed[number] = line_item(number, rated, digits)
    return verify(facts.invoice, facts.plan, recomputed)


def _load(records: Records, invoice_id: str) -> _Facts:
    invoice = found(records, invoice_id)
    subscription = records.subscriptions.by_ids([invoice.subscription_id])[invoice.subscription_id]
    changes: tuple[Change, ...] = ()
    if invoice.reckoning is not None and invoice.reckoning.changes:
        recorded = records.subscriptions.changes_of([subscription.id])
        changes = recorded.get(subscription.id, ())[: invoice.reckoning.changes]
    versions = {invoice.plan_version_id, *plan_versions_of(subscription, changes)}
    ids = {line.proof.meter_id for line in invoice.lines if line.proof is not None}
    meters = [meter for meter_id in ids if (meter := records.meters.by_id(meter_id)) is not None]
    return _Facts(
        invoice,
        subscription,
        changes,
        records.plans.by_ids(versions),
        {meter.id: meter for meter in meters},
    )


def _charges(facts: _Facts) -> dict[int, Charge]:
    """What is owed, by the number of the line that says so; where the plan has it not, none."""
    invoice = facts.invoice
    if invoice.reckoning is None:
        found_again = {
            line.number: charge_of(line, facts.plan, facts.subscription) for line in invoice.lines
        }
        return {number: charge for number, charge in found_again.items() if charge is not None}
    known = known_by(facts.subscription, invoice.reckoning.changes)
    ended = invoice.period if invoice.occasion is Occasion.PERIOD else None
    course = course_of(known, facts.changes)
    owed = charges_reckoned(course, facts.plans, invoice.reckoning, ended)
    return dict(enumerate(owed, start=1))


def _rate(
    wiring: Wiring, organization_id: str, facts: _Facts, charge: Charge, number: int
) -> RatedCharge | None:
    """The charge rated anew; None where the meter that its line was counted by is not there."""
    invoice = facts.invoice
    if charge.price.meter is None:
        return rate_fee(charge)
    proof = next((line.proof for line in invoice.lines if line.number == number), None)
    meter = facts.meters.get(proof.meter_id) if proof is not None else None
    if meter is None or meter.key != charge.price.meter:
        return None
    wanted = wanted_by(charge.price, meter, invoice.billed_to, charge.service_period)
    query = UsageQuery(
        span=charge.service_period,
        as_of=invoice.as_of,
        customers=(invoice.billed_to.key,),
        window=wanted.split.window,
        timezone=wanted.split.timezone or "UTC",
        group_by=wanted.split.groups,
    )
    usage = wiring.usage.measure(organization_id, meter, query)
    return rate_metered(charge, meter, invoice.billed_to, usage, invoice.as_of)
