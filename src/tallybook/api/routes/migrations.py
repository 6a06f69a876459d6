"""Migrations: subscribers of a plan moved to another version, seen before, in batches, undone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.security import requires
from tallybook.domain.customers.organization import Scope
from tallybook.domain.kernel.money import Money, to_major_units
from tallybook.domain.subscriptions.changes import Proration
from tallybook.domain.subscriptions.migration import (
    Cohort,
    Member,
    MemberState,
    MigrationOrder,
    MoveAt,
)
from tallybook.services.migrate_subscribers import (
    FullMigration,
    continue_migration,
    create_migration,
    find_migration,
    list_members,
    list_migrations,
    run_migration,
    undo_migration,
)
from tallybook.services.preview_migration import MigrationPreview, preview_migration

MigrationKey = Annotated[str, PathParameter(description="The migration's key.")]


class MigrationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A migration, and how far it is.

    `left` are still to be moved, or moved back when it `is_undoing`: run it until there are none.
    `skipped` could not be moved, `kept` could not be moved back. One that `goes_on` is run by the
    server until none are left.
    """

    key: str
    plan: str
    to_plan: str
    to_version: int
    cohort: Cohort
    at: MoveAt
    effective_at: datetime | None
    proration: Proration
    is_undoing: bool
    goes_on: bool
    left: int
    waiting: int
    moved: int
    skipped: int
    undone: int
    kept: int
    created_at: datetime


class EffectAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one subscriber would pay for the period, now and after, in major units."""

    subscription: str
    customer: str
    version: int
    currency: str
    before: Decimal
    after: Decimal
    difference: Decimal


class SumAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The effects in one currency: how many pay more, less and the same, and all amounts added."""

    currency: str
    more: int
    less: int
    same: int
    before: Decimal
    after: Decimal
    difference: Decimal


class SkippedAnswer(msgspec.Struct, frozen=True):
    """A subscriber who could not be moved, and why."""

    subscription: str
    reason: str


class MigrationPreviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration would do: `sums` over everyone, and those whom it touches most.

    Usage is that of `period`, counted up to `as_of`. Fees are those of a whole period of the plan;
    conditions and coupons act as on the bill for the period.
    """

    to_plan: str
    to_version: int
    period: str
    as_of: int
    sums: list[SumAnswer]
    effects: list[EffectAnswer]
    skipped: list[SkippedAnswer]
    skipped_count: int


@post(
    "/v1/plan-migration-previews",
    guards=[requires(Scope.READ)],
    status_code=200,
    sync_to_thread=True,
)
def post_preview(
    wiring: Wired,
    organization_id: OrganizationId,
    data: JSONBody[MigrationOrder],
    period: Annotated[
        str, QueryParameter(description="Whose usage is rated: 2026-03. The last month without.")
    ] = "",
    limit: Limit = 100,
) -> MigrationPreviewAnswer:
    """What a migration would cost each customer, or save it. Nothing is recorded."""
    return _shown_preview(
        preview_migration(wiring, organization_id, data, period=period, limit=limit)
    )


@post("/v1/plan-migrations", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_migration(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[MigrationOrder]
) -> MigrationAnswer:
    """Settle on who is moved, and where to. Nobody is moved yet: run it.

    Nobody is ever moved but by a migration, or a change of their own. Negotiated contracts are left
    alone. The same again answers the migration that there is.
    """
    return _shown(create_migration(wiring, organization_id, data))


@get("/v1/plan-migrations", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_migrations(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[MigrationAnswer]:
    """Migrations in key order."""
    found = list_migrations(wiring, organization_id, after=after, limit=limit + 1)
    return page_of([_shown(each) for each in found], limit, lambda each: each.key)


@get("/v1/plan-migrations/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_migration(
    wiring: Wired, organization_id: OrganizationId, key: MigrationKey
) -> MigrationAnswer:
    """One migration, and how far it is."""
    return _shown(find_migration(wiring, organization_id, key))


@get("/v1/plan-migrations/{key:str}/members", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_members(
    wiring: Wired,
    organization_id: OrganizationId,
    key: MigrationKey,
    *,
    member_state: Annotated[
        MemberState | None, QueryParameter(name="state", description="Only those in this state.")
    ] = None,
    limit: Limit = 100,
    after: After = "",
) -> Page[Member]:
    """Who is in a migration: moved by which changes of the subscription, or why not."""
    found = list_members(
        wiring, organization_id, key, state=member_state, after=after, limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.subscription_key)


@post(
    "/v1/plan-migrations/{key:str}/runs",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_run(
    wiring: Wired, organization_id: OrganizationId, key: MigrationKey, limit: Limit = 1000
) -> MigrationAnswer:
    """Move the next so many, or move them back. Ask again while some are `left`.

    Each becomes an ordinary change of its subscription. What is done is done: after a failure, go
    on by asking again.
    """
    return _shown(run_migration(wiring, organization_id, key, limit=limit))


@post(
    "/v1/plan-migrations/{key:str}/undoing",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_undoing(
    wiring: Wired, organization_id: OrganizationId, key: MigrationKey
) -> MigrationAnswer:
    """From now on, runs of it move everyone back. What was billed for the moves is given back."""
    return _shown(undo_migration(wiring, organization_id, key))


@post(
    "/v1/plan-migrations/{key:str}/continuation",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def post_continuation(
    wiring: Wired, organization_id: OrganizationId, key: MigrationKey
) -> MigrationAnswer:
    """Have the server go on with it by itself until nobody is left, also after a restart.

    An undoing goes on likewise. Each subscriber is moved once, whoever runs it.
    """
    return _shown(continue_migration(wiring, organization_id, key, goes_on=True))


@delete(
    "/v1/plan-migrations/{key:str}/continuation",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def delete_continuation(
    wiring: Wired, organization_id: OrganizationId, key: MigrationKey
) -> MigrationAnswer:
    """Have the server stop: who was moved stays moved, who waits goes on waiting."""
    return _shown(continue_migration(wiring, organization_id, key, goes_on=False))


def _shown(full: FullMigration) -> MigrationAnswer:
    migration, order = full.migration, full.migration.order
    return MigrationAnswer(
        key=migration.key,
        plan=order.plan,
        to_plan=migration.to_plan,
        to_version=migration.to_version,
        cohort=order.cohort,
        at=order.at,
        effective_at=order.effective_at,
        proration=order.proration,
        is_undoing=migration.is_undoing,
        goes_on=migration.goes_on,
        left=full.left,
        created_at=migration.created_at,
        **{state.value: full.counts[state] for state in MemberState},
    )


def _shown_preview(preview: MigrationPreview) -> MigrationPreviewAnswer:
    return MigrationPreviewAnswer(
        to_plan=preview.target.plan_key,
        to_version=preview.target.version,
        period=preview.period,
        as_of=preview.as_of,
        sums=[
            SumAnswer(
                currency=each.currency,
                more=each.more,
                less=each.less,
                same=each.same,
                **_amounts(each.before, each.after),
            )
            for each in preview.sums
        ],
        effects=[
            EffectAnswer(
                subscription=each.subscription_key,
                customer=each.customer_key,
                version=each.from_version,
                currency=each.before.currency,
                **_amounts(each.before, each.after),
            )
            for each in preview.effects
        ],
        skipped=[SkippedAnswer(each.subscription_key, each.reason) for each in preview.skipped],
        skipped_count=preview.skipped_count,
    )


def _amounts(before: Money, after: Money) -> dict[str, Decimal]:
    return {
        "before": to_major_units(before),
        "after": to_major_units(after),
        "difference": to_major_units(Money(after.minor - before.minor, after.currency)),
    }


router = Router(
    path="/",
    route_handlers=[
        post_preview,
        post_migration,
        read_migrations,
        read_migration,
        read_members,
        post_run,
        post_undoing,
        post_continuation,
        delete_continuation,
    ],
    tags=["Plans"],
)
