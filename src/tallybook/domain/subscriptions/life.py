"""The beginning and the end of a subscription."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.overrides import Overrides, said_otherwise
from tallybook.domain.catalog.owed_anyway import owed_anyway
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.errors import Conflicting, Invalid, Refusal
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.kernel.instants import Span
from tallybook.domain.subscriptions.add_ons import fees_met_for_free
from tallybook.domain.subscriptions.calendar import Alignment, BoundaryTime
from tallybook.domain.subscriptions.changes import EndContract
from tallybook.domain.subscriptions.changing import decide_change
from tallybook.domain.subscriptions.course import Course, course_of
from tallybook.domain.subscriptions.cycle import first_period
from tallybook.domain.subscriptions.orders import ChangeOrder, ContractOrder
from tallybook.domain.subscriptions.phases import (
    MOST_PHASES,
    PhaseOrder,
    charged_from,
    schedule,
)
from tallybook.domain.subscriptions.proration import Counting
from tallybook.domain.subscriptions.recording import checked_time, record_dated
from tallybook.domain.subscriptions.subscription import Status, Subscription
from tallybook.domain.subscriptions.trials import Trial, TrialOrder, after_trial

MOST_COUPONS = 20
"""Coupons that one subscription may begin with."""


class Start(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What is asked of a new subscription. Left out: `version` is the latest, `starts_at` is now,
    `anchor` is the start, each fee is owed once, and there is no end and no trial.

    `quantities` are those of fees, by price key; `counting` is how parts of a period are counted.
    A `contract` binds from the start, or from a trial's end; `phases` say what is different later.
    `overrides` are what this contract says otherwise than the plan. `coupons` are redeemed for this
    subscription, by their codes; if one is refused, nothing begins.
    """

    key: str
    customer: str
    plan: str
    version: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    alignment: Alignment = Alignment.ANNIVERSARY
    boundary_time: BoundaryTime = BoundaryTime.LOCAL_MIDNIGHT
    anchor: datetime | None = None
    quantities: dict[str, Decimal] = {}
    counting: Counting = Counting.BY_DAY
    trial: TrialOrder | None = None
    contract: ContractOrder | None = None
    phases: tuple[PhaseOrder, ...] = ()
    overrides: Overrides | None = None
    coupons: tuple[str, ...] = ()

    def checked(self) -> Start:
        """The same in UTC; refused where it cannot be what was meant."""
        checked_key(self.key)
        asked = msgspec.structs.replace(
            self,
            **{
                name: checked_time(instant, name)
                for name in ("starts_at", "ends_at", "anchor")
                if (instant := getattr(self, name)) is not None
            },
        )
        if len(self.phases) > MOST_PHASES:
            raise Invalid(
                "too_many_phases",
                f"A subscription has at most {MOST_PHASES} phases at its start.",
                field="phases",
                mend="Schedule later ones later.",
            )
        _check_coupons(self.coupons)
        if asked.alignment is Alignment.CALENDAR:
            asked._check_calendar()
        return asked

    def _check_calendar(self) -> None:
        if self.anchor is not None:
            raise Invalid(
                "anchor_on_calendar",
                "Periods on the calendar are counted from no anchor.",
                field="anchor",
                mend="Leave the anchor out, or ask for alignment anniversary.",
            )
        if self.boundary_time is not BoundaryTime.LOCAL_MIDNIGHT:
            raise Invalid(
                "clock_time_on_calendar",
                "Periods on the calendar end at local midnight.",
                field="boundary_time",
                mend="Leave it out, or ask for alignment anniversary.",
            )


def _check_coupons(codes: Sequence[str]) -> None:
    if len(codes) > MOST_COUPONS:
        raise Invalid(
            "too_many_coupons",
            f"A subscription begins with at most {MOST_COUPONS} coupons.",
            field="coupons",
            mend="Redeem others by POST /v1/coupon-redemptions.",
        )
    for place, code in enumerate(codes):
        if code in codes[:place]:
            raise Invalid(
                "coupon_twice",
                f"The coupon {code[:140]!r} is named twice.",
                field=f"coupons/{place}",
                mend="Name it once.",
            )


def begin(
    asked: Start, customer: Customer, version: PlanVersion, *, subscription_id: str, now: datetime
) -> Subscription:
    """The subscription that `asked` describes, scheduled with its first period.

    It may begin in the past or in the future; opening it, however late, is what makes it active.
    The customer's time zone is copied, so that its calendar never moves.
    """
    if version.currency != customer.currency:
        raise Invalid(
            "currency_mismatch",
            f"Plan {version.plan_key!r} is not sold in {customer.currency}, which customer "
            f"{customer.key!r} is billed in.",
            field="plan",
            mend=f"Name a plan in {customer.currency}.",
        )
    starts_at = asked.starts_at or now
    if asked.ends_at is not None and asked.ends_at <= starts_at:
        raise Invalid(
            "ends_before_it_starts",
            f"The end {asked.ends_at.isoformat()} is not after the start {starts_at.isoformat()}.",
            field="ends_at",
            mend="Send a later end, or none.",
        )
    scheduled = Subscription(
        id=subscription_id,
        key=asked.key,
        customer_id=customer.id,
        plan_version_id=version.id,
        interval=version.interval,
        interval_count=version.interval_count,
        alignment=asked.alignment,
        boundary_time=asked.boundary_time,
        anchor=asked.anchor or starts_at,
        quantities=dict(sorted(asked.quantities.items())),
        counting=asked.counting,
        timezone=customer.timezone,
        status=Status.SCHEDULED,
        starts_at=starts_at,
        ends_at=asked.ends_at,
        period=Span(starts_at, starts_at),
        created_at=now,
    )
    return msgspec.structs.replace(scheduled, period=first_period(scheduled))


