"""The life of plans: drafts, their publication, copies, and versions that are sold no more."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.params import JSONBody, PathParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.plainly import plainly
from tallybook.api.routes.plans import (
    DifferenceAnswer,
    Number,
    PlanKey,
    PublishedPlan,
    shown_publication,
    told,
)
from tallybook.api.security import requires
from tallybook.domain.catalog.draft import DraftWarning
from tallybook.domain.catalog.plan import PlanTerms, PlanVersion
from tallybook.domain.customers.organization import Scope
from tallybook.services.draft_plan import (
    FullDraft,
    copy_plan,
    discard_draft,
    find_draft,
    list_drafts,
    publish_draft,
    save_draft,
)
from tallybook.services.retire_plan import retire_version

OldKey = Annotated[str, PathParameter(description="The key of the plan that is copied.")]


class DraftAnswer(msgspec.Struct, frozen=True):
    """A draft. `warnings` is what publishing it would be refused for; `differences` are those to
    the latest version, which was `based_on` when the draft was saved."""

    terms: PlanTerms
    based_on: int | None
    saved_at: datetime
    warnings: tuple[DraftWarning, ...]
    differences: list[DifferenceAnswer]


class DraftHeader(msgspec.Struct, frozen=True):
    """A draft in short."""

    key: str
    name: str
    based_on: int | None
    saved_at: datetime


class CopyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key of the new plan; its name, if it has another; and which version is copied."""

    key: str
    name: str = ""
    version: int | None = None


@put("/v1/plans/{key:str}/draft", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def put_draft(
    wiring: Wired, organization_id: OrganizationId, key: PlanKey, data: JSONBody[PlanTerms]
) -> DraftAnswer:
    """Save a plan's draft, in place of the one there was. Nobody can subscribe to it.

    It need not be right yet: what is wrong comes back as warnings.
    """
    return _shown(save_draft(wiring, organization_id, key, data))


@get("/v1/plans/{key:str}/draft", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_draft(wiring: Wired, organization_id: OrganizationId, key: PlanKey) -> DraftAnswer:
    """A plan's draft, what is wrong with it, and what it would change."""
    return _shown(find_draft(wiring, organization_id, key))


@delete("/v1/plans/{key:str}/draft", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def delete_draft(wiring: Wired, organization_id: OrganizationId, key: PlanKey) -> None:
    """Discard a plan's draft. What is published stays as it is."""
    discard_draft(wiring, organization_id, key)


@get("/v1/plan-drafts", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_drafts(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[DraftHeader]:
    """All drafts, in order of plan key."""
    found = list_drafts(wiring, organization_id, after=after, limit=limit + 1)
    headers = [
        DraftHeader(each.terms.plan_key, each.terms.name, each.based_on, each.saved_at)
        for each in found
    ]
    return page_of(headers, limit, lambda each: each.key)


@post("/v1/plans/{key:str}/draft/publication", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_publication(
    wiring: Wired, organization_id: OrganizationId, key: PlanKey
) -> Response[PublishedPlan]:
    """Publish a plan's draft as its next version, which never changes.

    Everything that was a warning is refused. So is a draft that another version has overtaken.
    """
    published = publish_draft(wiring, organization_id, key)
    status = 201 if published.is_new else 200
    return Response(shown_publication(published), status_code=status)


@post("/v1/plans/{key:str}/copies", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_copy(
    wiring: Wired, organization_id: OrganizationId, key: OldKey, data: JSONBody[CopyRequest]
) -> DraftAnswer:
    """Copy a plan: the draft of a new one, which says the same until it is changed."""
    return _shown(
        copy_plan(wiring, organization_id, key, to=data.key, name=data.name, number=data.version)
    )


@post(
    "/v1/plans/{key:str}/versions/{number:int}/retirement",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_retirement(
    wiring: Wired, organization_id: OrganizationId, key: PlanKey, number: Number
) -> PlanVersion:
    """Retire a version: it takes no new subscribers, and those that it has stay."""
    return plainly(retire_version(wiring, organization_id, key, number))


@delete(
    "/v1/plans/{key:str}/versions/{number:int}/retirement",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def delete_retirement(
    wiring: Wired, organization_id: OrganizationId, key: PlanKey, number: Number
) -> PlanVersion:
    """Sell a retired version again."""
    return plainly(retire_version(wiring, organization_id, key, number, is_retired=False))


def _shown(full: FullDraft) -> DraftAnswer:
    draft = full.draft
    return plainly(
        DraftAnswer(
            draft.terms,
            draft.based_on,
            draft.saved_at,
            full.warnings,
            told(full.differences, full.latest, draft.terms),
        )
    )


router = Router(
    path="/",
    route_handlers=[
        put_draft,
        read_draft,
        delete_draft,
        read_drafts,
        post_publication,
        post_copy,
        post_retirement,
        delete_retirement,
    ],
    tags=["Plans"],
)
