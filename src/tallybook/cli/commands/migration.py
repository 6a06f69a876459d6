"""`tallybook migration`: subscribers moved to another version, seen before, undone after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from tallybook.cli.client import Api
from tallybook.cli.commands.agreeing import given
from tallybook.cli.options import spread
from tallybook.cli.progress import progress_bar
from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, print_json, screen, show, show_one

commands = typer.Typer(
    no_args_is_help=True,
    help="Migrations of subscribers: preview, start, resume, pause, undo, list, show, members.",
)

Key = Annotated[str, typer.Argument(help="The migration's key.")]
InBackground = Annotated[
    bool,
    typer.Option("--background", help="Have the server go on by itself, also after a restart."),
]
ProratedBy = Annotated[str, typer.Option("--proration", help="prorated, none or full.")]


@dataclass(frozen=True)
class Order:
    """Whose subscribers are moved to what, which of them, and when."""

    plan: Annotated[str, typer.Option("--plan", help="Whose subscribers are moved.")]
    to_plan: Annotated[str, typer.Option(help="To another plan than that one.")] = ""
    to_version: Annotated[int | None, typer.Option(help="To this version; the latest without.")] = (
        None
    )
    from_version: Annotated[
        list[int] | None, typer.Option(help="Only those on this version; may be given often.")
    ] = None
    customer: Annotated[
        list[str] | None, typer.Option("--customer", help="Only this one's; may be given often.")
    ] = None
    started_from: Annotated[
        str, typer.Option(help="Only those that began from then on, RFC 3339.")
    ] = ""
    started_before: Annotated[str, typer.Option(help="Only those that began before, RFC 3339.")] = (
        ""
    )
    is_negotiated: Annotated[
        bool, typer.Option("--negotiated", help="Also contracts that were negotiated.")
    ] = False
    at: Annotated[str, typer.Option(help="now, period_end, term_end or date.")] = ""
    effective_at: Annotated[str, typer.Option("--effective-at", help="The date, RFC 3339.")] = ""

    def said(self, key: str) -> dict[str, object]:
        """What was said of the migration of that key; with a date it is at that date."""
        cohort = given(
            versions=self.from_version or None,
            customers=self.customer or None,
            started_from=self.started_from,
            started_before=self.started_before,
            includes_negotiated=self.is_negotiated,
        )
        return given(
            key=key,
            plan=self.plan,
            to_plan=self.to_plan,
            to_version=self.to_version,
            cohort=cohort or None,
            at=self.at or ("date" if self.effective_at else ""),
            effective_at=self.effective_at,
        )


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
@spread
def preview(
    context: typer.Context,
    *,
    order: Order,
    period: Annotated[str, typer.Option(help="Whose usage, such as 2026-03; last month's.")] = "",
    limit: Annotated[int, typer.Option(help="Of how many the effect is shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what a migration would cost each customer, by a month's usage. Nothing is recorded."""
    body = order.said("preview")
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
@spread
def start(
    context: typer.Context,
    key: Key,
    *,
    order: Order,
    proration: ProratedBy = "",
    in_background: InBackground = False,
    as_json: AsJson = False,
) -> None:
    """Move subscribers, in batches. Killed on the way, the same command goes on."""
    body = order.said(key) | given(proration=proration)
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


def _signed(amount: str) -> str:
    return amount if amount.startswith("-") or not amount.strip("0.") else f"+{amount}"
