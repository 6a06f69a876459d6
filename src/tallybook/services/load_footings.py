"""Load what the conditions of bills go by, by a query a kind for many subscriptions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

import msgspec

from tallybook.domain.catalog.coupon import Frequency, KeptCoupon, Redemption
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.spending import Per
from tallybook.domain.invoicing.assemble import occasion_of
from tallybook.domain.invoicing.discounts_back import TAKEN_BACK, PrintedLine, printed_on
from tallybook.domain.invoicing.footing import (
    CouponUse,
    EarlierLine,
    EarlierWanted,
    Footing,
    HeldCoupon,
    earlier_lines_of,
    held_at,
    held_coupons,
    looks_back,
    next_use,
    place_of,
    use_number,
    yearly,
)
from tallybook.domain.invoicing.invoice import Invoice, LineKind, Occasion
from tallybook.domain.invoicing.reckoned import plan_versions_of
from tallybook.domain.kernel.errors import Conflicting
from tallybook.domain.subscriptions.calendar import period_containing
from tallybook.domain.subscriptions.course import Course, course_of
from tallybook.domain.subscriptions.cycle import End, Open
from tallybook.domain.subscriptions.subscription import Subscription
from tallybook.services.draw_up_invoices import Boundary, Contracts
from tallybook.services.ports import Records


@dataclass(frozen=True, slots=True)
class Redrawing:
    """The bills that one transaction draws up again, by id: all of them, and those still to be."""

    together: frozenset[str]
    pending: frozenset[str]


class Footings:
    """What the conditions of some subscriptions' bills go by, kept up as bills are drawn up."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._earlier: dict[str, list[EarlierLine]] = {}
        self._customers: dict[str, str] = {}
        self._counting: dict[str, list[str]] = defaultdict(list)
        """Of customers whose subscriptions are counted together, those that count them."""
        self._redemptions: dict[str, list[Redemption]] = {}
        self._coupons: Mapping[str, KeptCoupon] = {}
        self._uses: dict[str, list[CouponUse]] = defaultdict(list)
        self._printed: dict[str, list[list[PrintedLine]]] = {}
        """Of subscriptions that may give back what was charged before: bill after bill."""
        self._usage_of: dict[str, tuple[str, ...]] = {}
        """By plan version, the prices that may give back what was billed for usage."""

    def load(self, records: Records, subscriptions: Sequence[Subscription]) -> None:
        """Read the lines printed before for those whose plans have conditions."""
        found = list(_with_conditions(self._contracts, subscriptions))
        if not found:
            return
        wanted = [
            EarlierWanted(
                each.id,
                _since(each, plans, each.period.starts),
                keeps_units=any(plan.keeps_units for plan in plans),
                of_customer=any(plan.counts_customer for plan in plans),
                is_changed=bool(each.change_count),
            )
            for each, plans in found
        ]
        lines = records.earlier_lines.of(wanted)
        self._earlier = {each.id: list(lines.get(each.id, ())) for each, _ in found}
        counting = {one.subscription_id for one in wanted if one.of_customer}
        if counting:
            self._customers = {each.id: each.customer_id for each in subscriptions}
            for each, _ in found:
                if each.id in counting:
                    self._counting[each.customer_id].append(each.id)

    def load_coupons(
        self,
        records: Records,
        subscriptions: Iterable[Subscription],
        *,
        at: datetime,
        locked: bool,
    ) -> None:
        """Read what the customers have redeemed before `at`, and hold it if `locked`.

        Of subscriptions that were changed also their fees, with what coupons took off them, also
        such as do not act any more: it is taken back with what is given back.
        """
        customers = self._contracts.customers
        redeemed = records.coupons.of_customers(customers, locked=locked)
        if redeemed:
            self._uses.update(records.coupons.uses([each.id for each in redeemed]))
        had = {each.customer_id for each in redeemed if self._uses.get(each.id)}
        self._load_printed(records, subscriptions, had)
        if not redeemed:
            return
        acting = [
            each
            for each in redeemed
            if each.redeemed_at <= at and (each.ended_at is None or at < each.ended_at)
        ]
        if not acting:
            return
        self._coupons = records.coupons.by_ids({each.coupon_id for each in acting})
        for each in acting:
            self._redemptions.setdefault(each.customer_id, []).append(each)

    def _load_printed(
        self, records: Records, subscriptions: Iterable[Subscription], had: Set[str]
    ) -> None:
        """Read what bills charged that later ones may give back: fees of customers who had a
        discount, and usage by prices that look back."""
        plans = self._contracts.plans
        self._usage_of = {
            name: keys for name, plan in plans.items() if (keys := looks_back([plan]))
        }
        wanted = []
        for each in subscriptions:
            keys = self._looks_back(each)
            if keys or (each.customer_id in had and not each.is_plain):
                wanted.append(EarlierWanted(each.id, each.starts_at, usage_of=keys))
        printed = records.earlier_lines.fees(wanted)
        self._printed = {
            one.subscription_id: printed.get(one.subscription_id, []) for one in wanted
        }

    def _looks_back(self, subscription: Subscription) -> tuple[str, ...]:
        """The prices of all its versions that may give back what was billed for usage."""
        if not self._usage_of:
            return ()
        changes = self._contracts.changes.get(subscription.id, ())
        versions = plan_versions_of(subscription, changes)
        return tuple(
            dict.fromkeys(key for name in versions for key in self._usage_of.get(name, ()))
        )

    def of(self, boundary: Boundary) -> Footing | None:
        """What the conditions of this bill go by; None where nothing acts on it."""
        subscription = boundary.subscription
        redeemed = self._redemptions.get(subscription.customer_id, ())
        printed = self._printed.get(subscription.id, ())
        looks_back_ = subscription.id in self._printed and bool(self._looks_back(subscription))
        if not (subscription.id in self._earlier or redeemed or printed or looks_back_):
            return None
        course = None
        if boundary.reckoning is not None:
            changes = self._contracts.changes.get(subscription.id, ())
            course = course_of(subscription, changes)
        held = held_at(subscription, course, boundary.decision)
        plan = self._contracts.plans[held.plan_version_id]
        _, period = occasion_of(subscription, boundary.decision)
        return Footing(
            plan=plan,
            plan_version_id=held.plan_version_id,
            plans=self._contracts.plans,
            cycle=held.cycle,
            years=held.years,
            starts_at=subscription.starts_at,
            ended=None if isinstance(boundary.decision, Open) else subscription.period,
            service_period=period,
            is_last=isinstance(boundary.decision, End),
            charged=held.charged,
            left=held.left,
            earlier=self._earlier.get(subscription.id, ()),
            coupons=held_coupons(
                (each for each in redeemed if each.subscription_id in {None, subscription.id}),
                self._coupons,
                self._uses,
                currency=plan.currency,
            ),
            printed=tuple(printed),
            next_uses={name: next_use(taken) for name, taken in self._uses.items()}
            if printed
            else {},
        )

    def note(self, invoice: Invoice) -> None:
        """Count a bill that was drawn up for those that follow it."""
        if not (self._earlier or self._redemptions or self._printed):
            return
        if invoice.subscription_id in self._printed:
            keys = tuple(key for keys in self._usage_of.values() for key in keys)
            self._printed[invoice.subscription_id].append(printed_on(invoice, keys))
        if invoice.subscription_id in self._earlier:
            self._earlier[invoice.subscription_id] += earlier_lines_of(invoice)
        for counting in self._counting.get(self._customers.get(invoice.subscription_id, ""), ()):
            if counting != invoice.subscription_id:
                self._earlier[counting] += earlier_lines_of(invoice, of_another=True)
        for line in invoice.lines:
            if line.kind is LineKind.COUPON:
                number = use_number(line.working)
                takes = any(step.code != TAKEN_BACK for step in line.working)
                self._uses[line.price_key].append(
                    CouponUse(number, -line.amount_minor, invoice.created_at, takes)
                )


