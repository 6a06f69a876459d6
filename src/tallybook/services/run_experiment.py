"""Sell a plan in several arms: begun, met by customers, weighed anew, ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tallybook.domain.catalog.experiment import (
    Arm,
    Experiment,
    ExperimentOrder,
    Exposure,
    Progress,
    assigned,
    by_precedence,
    changed,
    ended,
)
from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.customers.customer import Customer
from tallybook.domain.kernel.errors import Conflicting, Missing, Refusal
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.subscriptions.orders import ChangeOrder, PlanOrder
from tallybook.services.find_plans import version_of, version_to_sell
from tallybook.services.ports import Records, Wiring


class FullExperiment(msgspec.Struct, frozen=True):
    """An experiment, and how many customers met each arm, by its key."""

    experiment: Experiment
    exposed: Mapping[str, int]


class Met(msgspec.Struct, frozen=True):
    """The arm that a customer gets. `exposed_at` is None where nothing is recorded."""

    experiment: Experiment
    arm: Arm
    exposed_at: datetime | None


def put_experiment(
    wiring: Wiring, organization_id: str, key: str, order: ExperimentOrder
) -> FullExperiment:
    """Begin an experiment on a plan; or change its name, its weights, and add arms.

    A plan has one that runs. Arms are versions that are sold; what an arm sells never changes.
    """
    wanted = Experiment(
        key=key,
        name=order.name,
        plan=order.plan,
        arms=order.arms,
        started_at=wiring.now_of(organization_id),
    )
    wanted.check()
    with wiring.books.begin(organization_id) as records:
        records.plans.lock(order.plan)
        for index, arm in enumerate(order.arms):
            try:
                version_to_sell(records, order.plan, arm.version)
            except Refusal as refusal:
                raise type(refusal)(
                    refusal.code, refusal.message, field=f"arms/{index}/version", mend=refusal.mend
                ) from None
        kept = records.experiments.by_key(key, locked=True)
        if kept is None:
            _check_alone(records, wanted)
        else:
            wanted = changed(kept, wanted)
        records.experiments.put(wanted)
        return _in_full(records, wanted)


def end_experiment(
    wiring: Wiring,
    organization_id: str,
    key: str,
    *,
    winner: str = "",
    retires_others: bool = False,
) -> FullExperiment:
    """End it: who has met no arm gets the plan's latest version that is sold, as without it.

    Who has met one keeps it. With `retires_others` the versions of the arms that did not win are
    retired, so that nobody new gets them.
    """
    now = wiring.now_of(organization_id)
    with wiring.books.begin(organization_id) as records:
        kept = experiment_of(records, key, locked=True)
        after = ended(kept, winner=winner, now=now)
        records.experiments.put(after)
        if retires_others and winner:
            records.plans.lock(after.plan)
            best = after.arm(winner)
            for arm in after.arms:
                version = version_of(records, after.plan, arm.version)
                is_best = best is not None and arm.version == best.version
                if not is_best and version.retired_at is None:
                    records.plans.retire(version.id, now)
        return _in_full(records, after)


def meet_experiment(wiring: Wiring, organization_id: str, key: str, customer_key: str) -> Met:
    """The arm of a customer, who need not be there yet: recorded the first time, kept for life.

    Once the experiment has ended, who has met no arm gets the winner's, and nothing is recorded;
    `Conflicting` where there is none.
    """
    checked_key(customer_key, field="customer", may_have_slash=True)
    with wiring.books.begin(organization_id) as records:
        experiment = experiment_of(records, key)
        met = _met(records, experiment, customer_key, now=wiring.now_of(organization_id))
        winner = experiment.arm(experiment.winner)
        if met is None and winner is not None:
            met = Met(experiment, winner, None)
    if met is None:
        raise Conflicting(
            "experiment_ended",
            f"Experiment {key!r} has ended without a winner, and {customer_key!r} met no arm.",
            mend="Sell the plan as it is.",
        )
    return met


def version_for(
    records: Records, plan_key: str, number: int | None, customer: Customer, *, now: datetime
) -> PlanVersion:
    """The version that a new subscription of a customer is to, with the customer's amounts.

    The one named; else that of the arm which the customer met, or meets by this; else the latest
    that is sold. Who is pinned to an arm gets its version also when it is retired.
    """
    met = None if number is not None else _arm_on(records, plan_key, customer.key, now=now)
    if met is not None:
        return version_of(records, plan_key, met.arm.version).priced_in(customer.currency)
    return version_to_sell(records, plan_key, number, currency=customer.currency)


def in_arm(
    records: Records, order: ChangeOrder, customer_id: str, *, now: datetime, keeps: bool
) -> ChangeOrder:
    """The order; one to a plan in an experiment that names no version, to that of the arm.

    Without `keeps` it is not recorded that the customer met it.
    """
    what = order.what
    if not isinstance(what, PlanOrder) or what.version is not None:
        return order
    customer = records.customers.by_ids([customer_id])[customer_id]
    met = _arm_on(records, what.plan, customer.key, now=now, keeps=keeps)
    if met is None:
        return order
    named = msgspec.structs.replace(what, version=met.arm.version)
    return msgspec.structs.replace(order, what=named)


def _arm_on(
    records: Records, plan_key: str, customer: str, *, now: datetime, keeps: bool = True
) -> Met | None:
    """The arm of a customer in the experiments on a plan, if there is one."""
    for experiment in by_precedence(records.experiments.on_plan(plan_key)):
        met = _met(records, experiment, customer, now=now, keeps=keeps)
        if met is not None:
            return met
    return None


def find_experiment(wiring: Wiring, organization_id: str, key: str) -> FullExperiment:
    """The experiment of that key."""
    with wiring.books.begin(organization_id) as records:
        return _in_full(records, experiment_of(records, key))


def list_experiments(
    wiring: Wiring, organization_id: str, *, after: str, limit: int
) -> list[FullExperiment]:
    """Experiments in key order, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        page = records.experiments.page(after=after, limit=limit)
        counts = records.experiments.counts([each.key for each in page])
        return [_counted(each, counts) for each in page]


