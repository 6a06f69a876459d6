"""`tallybook subscription`: customers' contracts to plans."""

from __future__ import annotations

from typing import Annotated

import typer

from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, show, show_one, stretch

commands = typer.Typer(
    no_args_is_help=True, help="Subscriptions: create, list, show, change, cancel, keep."
)

Key = Annotated[str, typer.Argument(help="The subscription's key.")]

COLUMNS = (
    Column("key", "key", style="bold"),
    Column("customer", "customer"),
    Column("plan", lambda result: f"{result['plan']} v{result['version']}"),
    Column("status", "status"),
    Column("period", stretch("period", "timezone")),
)
FIELDS = (
    *COLUMNS,
    Column("time zone", "timezone"),
    Column("billed", lambda result: f"every {result['interval_count']} {result['interval']}"),
    Column("quantities", "quantities"),
    Column("alignment", "alignment"),
    Column("anchor", moment("anchor")),
    Column("starts", moment("starts_at")),
    Column("ends", moment("ends_at")),
    Column("id", "id", style="dim"),
)


@commands.command(
    "create",
    epilog="Example: [cyan]tallybook subscription create acme-pro --customer acme --plan pro"
    " --starts-at 2026-03-01T00:00:00Z --alignment calendar[/]",
)
def create(
    context: typer.Context,
    key: Key,
    *,
    customer: Annotated[str, typer.Option(help="The customer's key.")],
    plan: Annotated[str, typer.Option(help="The plan's key.")],
    version: Annotated[int | None, typer.Option(help="Its version; the latest without.")] = None,
    starts_at: Annotated[str, typer.Option(help="RFC 3339; now without.")] = "",
    ends_at: Annotated[str, typer.Option(help="RFC 3339; open-ended without.")] = "",
    alignment: Annotated[str, typer.Option(help="anniversary or calendar.")] = "",
    boundary_time: Annotated[str, typer.Option(help="local_midnight or anchor_time.")] = "",
    anchor: Annotated[str, typer.Option(help="RFC 3339; the start without.")] = "",
    quantity: Annotated[
        list[str] | None, typer.Option(help="Of a fee, such as seats=5; may be given often.")
    ] = None,
    counting: Annotated[str, typer.Option(help="Parts of periods: by_day or by_second.")] = "",
    trial_days: Annotated[int | None, typer.Option(help="Days of a trial.")] = None,
    trial_then: Annotated[str, typer.Option(help="After it: paid, free or ended.")] = "",
    free_plan: Annotated[str, typer.Option(help="The plan that a free trial ends in.")] = "",
    as_json: AsJson = False,
) -> None:
    """Subscribe a customer to a plan. The same again is no error."""
    said = {
        "key": key,
        "customer": customer,
        "plan": plan,
        "version": version,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "alignment": alignment,
        "boundary_time": boundary_time,
        "anchor": anchor,
        "counting": counting,
        "quantities": dict(_pair(text) for text in quantity) if quantity else None,
        "trial": _given(days=trial_days, then=trial_then, free_plan=free_plan) or None,
    }
    body = _given(**said)
    with session_of(context).open() as api:
        show_one(api.post("/v1/subscriptions", body), FIELDS, as_json=as_json)


def _pair(text: str) -> tuple[str, str]:
    """`seats=5` as a key and a number."""
    key, _, count = text.rpartition("=")
    return key, count


def _given(**said: object) -> dict[str, object]:
    return {field: value for field, value in said.items() if value not in ("", None)}


@commands.command("list")
def list_subscriptions(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Only this customer's.")] = "",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List subscriptions in key order."""
    with session_of(context).open() as api:
        found = api.each("/v1/subscriptions", {"customer": customer}, limit=limit)
        show(found, COLUMNS, as_json=as_json)


@commands.command("show")
def show_subscription(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show one subscription."""
    with session_of(context).open() as api:
        show_one(api.get(f"/v1/subscriptions/{key}"), FIELDS, as_json=as_json)


@commands.command("cancel", epilog="Example: [cyan]tallybook subscription cancel acme-pro --now[/]")
def cancel(
    context: typer.Context,
    key: Key,
    is_now: Annotated[
        bool, typer.Option("--now", help="At once, not at the end of the period.")
    ] = False,
    refund: Annotated[
        str, typer.Option(help="Of the period's fees: prorated, full or none.")
    ] = "prorated",
    as_json: AsJson = False,
) -> None:
    """End a subscription with its period. What was used until then is billed."""
    body = {"at": "now" if is_now else "period_end", "refund": refund}
    with session_of(context).open() as api:
        ended = api.post(f"/v1/subscriptions/{key}/cancellation", body)
        show_one(ended, FIELDS, as_json=as_json)


@commands.command("keep")
def keep(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Take a decided end back, as long as it has not come."""
    with session_of(context).open() as api:
        kept = api.delete(f"/v1/subscriptions/{key}/cancellation")
        show_one(kept, FIELDS, as_json=as_json)