def load_footings(
    records: Records,
    contracts: Contracts,
    subscriptions: Sequence[Subscription],
    *,
    at: datetime,
    locked: bool = False,
) -> Footings:
    """What the conditions of these subscriptions' next bills go by, drawn up at `at`.

    `locked` holds the coupons of their customers until the transaction ends, so that of two runs
    side by side each counts what the other took.
    """
    footings = Footings(contracts)
    footings.load(records, subscriptions)
    footings.load_coupons(records, subscriptions, at=at, locked=locked)
    return footings


def _with_conditions(
    contracts: Contracts, subscriptions: Iterable[Subscription]
) -> Iterator[tuple[Subscription, list[PlanVersion]]]:
    conditional = {name for name, plan in contracts.plans.items() if plan.has_conditions}
    if not conditional:
        return
    for each in subscriptions:
        versions = plan_versions_of(each, contracts.changes.get(each.id, ()))
        if not conditional.isdisjoint(versions):
            yield each, [contracts.plans[name] for name in versions if name in contracts.plans]


def _since(subscription: Subscription, plans: Iterable[PlanVersion], starts: datetime) -> datetime:
    """From when on earlier lines count for the period that starts then, and for later ones."""
    pers = {per for plan in plans for per in plan.counted_per}
    if Per.TOTAL in pers or (Per.YEAR in pers and not subscription.is_plain):
        return subscription.starts_at
    if Per.YEAR not in pers:
        return starts
    return period_containing(yearly(subscription.cycle), starts).starts


