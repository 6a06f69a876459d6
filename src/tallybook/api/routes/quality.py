"""The quality of events, reported."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get
from litestar.params import QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Scope
from tallybook.services.report_quality import QualityReport, report_quality


@get("/v1/quality", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_quality(
    wiring: Wired,
    organization_id: OrganizationId,
    *,
    days: Annotated[
        int, QueryParameter(ge=1, le=366, description="Days of arrival, today included.")
    ] = 7,
    silent_days: Annotated[
        int,
        QueryParameter(
            ge=1, le=366, description="A source that sent nothing for so many days is silent."
        ),
    ] = 2,
    type_: Annotated[str, QueryParameter(name="type", description="Only of this type.")] = "",
) -> QualityReport:
    """What arrived, type by type and day by day, and what is not as it was said to be.

    Days are of arrival, in UTC; lateness is arrival less time of the event, in seconds. Duplicates,
    conflicts, violations and rejections are counted as they happen: a server that is killed forgets
    the last seconds of them. All else is exact.
    """
    return report_quality(wiring, organization_id, days=days, silent_days=silent_days, only=type_)


router = Router(path="/", route_handlers=[read_quality], tags=["Quality"])
