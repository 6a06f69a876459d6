"""`tallybook clock`: let time pass in an organization for tests."""

from __future__ import annotations

from typing import Annotated

import typer

from tallybook.cli.commands.bill import show_run
from tallybook.cli.session import REFUSED, AsJson, session_of
from tallybook.cli.tables import Column, moment, print_json, show_one

commands = typer.Typer(
    no_args_is_help=True, help="The test clock: show it, advance it. Live organizations have none."
)

_FIELDS = (
    Column("mode", "mode"),
    Column("clock", lambda result: moment("at")(result) or "none: goes by the time that it is"),
    Column("now", moment("now"), style="bold"),
)


@commands.command("show")
def show_clock(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what time it is for the organization."""
    with session_of(context).open() as api:
        show_one(api.get("/v1/test-clock"), _FIELDS, as_json=as_json)


@commands.command(
    "advance", epilog="Example: [cyan]tallybook clock advance 2027-01-01T00:00:00Z --finalize[/]"
)
def advance(
    context: typer.Context,
    at: Annotated[str, typer.Argument(help="RFC 3339; later than the clock stands.")],
    finalize: Annotated[
        bool, typer.Option("--finalize", help="Number and freeze invoices on the way.")
    ] = False,
    customer: Annotated[
        str, typer.Option(help="Only of this customer, on a clock of its own from then on.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Let time pass: whatever is due up to then happens, in order."""
    path = f"/v1/customers/{customer}/test-clock" if customer else "/v1/test-clock"
    with session_of(context).open() as api:
        passed = api.post(path, {"at": at, "finalize": finalize})
    if as_json:
        print_json(passed)
    else:
        fields = _FIELDS[1:2] if customer else _FIELDS
        show_one(passed, fields, as_json=False)
        show_run(passed["run"])
    if passed["run"]["stuck"]:
        raise typer.Exit(REFUSED)
