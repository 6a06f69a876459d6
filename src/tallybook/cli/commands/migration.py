"""`tallybook migration`: subscribers moved to another version, seen before, undone after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tallybook.cli.client import Api
from tallybook.cli.progress import progress_bar
from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, print_json, screen, show, show_one

commands = typer.Typer(
    no_args_is_help=True,
    help="Migrations of subscribers: preview, start, resume, pause, undo, list, show, members.",
)

Key = Annotated[str, typer.Argument(help="The migration's key.")]
Plan = Annotated[str, typer.Option("--plan", help="Whose subscribers are moved.")]
ToPlan = Annotated[str, typer.Option(help="To another plan than that one.")]
ToVersion = Annotated[int | None, typer.Option(help="To this version; the latest without.")]
FromVersion = Annotated[
    list[int] | None, typer.Option(help="Only those on this version; may be given often.")
]
OfCustomer = Annotated[
    list[str] | None, typer.Option("--customer", help="Only this one's; may be given often.")
]
StartedFrom = Annotated[str, typer.Option(help="Only those that began from then on, RFC 3339.")]
StartedBefore = Annotated[str, typer.Option(help="Only those that began before, RFC 3339.")]
IsNegotiated = Annotated[
    bool, typer.Option("--negotiated", help="Also contracts that were negotiated.")
]
At = Annotated[str, typer.Option(help="now, period_end, term_end or date.")]
Since = Annotated[str, typer.Option("--effective-at", help="The date, RFC 3339.")]
InBackground = Annotated[
    bool,
    typer.Option("--background", help="Have the server go on by itself, also after a restart."),
]
ProratedBy = Annotated[str, typer.Option("--proration", help="prorated, none or full.")]

COLUMNS = (
    Column("key", "key", style="bold"),
    Column("from", "plan"),
    Column("to", lambda result: f"{result['to_plan']} v{result['to_version']}"),
    Column("at", lambda result: result["effective_at"] or result["at"]),
    Column("by itself", "goes_on"),
    Column("left", "left", is_right=True),
    Column("moved", "moved", is_right=True),
    Column("skipped", "skipped", is_right=True),
    Column("undone", "undone", is_right=True),
    Column("kept", "kept", is_right=True),
)
_EFFECTS = (
    Column("subscription", "subscription", style="bold"),
    Column("customer", "customer"),
    Column("on", lambda result: f"v{result['version']}"),
    Column("before", "before", is_right=True),
    Column("after", "after", is_right=True),
    Column("difference", lambda result: _signed(result["difference"]), is_right=True),
    Column("currency", "currency"),
)
_SUMS = (
    Column("currency", "currency", style="bold"),
    Column("pay more", "more", is_right=True),
    Column("pay less", "less", is_right=True),
    Column("the same", "same", is_right=True),
    Column("before", "before", is_right=True),
    Column("after", "after", is_right=True),
    Column("difference", lambda result: _signed(result["difference"]), is_right=True),
)
_MEMBERS = (
    Column("subscription", "subscription_key", style="bold"),
    Column("customer", "customer_key"),
    Column("state", "state"),
    Column("changes", "changes"),
    Column("reason", "reason"),
)
_SKIPPED = (Column("cannot be moved", "subscription", style="bold"), Column("reason", "reason"))


@commands.command("preview", epilog="Example: [cyan]tallybook migration preview --plan pro[/]")
def preview(
    context: typer.Context,
    *,
    plan: Plan,
    to_plan: ToPlan = "",
    to_version: ToVersion = None,
    from_version: FromVersion = None,
    customer: OfCustomer = None,
    started_from: StartedFrom = "",
    started_before: StartedBefore = "",
    is_negotiated: IsNegotiated = False,
    at: At = "",
    effective_at: Since = "",
    period: Annotated[str, typer.Option(help="Whose usage, such as 2026-03; last month's.")] = "",
    limit: Annotated[int, typer.Option(help="Of how many the effect is shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what a migration would cost each customer, by a month's usage. Nothing is recorded."""
    cohort = _cohort(
        versions=from_version,
        customers=customer,
        started_from=started_from,
        started_before=started_before,
        includes_negotiated=is_negotiated,
    )
    body = _order(
        key="preview",
        plan=plan,
        to_plan=to_plan,
        to_version=to_version,
        cohort=cohort,
        at=at,
        effective_at=effective_at,
    )
    with session_of(context).open() as api:
        found = api.post("/v1/plan-migration-previews", body, {"period": period, "limit": limit})
    if as_json:
        print_json(found)
        return
    to = f"{found['to_plan']} v{found['to_version']}"
    show(found["effects"], _EFFECTS, as_json=False, title=f"Usage of {found['period']} under {to}")
    show(found["sums"], _SUMS, as_json=False, title="Everyone")
    if found["skipped"]:
        show(found["skipped"], _SKIPPED, as_json=False)


