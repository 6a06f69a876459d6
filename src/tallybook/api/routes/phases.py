"""Phases of a subscription: what it is to, from when to when, and what is scheduled."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get, put
from litestar.params import JSONBody

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import Page
from tallybook.api.routes.subscriptions import SubscriptionKey
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.subscriptions.phases import MOST_PHASES, PhaseOrder
from tallybook.services.schedule_phases import ShownPhase, list_phases, schedule_phases


class PhaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time under the same terms; `ends` is null where it lasts on."""

    starts: datetime
    ends: datetime | None
    plan: str
    version: int
    quantities: dict[str, str]
    is_trial: bool
    is_paused: bool
    is_under_contract: bool


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The phases that are ahead, in order of time. None: all stays as it is."""

    phases: Annotated[tuple[PhaseOrder, ...], msgspec.Meta(max_length=MOST_PHASES)]


@get("/v1/subscriptions/{key:str}/phases", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_phases(
    wiring: Wired, organization_id: OrganizationId, key: SubscriptionKey
) -> Page[PhaseAnswer]:
    """What a subscription is to, from its start to its end, by all that is decided now."""
    return Page([_shown(phase) for phase in list_phases(wiring, organization_id, key)])


@put("/v1/subscriptions/{key:str}/phases", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def put_phases(
    wiring: Wired,
    organization_id: OrganizationId,
    key: SubscriptionKey,
    data: JSONBody[Schedule],
) -> Page[PhaseAnswer]:
    """Schedule what is different later, in place of what was scheduled about plan and quantities.

    Each phase is recorded as changes dated ahead, which can be listed and undone like any other.
    """
    shown = schedule_phases(wiring, organization_id, key, data.phases)
    return Page([_shown(phase) for phase in shown])


def _shown(phase: ShownPhase) -> PhaseAnswer:
    return PhaseAnswer(
        starts=phase.span.starts,
        ends=None if phase.is_open else phase.span.ends,
        plan=phase.version.plan_key,
        version=phase.version.version,
        quantities={key: plain(count) for key, count in phase.terms.quantities.items()},
        is_trial=phase.terms.is_trial,
        is_paused=phase.terms.is_paused,
        is_under_contract=phase.terms.contract is not None,
    )


router = Router(path="/", route_handlers=[read_phases, put_phases], tags=["Subscriptions"])
