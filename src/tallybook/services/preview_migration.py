"""What a migration would do to each customer: a period's usage at the prices of both versions."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.price import Price, Timing
from tallybook.domain.invoicing.charges import (
    Charge,
    RatedCharge,
    rate_fee,
    rate_metered,
    supposed_charge,
)
from tallybook.domain.invoicing.footing import Footing
from tallybook.domain.invoicing.whole_bill import rate_bill
from tallybook.domain.kernel.errors import Refusal
from tallybook.domain.kernel.instants import Span, zone
from tallybook.domain.kernel.money import Money, minor_digits, to_minor_units
from tallybook.domain.metering.meter import Meter
from tallybook.domain.metering.windows import named_period
from tallybook.domain.subscriptions.add_ons import fees_met
from tallybook.domain.subscriptions.migrating import moved
from tallybook.domain.subscriptions.migration import MigrationOrder
from tallybook.domain.subscriptions.timeline import quantities_met
from tallybook.services.draw_up_invoices import load_contracts
from tallybook.services.measure_charges import UsageSheet, Wanted, measure_charges, wanted_by
from tallybook.services.ports import Records, Wiring
from tallybook.services.preview_price import last_month
from tallybook.services.select_subscribers import (
    Selection,
    Subscriber,
    selection_of,
    subscribers_in_chunks,
    version_gone_to,
)
from tallybook.services.suppose_bills import SupposedBills


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What one subscriber would pay for the period: now, and after the migration."""

    subscription_key: str
    customer_key: str
    from_version: int
    before: Money
    after: Money

    @property
    def difference_minor(self) -> int:
        """How much more in minor units; less, below zero."""
        return self.after.minor - self.before.minor


class Skipped(msgspec.Struct, frozen=True):
    """A subscriber who could not be moved, and why."""

    subscription_key: str
    reason: str


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """The effects in one currency together: how many pay more, less, the same, and how much."""

    currency: str
    more: int
    less: int
    same: int
    before: Money
    after: Money


class MigrationPreview(msgspec.Struct, frozen=True, kw_only=True):
    """The sums over everyone, and those whom it touches most, in minor units either way."""

    target: PlanVersion
    period: str
    as_of: int
    sums: tuple[Sum, ...]
    effects: tuple[Effect, ...]
    skipped: tuple[Skipped, ...]
    skipped_count: int


def preview_migration(
    wiring: Wiring, organization_id: str, order: MigrationOrder, *, period: str = "", limit: int
) -> MigrationPreview:
    """Rate what everyone used in `period` under both versions. Nothing is recorded.

    The period is a named one, such as 2026-03, by each customer's own calendar; without one it is
    the last whole month. Fees are those of one whole period of the plan, in the quantities of now;
    what is owed once is left out. Usage is measured once a meter and chunk, for both versions, and
    pooled as it is billed. Conditions and coupons act as on a bill for the period.
    """
    order = order.checked()
    as_of = wiring.event_log.position()
    period = period or last_month(wiring.now_of(organization_id), zone("UTC"))
    sums: dict[str, Counter[str]] = {}
    effects: list[Effect] = []
    skipped: list[Skipped] = []
    skipped_count = 0
    with wiring.books.begin(organization_id) as records:
        selection = selection_of(records, order)
        for chunk in subscribers_in_chunks(wiring, records, selection):
            movable, stuck = _parted(records, selection, chunk)
            found, unmeasured = _effects(wiring, records, movable, period=period, as_of=as_of)
            stuck += unmeasured
            skipped_count += len(stuck)
            skipped += stuck[: limit - len(skipped)]
            for effect in found:
                _add(sums.setdefault(effect.before.currency, Counter()), effect)
            effects = heapq.nsmallest(limit, [*effects, *found], key=_rank)
    return MigrationPreview(
        target=selection.target,
        period=period,
        as_of=as_of,
        sums=tuple(_summed(currency, sums[currency]) for currency in sorted(sums)),
        effects=tuple(effects),
        skipped=tuple(skipped),
        skipped_count=skipped_count,
    )


Movable = tuple[Subscriber, PlanVersion]
"""A subscriber, and the version that it would be moved to."""


def _parted(
    records: Records, selection: Selection, chunk: Sequence[Subscriber]
) -> tuple[list[Movable], list[Skipped]]:
    movable: list[Movable] = []
    stuck: list[Skipped] = []
    for one in chunk:
        try:
            to = version_gone_to(records, one, selection.target)
            moved(one.course, selection.order, to, plans=one.plans, now=one.now)
        except Refusal as refusal:
            stuck.append(_skipped(one, refusal))
        else:
            movable.append((one, to))
    return movable, stuck


def _skipped(one: Subscriber, refusal: Refusal) -> Skipped:
    return Skipped(one.course.subscription.key, f"{refusal.code}: {refusal.message}")


