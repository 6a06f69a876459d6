"""Experiments: a plan sold in several arms, each customer in one of them for life."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get, post, put
from litestar.params import JSONBody, PathParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.security import requires
from tallybook.domain.catalog.experiment import ExperimentOrder, Exposure, Progress
from tallybook.domain.customers.organization import Scope
from tallybook.services.ports import Wiring
from tallybook.services.run_experiment import (
    FullExperiment,
    Met,
    end_experiment,
    find_experiment,
    list_experiments,
    list_exposures,
    meet_experiment,
    put_experiment,
)

ExperimentKey = Annotated[str, PathParameter(description="The experiment's key.")]


class ArmAnswer(msgspec.Struct, frozen=True):
    """An arm: the version it sells, its weight, and how many customers met it."""

    key: str
    version: int
    weight: int
    exposed: int


class ExperimentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment on a plan, and who met what."""

    key: str
    name: str
    plan: str
    progress: Progress
    winner: str
    arms: list[ArmAnswer]
    started_at: datetime
    ended_at: datetime | None


class MeetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The customer's key. The customer need not be there yet."""

    customer: str


class MetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The arm of a customer, and the version it sells. A null `exposed_at`: nothing is recorded."""

    experiment: str
    customer: str
    arm: str
    plan: str
    version: int
    exposed_at: datetime | None


class EndRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arm that did best, if one did; and whether the versions of the others are retired."""

    winner: str = ""
    retires_others: bool = False


@put("/v1/experiments/{key:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def write_experiment(
    wiring: Wired,
    organization_id: OrganizationId,
    key: ExperimentKey,
    data: JSONBody[ExperimentOrder],
) -> ExperimentAnswer:
    """Begin an experiment; or give its arms other weights, or add arms.

    While it runs, who subscribes to its plan without naming a version gets that of their arm.
    """
    return _shown(put_experiment(wiring, organization_id, key, data))


@get("/v1/experiments", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_experiments(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[ExperimentAnswer]:
    """Experiments in key order."""
    found = list_experiments(wiring, organization_id, after=after, limit=limit + 1)
    return page_of([_shown(each) for each in found], limit, lambda each: each.key)


@get("/v1/experiments/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_experiment(
    wiring: Wired, organization_id: OrganizationId, key: ExperimentKey
) -> ExperimentAnswer:
    """One experiment."""
    return _shown(find_experiment(wiring, organization_id, key))


@get("/v1/experiments/{key:str}/exposures", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_exposures(
    wiring: Wired,
    organization_id: OrganizationId,
    key: ExperimentKey,
    *,
    limit: Limit = 100,
    after: After = "",
) -> Page[Exposure]:
    """Who met which arm, first when, in order of customer key."""
    found = list_exposures(wiring, organization_id, key, after=after, limit=limit + 1)
    return page_of(found, limit, lambda each: each.customer)


@post(
    "/v1/experiments/{key:str}/exposures",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_exposure(
    wiring: Wired,
    organization_id: OrganizationId,
    key: ExperimentKey,
    data: JSONBody[MeetRequest],
) -> MetAnswer:
    """The arm of a customer, as when prices are shown: recorded once, and the same for life."""
    return _met(wiring, organization_id, key, data.customer)


@post(
    "/v1/experiments/{key:str}/end",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_end(
    wiring: Wired,
    organization_id: OrganizationId,
    key: ExperimentKey,
    data: JSONBody[EndRequest],
) -> ExperimentAnswer:
    """End an experiment: who has met no arm gets the latest version that is sold."""
    return _shown(
        end_experiment(
            wiring, organization_id, key, winner=data.winner, retires_others=data.retires_others
        )
    )


def _met(wiring: Wiring, organization_id: str, key: str, customer: str) -> MetAnswer:
    met: Met = meet_experiment(wiring, organization_id, key, customer)
    return MetAnswer(
        experiment=key,
        customer=customer,
        arm=met.arm.key,
        plan=met.experiment.plan,
        version=met.arm.version,
        exposed_at=met.exposed_at,
    )


def _shown(full: FullExperiment) -> ExperimentAnswer:
    experiment = full.experiment
    return ExperimentAnswer(
        key=experiment.key,
        name=experiment.name,
        plan=experiment.plan,
        progress=experiment.progress,
        winner=experiment.winner,
        arms=[
            ArmAnswer(arm.key, arm.version, arm.weight, full.exposed[arm.key])
            for arm in experiment.arms
        ],
        started_at=experiment.started_at,
        ended_at=experiment.ended_at,
    )


router = Router(
    path="/",
    route_handlers=[
        write_experiment,
        read_experiments,
        read_experiment,
        read_exposures,
        post_exposure,
        post_end,
    ],
    tags=["Plans"],
)