def list_exposures(
    wiring: Wiring, organization_id: str, key: str, *, after: str, limit: int
) -> list[Exposure]:
    """Who met an experiment, in order of customer key, those after `after`."""
    with wiring.books.begin(organization_id) as records:
        experiment_of(records, key)
        return records.experiments.exposures(key, after=after, limit=limit)


def experiment_of(records: Records, key: str, *, locked: bool = False) -> Experiment:
    """The experiment of that key, or a refusal."""
    experiment = records.experiments.by_key(key, locked=locked)
    if experiment is None:
        raise Missing(
            "unknown_experiment",
            f"There is no experiment {key[:140]!r}.",
            mend="Make it by PUT /v1/experiments/{key}, or name one that GET lists.",
        )
    return experiment


def _met(
    records: Records, experiment: Experiment, customer: str, *, now: datetime, keeps: bool = True
) -> Met | None:
    """The arm that a customer met or, while the experiment runs, meets now."""
    exposure = records.experiments.exposure(experiment.key, customer)
    if exposure is None:
        if experiment.progress is Progress.ENDED:
            return None
        arm = assigned(experiment.key, experiment.arms, customer)
        if not keeps:
            return Met(experiment, arm, None)
        exposure = records.experiments.expose(
            Exposure(experiment=experiment.key, customer=customer, arm=arm.key, exposed_at=now)
        )
    kept = experiment.arm(exposure.arm)
    assert kept is not None, "arms stay"
    return Met(experiment, kept, exposure.exposed_at)


def _check_alone(records: Records, wanted: Experiment) -> None:
    for other in records.experiments.on_plan(wanted.plan):
        if other.progress is Progress.RUNNING:
            raise Conflicting(
                "plan_in_experiment",
                f"Experiment {other.key!r} runs on plan {wanted.plan!r} already.",
                field="plan",
                mend="End that one first.",
            )


def _in_full(records: Records, experiment: Experiment) -> FullExperiment:
    return _counted(experiment, records.experiments.counts([experiment.key]))


def _counted(experiment: Experiment, counts: Mapping[tuple[str, str], int]) -> FullExperiment:
    return FullExperiment(
        experiment, {arm.key: counts.get((experiment.key, arm.key), 0) for arm in experiment.arms}
    )