class _Rated(msgspec.Struct, frozen=True):
    """A subscriber at the prices of a version: the charges, and the usage that each wants.

    `footing` is what its conditions go by, where any act.
    """

    version: PlanVersion
    footing: Footing | None
    charges: tuple[tuple[Charge, Wanted | None], ...]


def _effects(
    wiring: Wiring,
    records: Records,
    chunk: Sequence[Movable],
    *,
    period: str,
    as_of: int,
) -> tuple[list[Effect], list[Skipped]]:
    """What each pays under both versions; and whose usage cannot be measured under one of them."""
    pairs: list[tuple[Subscriber, _Rated, _Rated]] = []
    stuck: list[Skipped] = []
    versions = {version.id: version for one, to in chunk for version in (one.version, to)}
    meters = records.meters.by_keys(
        {key for version in versions.values() for key in version.meters}
    )
    contracts = load_contracts(records, [one.course.subscription for one, _ in chunk])
    spans = [named_period(period, zone(one.customer.timezone)) for one, _ in chunk]
    bills = SupposedBills()
    bills.load(records, [(*each, span) for each, span in zip(chunk, spans, strict=True)])
    for (one, target), span in zip(chunk, spans, strict=True):
        pool = contracts.pool_of(one.customer)
        rate = partial(_charged, one, span=span, meters=meters, pool=pool, bills=bills)
        try:
            before = rate(one.version, one.terms.quantities)
            pairs.append((one, before, rate(target, _quantities(one, target))))
        except Refusal as refusal:
            stuck.append(_skipped(one, refusal))
    wanted = (
        use for _, *both in pairs for rated in both for _, use in rated.charges if use is not None
    )
    sheet = measure_charges(wiring, records.organization_id, wanted, as_of=as_of)
    effects = [
        Effect(
            subscription_key=one.course.subscription.key,
            customer_key=one.customer.key,
            from_version=one.version.version,
            before=_amount(one, before, sheet, as_of),
            after=_amount(one, after, sheet, as_of),
        )
        for one, before, after in pairs
    ]
    return effects, stuck


def _quantities(one: Subscriber, target: PlanVersion) -> Mapping[str, Decimal]:
    return quantities_met(one.terms.quantities, fees_met(one.version, target))


def _charged(
    one: Subscriber,
    version: PlanVersion,
    quantities: Mapping[str, Decimal],
    *,
    span: Span,
    meters: Mapping[str, Meter],
    pool: tuple[str, ...] | None,
    bills: SupposedBills,
) -> _Rated:
    charges: list[tuple[Charge, Wanted | None]] = []
    for price in version.prices:
        if price.timing is Timing.ONCE:
            continue
        if price.meter is not None:
            wanted = wanted_by(price, meters[price.meter], one.customer, span, pool)
            charge = supposed_charge(price, span, one.customer.timezone)
            charges.append((charge, wanted))
        elif quantity := quantities.get(price.key, Decimal(0 if price.is_optional else 1)):
            charges.append((_fee(price, quantity, span), None))
    return _Rated(version, bills.footing(one, version, span), tuple(charges))


def _fee(price: Price, quantity: Decimal, span: Span) -> Charge:
    return Charge(price=price, service_period=span, quantity=quantity)


def _amount(one: Subscriber, rated: _Rated, sheet: UsageSheet, as_of: int) -> Money:
    """The sum of the lines as they would be printed, those of conditions and coupons among them."""

    def rate(place: int, allowance_left: Decimal | None = None) -> RatedCharge:
        charge, wanted = rated.charges[place]
        if wanted is None:
            return rate_fee(charge)
        usage = sheet.of(wanted)
        meter, who, left = wanted.meter, one.customer, allowance_left
        return rate_metered(charge, meter, who, usage, as_of, allowance_left=left, pool=wanted.pool)

    currency = rated.version.currency
    amounts: list[Decimal] = []
    if rated.footing is not None:
        charges = [charge for charge, _ in rated.charges]
        lines, conditions = rate_bill(charges, rate, rated.footing, digits=minor_digits(currency))
        amounts += [line.rated.amount for line in lines]
        amounts += [condition.rated.amount for condition in conditions]
    else:
        amounts += [rate(place).rated.amount for place in range(len(rated.charges))]
    return sum((to_minor_units(amount, currency) for amount in amounts), Money(0, currency))


def _rank(effect: Effect) -> tuple[int, str]:
    """The largest difference first."""
    return -abs(effect.difference_minor), effect.subscription_key


def _add(sums: Counter[str], effect: Effect) -> None:
    difference = effect.difference_minor
    sums["more" if difference > 0 else "less" if difference else "same"] += 1
    sums["before"] += effect.before.minor
    sums["after"] += effect.after.minor


def _summed(currency: str, sums: Counter[str]) -> Sum:
    return Sum(
        currency=currency,
        more=sums["more"],
        less=sums["less"],
        same=sums["same"],
        before=Money(sums["before"], currency),
        after=Money(sums["after"], currency),
    )