def recall_footing(
    records: Records,
    invoice: Invoice,
    subscription: Subscription,
    course: Course | None,
    plans: Mapping[str, PlanVersion],
    *,
    redrawing: Redrawing | None = None,
) -> Footing:
    """What the conditions of a bill went by when it was drawn up, looked up anew.

    `course` is what was known then of a subscription that is not plain. `redrawing` says that it
    is drawn up again.
    """
    is_opening = invoice.occasion is not Occasion.PERIOD
    ended = None if is_opening else invoice.period
    held = held_at(subscription, course, ended or Open(period=invoice.period))
    plan = plans[held.plan_version_id]
    since = _since(subscription, plans.values(), invoice.period.starts)
    wanted = EarlierWanted(
        subscription.id,
        since,
        before=place_of(invoice),
        keeps_units=any(each.keeps_units for each in plans.values()),
        of_customer=plan.counts_customer,
        is_changed=bool(subscription.change_count),
        drawn_up=(invoice.created_at, invoice.boundary),
        turn=invoice.turn,
    )
    has_conditions = any(each.has_conditions for each in plans.values())
    earlier = records.earlier_lines.of([wanted]) if has_conditions else {}
    reckoning = invoice.reckoning
    coupons, next_uses = _recalled_coupons(records, invoice, subscription, redrawing)
    printed: Sequence[Sequence[PrintedLine]] = ()
    usage_of = looks_back(plans.values())
    if usage_of or (next_uses and reckoning is not None):
        fees = EarlierWanted(
            subscription.id, subscription.starts_at, before=place_of(invoice), usage_of=usage_of
        )
        printed = records.earlier_lines.fees([fees]).get(subscription.id, ())
    return Footing(
        plan=plan,
        plan_version_id=held.plan_version_id,
        plans=plans,
        cycle=held.cycle,
        years=held.years,
        starts_at=subscription.starts_at,
        ended=ended,
        service_period=invoice.period,
        is_last=ended is not None and reckoning is not None and reckoning.begun is None,
        charged=held.charged,
        left=held.left,
        earlier=earlier.get(subscription.id, ()),
        coupons=coupons,
        printed=printed,
        next_uses=next_uses,
    )


def _recalled_coupons(
    records: Records, invoice: Invoice, subscription: Subscription, redrawing: Redrawing | None
) -> tuple[tuple[HeldCoupon, ...], dict[str, int]]:
    """The coupons that a bill was drawn up with, each as it was before this bill; and of all that
    were redeemed, by redemption, the number of this bill's line of it.

    Of one that it has no line of, all uses count: the bill may have been redrawn after them. One
    that is drawn up again counts all of them too, but for those that are drawn up again after it,
    and uses what is left next; the customer's coupons are held until the transaction ends.
    """
    at = invoice.created_at
    if redrawing is not None:
        records.coupons.of_customers([subscription.customer_id], locked=True)
    own = {
        line.price_key: use_number(line.working)
        for line in invoice.lines
        if line.kind is LineKind.COUPON
    }
    had = records.coupons.of_customers([subscription.customer_id])
    if not had:
        return (), {}
    redeemed = [
        each
        for each in had
        if each.subscription_id in {None, subscription.id}
        and (each.redeemed_at < at or each.id in own)
        and (each.ended_at is None or at < each.ended_at)
    ]
    coupons = records.coupons.by_ids({each.coupon_id for each in redeemed})
    currency = invoice.currency
    names = [each.id for each in had]
    if redrawing is not None:
        standing = records.coupons.uses(names, without=redrawing.together)
        for each in redeemed:
            _refuse_left_over(coupons[each.coupon_id], own.get(each.id), standing.get(each.id, ()))
        uses = records.coupons.uses(names, without=redrawing.pending)
        held = held_coupons(redeemed, coupons, uses, currency=currency)
        return held, {name: next_use(uses.get(name, ())) for name in names}
    before = {
        name: [use for use in taken if name not in own or use.number < own[name]]
        for name, taken in records.coupons.uses(names).items()
    }
    held = tuple(
        msgspec.structs.replace(each, number=own.get(each.redemption_id, each.number))
        for each in held_coupons(redeemed, coupons, before, currency=currency)
    )
    return held, {name: own.get(name, next_use(before.get(name, ()))) for name in names}


def _refuse_left_over(
    coupon: KeptCoupon, number: int | None, standing: Iterable[CouponUse]
) -> None:
    """Refuse to draw a bill up again where another, which is not, took what this one had left of an
    amount: what that took would be wrong then."""
    offer = coupon.offer
    is_left_over = offer.amount is not None and offer.frequency is Frequency.ONCE
    if is_left_over and number is not None and any(use.number > number for use in standing):
        raise Conflicting(
            "coupon_used_later",
            f"What it left of the coupon {offer.key!r} was taken off another invoice since.",
            field="invoice_id",
            mend="Finalize it as it is: events that came late are then restated.",
        )
