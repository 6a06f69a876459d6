"""`tallybook bill`: close what is due, finalize what is closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tallybook.cli.session import REFUSED, AsJson, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show, show_one
from tallybook.cli.workings import grouped

commands = typer.Typer(no_args_is_help=True, help="Billing runs: close periods, finalize drafts.")

Until = Annotated[str, typer.Option(help="RFC 3339; now without.")]

_FIELDS = (
    Column("closed up to", moment("until")),
    Column("usage as of", "as_of"),
    Column("subscriptions opened", "opened"),
    Column("periods closed", "closed"),
    Column("subscriptions ended", "ended"),
    Column("new invoices", "invoices"),
    Column("invoices there before", "existed"),
    Column("finalized", "finalized"),
)
_TOTALS = (Column("currency", "currency"), Column("new in all", "total", is_right=True))
_STUCK = (
    Column("subscription", "subscription_key"),
    Column("why", "message"),
    Column("mend", "mend"),
)


@commands.command("run", epilog="Example: [cyan]tallybook bill run --finalize[/]")
def run(
    context: typer.Context,
    until: Until = "",
    finalize: Annotated[
        bool, typer.Option("--finalize", help="Number and freeze the new invoices at once.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Close every period that is due and draw up its invoice. Each period is billed once."""
    body: dict[str, Any] = {"finalize": finalize}
    if until:
        body["until"] = until
    with session_of(context).open() as api:
        done = api.post("/v1/billing-runs", body)
    if as_json:
        print_json(done)
    else:
        show_run(done)
    if done["stuck"]:
        raise typer.Exit(REFUSED)


def show_run(run: Mapping[str, Any]) -> None:
    """What a billing run did, and what it could not."""
    show_one(run, _FIELDS, as_json=False)
    if run["totals"]:
        totals = [
            {"currency": currency, "total": grouped(total)}
            for currency, total in run["totals"].items()
        ]
        show(totals, _TOTALS, as_json=False)
    if run["stuck"]:
        screen().print("[bold red]Could not be closed; they stay due:[/]")
        show(run["stuck"], _STUCK, as_json=False)


@commands.command("finalize")
def finalize(
    context: typer.Context,
    *,
    until: Until = "",
    recalculate: Annotated[
        bool, typer.Option("--recalculate", help="Take in first what came late.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Number and freeze every draft whose period is over, the oldest first, without a gap."""
    with session_of(context).open() as api:
        body: dict[str, Any] = {"recalculate": recalculate} | ({"until": until} if until else {})
        done = api.post("/v1/finalizations", body)
    show_one(done, (Column("finalized", "finalized"),), as_json=as_json)