@commands.command(
    "start",
    epilog="Example: [cyan]tallybook migration start spring --plan pro --from-version 1"
    " --at period_end[/]",
)
def start(
    context: typer.Context,
    key: Key,
    *,
    plan: Plan,
    to_plan: ToPlan = "",
    to_version: ToVersion = None,
    from_version: FromVersion = None,
    customer: OfCustomer = None,
    started_from: StartedFrom = "",
    started_before: StartedBefore = "",
    is_negotiated: IsNegotiated = False,
    at: At = "",
    effective_at: Since = "",
    proration: ProratedBy = "",
    in_background: InBackground = False,
    as_json: AsJson = False,
) -> None:
    """Move subscribers, in batches. Killed on the way, the same command goes on."""
    cohort = _cohort(
        versions=from_version,
        customers=customer,
        started_from=started_from,
        started_before=started_before,
        includes_negotiated=is_negotiated,
    )
    body = _order(
        key=key,
        plan=plan,
        to_plan=to_plan,
        to_version=to_version,
        cohort=cohort,
        at=at,
        effective_at=effective_at,
        proration=proration,
    )
    with session_of(context).open() as api:
        made = api.post("/v1/plan-migrations", body)
        show_one(_run(api, made, in_background), COLUMNS, as_json=as_json)


@commands.command("resume")
def resume(
    context: typer.Context,
    key: Key,
    in_background: InBackground = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a migration that was broken off."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/plan-migrations/{key}")
        show_one(_run(api, found, in_background), COLUMNS, as_json=as_json)


@commands.command("pause")
def pause(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Have the server stop going on by itself; who was moved stays moved."""
    with session_of(context).open() as api:
        paused = api.delete(f"/v1/plan-migrations/{key}/continuation")
        show_one(paused, COLUMNS, as_json=as_json)


@commands.command("undo")
def undo(
    context: typer.Context,
    key: Key,
    in_background: InBackground = False,
    as_json: AsJson = False,
) -> None:
    """Move everyone back, as if they had never been moved."""
    with session_of(context).open() as api:
        undoing = api.post(f"/v1/plan-migrations/{key}/undoing")
        show_one(_run(api, undoing, in_background), COLUMNS, as_json=as_json)


@commands.command("list")
def list_migrations(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List migrations, each with how far it is."""
    with session_of(context).open() as api:
        show(api.each("/v1/plan-migrations", limit=limit), COLUMNS, as_json=as_json)


@commands.command("show")
def show_migration(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show one migration."""
    with session_of(context).open() as api:
        show_one(api.get(f"/v1/plan-migrations/{key}"), COLUMNS, as_json=as_json)


@commands.command("members")
def members(
    context: typer.Context,
    key: Key,
    state: Annotated[str, typer.Option(help="waiting, moved, skipped, undone or kept.")] = "",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List who is in a migration, and what became of them."""
    with session_of(context).open() as api:
        found = api.each(f"/v1/plan-migrations/{key}/members", {"state": state}, limit=limit)
        show(found, _MEMBERS, as_json=as_json)


def _run(api: Api, migration: Mapping[str, Any], in_background: bool) -> Mapping[str, Any]:
    """Ask for batch after batch until nobody is left; or leave that to the server."""
    if in_background:
        going_on: Mapping[str, Any] = api.post(
            f"/v1/plan-migrations/{migration['key']}/continuation"
        )
        return going_on
    whole = migration["left"]
    with progress_bar("Moving", unit="subscriptions") as tell:
        while migration["left"]:
            migration = api.post(f"/v1/plan-migrations/{migration['key']}/runs")
            done = whole - migration["left"]
            tell(done, whole, done)
    if migration["skipped"]:
        screen().print(
            f"[yellow]{migration['skipped']} could not be moved[/]:"
            f" tallybook migration members {migration['key']} --state skipped"
        )
    return migration


def _cohort(**said: Any) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value}


def _order(**said: Any) -> dict[str, Any]:
    """The order's fields that have a value; with a date it is at that date."""
    if said["effective_at"] and not said["at"]:
        said["at"] = "date"
    return {name: value for name, value in said.items() if value}


def _signed(amount: str) -> str:
    return amount if amount.startswith("-") or not amount.strip("0.") else f"+{amount}"
