"""What the next bills of subscriptions would go by, were a period billed by one version or another.

Nothing is held or recorded: it is for previews. Rules: docs/semantics/plans.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tallybook.domain.catalog.coupon import KeptCoupon, Redemption
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.catalog.redeeming import is_in_force
from tallybook.domain.catalog.spending import Per
from tallybook.domain.invoicing.footing import (
    CouponUse,
    EarlierLine,
    EarlierWanted,
    Footing,
    HeldCoupon,
    held_at,
    held_coupons,
)
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.timeline import FOREVER
from tallybook.services.ports import Records
from tallybook.services.select_subscribers import Subscriber


class SupposedBills:
    """What was billed to some subscribers before a period, and the coupons that they have left."""

    def __init__(self) -> None:
        self._earlier: Mapping[str, Sequence[EarlierLine]] = {}
        self._redemptions: dict[str, list[Redemption]] = {}
        self._coupons: Mapping[str, KeptCoupon] = {}
        self._uses: Mapping[str, Sequence[CouponUse]] = {}

    def load(
        self, records: Records, subscribers: Sequence[tuple[Subscriber, PlanVersion, Span]]
    ) -> None:
        """Read it by a query a kind: for each its subscriber, the version gone to, the period."""
        wanted = [
            _wanted(one, (one.version, target), span)
            for one, target, span in subscribers
            if one.version.has_conditions or target.has_conditions
        ]
        self._earlier = records.earlier_lines.of(wanted)
        customers = {one.customer.id: one.now for one, _, _ in subscribers}
        for each in records.coupons.of_customers(customers):
            if is_in_force(each, now=customers[each.customer_id]):
                self._redemptions.setdefault(each.customer_id, []).append(each)
        acting = [each for held in self._redemptions.values() for each in held]
        if acting:
            self._coupons = records.coupons.by_ids({each.coupon_id for each in acting})
            self._uses = records.coupons.uses([each.id for each in acting])

    def footing(self, one: Subscriber, version: PlanVersion, span: Span) -> Footing | None:
        """What the conditions of a bill for `span` would go by; None where nothing acts on it.

        `span` stands for a whole period of the version, whatever its length. It is one that goes
        on: a ramp is at its stage, what was billed before in the year or in all counts, units that
        were kept are there. Pauses and trials before it count as they were, none in it.
        """
        coupons = self._held(one, version)
        if not version.has_conditions and not coupons:
            return None
        subscription = one.course.subscription
        held = held_at(subscription, one.course, span)
        before = (
            Span(each.starts, min(each.ends, span.starts))
            for each in held.charged
            if each.starts < span.starts
        )
        return Footing(
            plan=version,
            cycle=msgspec.structs.replace(
                held.cycle, interval=version.interval, count=version.interval_count
            ),
            years=held.years,
            starts_at=min(subscription.starts_at, span.starts),
            ended=span,
            service_period=span,
            charged=(*before, Span(span.starts, FOREVER)),
            earlier=[
                each
                for each in self._earlier.get(subscription.id, ())
                if each.of_another or each.counts_from < span.starts
            ],
            coupons=coupons,
            is_whole_period=True,
        )

    def _held(self, one: Subscriber, version: PlanVersion) -> tuple[HeldCoupon, ...]:
        redeemed = self._redemptions.get(one.customer.id, ())
        ours = {None, one.course.subscription.id}
        acting = (each for each in redeemed if each.subscription_id in ours)
        return held_coupons(acting, self._coupons, self._uses, currency=version.currency)


def _wanted(one: Subscriber, versions: Sequence[PlanVersion], span: Span) -> EarlierWanted:
    """The lines of bills before the one for `span`, as far back as either version counts."""
    pers = {per for version in versions for per in version.counted_per}
    subscription = one.course.subscription
    since = span.starts if pers <= {Per.PERIOD} else min(subscription.starts_at, span.starts)
    return EarlierWanted(
        subscription.id,
        since,
        before=(span.starts, 0),
        keeps_units=any(version.keeps_units for version in versions),
        of_customer=any(version.counts_customer for version in versions),
    )