class NamedPlans(msgspec.Struct, frozen=True, kw_only=True):
    """The plan versions that a start names beside its own: what a trial ends in, what a contract
    renews into, where each phase goes."""

    free: PlanVersion | None = None
    renews_into: PlanVersion | None = None
    phases: tuple[PlanVersion | None, ...] = ()

    def all(self, version: PlanVersion) -> dict[str, PlanVersion]:
        """Those, and the subscription's own, by id."""
        named = (version, self.free, self.renews_into, *self.phases)
        return {each.id: each for each in named if each is not None}


def agreed(
    subscription: Subscription,
    asked: Start,
    version: PlanVersion,
    named: NamedPlans,
    *,
    now: datetime,
) -> Course:
    """The subscription with what its start decides already: how a trial ends, a contract, what is
    different in later phases, and an end."""
    trial = asked.trial
    on_trial = msgspec.structs.replace(
        subscription,
        is_trial=trial is not None,
        trial_watch=None if trial is None else trial.watch,
    )
    course = course_of(on_trial, ())
    if named.free is not None:
        _check_free(named.free, version)
    if trial is not None:
        until = trial.until(subscription.starts_at, subscription.timezone)
        ends = Trial(
            ends_at=checked_time(until, "trial/ends_at"),
            then=trial.then,
            free_plan_version_id=None if named.free is None else named.free.id,
            free_plan_fees={} if named.free is None else fees_met_for_free(version, named.free),
        )
        dated = after_trial(ends, subscription.cycle, starts_at=subscription.starts_at)
        course = record_dated(course, dated, now=now)
    plans = named.all(version)
    if asked.contract is not None:
        order = ChangeOrder(what=asked.contract)
        at = charged_from(course)
        try:
            course = decide_change(course, order, at=at, now=now, plans=plans, to=named.renews_into)
        except Refusal as refusal:
            refusal.field = refusal.field.removeprefix("what/")
            raise refusal.at("contract") from None
    course = schedule(course, asked.phases, now=now, plans=plans, to=named.phases)
    if subscription.ends_at is not None:
        course = record_dated(course, [(subscription.ends_at, EndContract())], now=now)
    return course


def _check_free(free: PlanVersion, version: PlanVersion) -> None:
    same = ("currency", "interval", "interval_count")
    differs = [name for name in same if getattr(free, name) != getattr(version, name)]
    if differs:
        raise Invalid(
            "free_plan_differs",
            f"Plan {free.plan_key!r} has another {', '.join(differs)} than {version.plan_key!r}.",
            field="trial/free_plan",
            mend="Name a plan with the same currency and interval.",
        )
    if free.plan_key == version.plan_key:
        raise Invalid(
            "free_plan_is_tried",
            f"Plan {free.plan_key!r} is the one that is tried, so that its trial would never end.",
            field="trial/free_plan",
            mend="Name another plan, or send then: paid.",
        )
    owed = owed_anyway(free)
    if owed is not None:
        raise Invalid(
            "free_plan_not_free",
            f"Plan {free.plan_key!r} is not free: {owed!r} is owed without any usage.",
            field="trial/free_plan",
            mend="Name a plan in which nothing is; or send then: paid, and a phase for that plan.",
        )


def refuse_another(
    kept: Subscription, asked: Start, customer: Customer | None, version: PlanVersion
) -> None:
    """Refuse to start a subscription that exists and was asked for otherwise.

    `version` is that of the one kept. What `asked` leaves out does not differ: whoever retries
    meets what was started, also after a new version of the plan or a decided end.
    """
    compared = {
        "customer": (customer is not None and customer.id == kept.customer_id, asked.customer),
        "plan": (version.plan_key == asked.plan, asked.plan),
        "version": (asked.version in {None, version.version}, asked.version),
        "starts_at": (asked.starts_at in {None, kept.starts_at}, asked.starts_at),
        "ends_at": (asked.ends_at in {None, kept.ends_at}, asked.ends_at),
        "alignment": (asked.alignment is kept.alignment, asked.alignment),
        "boundary_time": (asked.boundary_time is kept.boundary_time, asked.boundary_time),
        "anchor": (asked.anchor in {None, kept.anchor}, asked.anchor),
        "quantities": (asked.quantities in ({}, kept.quantities), asked.quantities),
        "counting": (asked.counting is kept.counting, asked.counting),
        "trial": (asked.trial is None or kept.is_trial, asked.trial),
        "contract": (asked.contract is None or kept.change_count > 0, asked.contract),
        "phases": (not asked.phases or kept.change_count > 0, asked.phases),
        "overrides": (asked.overrides in (None, said_otherwise(version)), asked.overrides),
    }
    differs = [field for field, (is_same, _) in compared.items() if not is_same]
    if differs:
        raise Conflicting(
            "subscription_differs",
            f"There is a subscription {kept.key!r} already, with another {', '.join(differs)}.",
            field=differs[0],
            mend="Choose another key, or change that subscription.",
        )
