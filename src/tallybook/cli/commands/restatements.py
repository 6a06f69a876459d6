"""`tallybook restatements`: usage that was billed, counted again because events came late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tallybook.cli.commands import events
from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show, show_one, spell
from tallybook.cli.workings import grouped
from tallybook.domain.kernel.plurals import so_many

commands = typer.Typer(
    invoke_without_command=True,
    help="Restatements: what came too late for its invoice, and what is done about it.",
)

RestatementId = Annotated[str, typer.Argument(metavar="id", help="Its id, rst_….")]


def _period(restatement: Mapping[str, Any]) -> str:
    return spell(restatement["period"]["starts"], restatement["period"]["ends"], zone="UTC")


def _line(restatement: Mapping[str, Any]) -> str:
    return f"{restatement['invoice_number']}, line {restatement['line']}"


_COLUMNS = (
    Column("id", "id"),
    Column("customer", "customer"),
    Column("meter", "meter"),
    Column("period", _period),
    Column("before", lambda each: grouped(each["before"]["quantity"]), is_right=True),
    Column("after", lambda each: grouped(each["after"]["quantity"]), is_right=True),
    Column("difference", lambda each: grouped(each["difference"]), is_right=True, style="bold"),
    Column("unit", "unit"),
    Column("invoice", _line),
    Column("policy", "policy"),
)
_FIELDS = (
    *_COLUMNS,
    Column("only of", "match"),
    Column("price", "price_key"),
    Column("made", moment("made_at")),
    Column("events before", "before/event_count"),
    Column("as of position", "before/as_of"),
    Column("events after", "after/event_count"),
    Column("as of position", "after/as_of"),
)
_EVENTS = (Column("", "is"), *events.COLUMNS)


@commands.callback(epilog="Example: [cyan]tallybook restatements list --customer acme[/]")
def restatements(context: typer.Context) -> None:
    """List restatements, the last made first; or what the command says."""
    if context.invoked_subcommand is None:
        _list(context, {}, limit=100, as_json=False)


@commands.command("list")
def list_restatements(
    context: typer.Context,
    *,
    customer: Annotated[str, typer.Option(help="Only this customer's.")] = "",
    meter: Annotated[str, typer.Option(help="Only of this meter.")] = "",
    invoice: Annotated[str, typer.Option(help="Only of this invoice, by number or id.")] = "",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List restatements, the last made first."""
    query = {"customer": customer, "meter": meter, "invoice": invoice}
    _list(context, query, limit=limit, as_json=as_json)


def _list(context: typer.Context, query: Mapping[str, str], *, limit: int, as_json: bool) -> None:
    with session_of(context).open() as api:
        show(api.each("/v1/restatements", query, limit=limit), _COLUMNS, as_json=as_json)


@commands.command("show")
def show_restatement(
    context: typer.Context, restatement: RestatementId, as_json: AsJson = False
) -> None:
    """Show one restatement in full."""
    with session_of(context).open() as api:
        show_one(api.get(f"/v1/restatements/{restatement}"), _FIELDS, as_json=as_json)


@commands.command("events")
def show_events(
    context: typer.Context,
    restatement: RestatementId,
    *,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Show the very events behind a difference: those counted since, and those no more."""
    with session_of(context).open() as api:
        found = list(api.each(f"/v1/restatements/{restatement}/events", limit=limit))
    if as_json:
        print_json(found)
        return
    told = {True: "counted since", False: "counted no more"}
    rows = [each["event"] | {"is": told[each["is_counted"]]} for each in found]
    show(rows, _EVENTS, as_json=False)


@commands.command("find")
def find(context: typer.Context, as_json: AsJson = False) -> None:
    """Look for late events now. A server does so by itself, twice a minute."""
    with session_of(context).open() as api:
        run = api.post("/v1/restatement-runs")
    if as_json:
        print_json(run)
        return
    drafts = so_many(run["recalculated"], "draft|drafts")
    screen().print(
        f"{run['restated']:,} restated, {drafts} drawn up again, "
        f"up to position {run['through']} of the log"
    )
    for stuck in run["stuck"]:
        screen().print(f"  {stuck['invoice_id']}: {stuck['message']} {stuck['mend']}")


@commands.command(
    "policy", epilog="Example: [cyan]tallybook restatements policy credit_and_rebill[/]"
)
def policy(
    context: typer.Context,
    chosen: Annotated[
        str,
        typer.Argument(
            metavar="[policy]",
            help="next_invoice, credit_and_rebill or ignore; without, what it is.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show or choose what is done about late events of a period that was invoiced."""
    with session_of(context).open() as api:
        if chosen:
            settings = api.put("/v1/late-event-settings", {"policy": chosen})
        else:
            settings = api.get("/v1/late-event-settings")
    show_one(settings, [Column("policy", "policy")], as_json=as_json)
