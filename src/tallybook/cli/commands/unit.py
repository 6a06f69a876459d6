"""`tallybook unit`: what units are called. `tallybook apply` names them."""

from __future__ import annotations

import typer

from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, show

commands = typer.Typer(
    no_args_is_help=True, help="Units: list their names. `tallybook apply` gives them."
)

_UNITS = (
    Column("unit", "key", style="bold"),
    Column(
        "one and several",
        lambda unit: ", ".join(
            f"{language}: {forms['one']}, {forms['other']}"
            for language, forms in unit["names"].items()
        ),
    ),
)


@commands.command("list")
def list_units(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List units that have names, by language."""
    with session_of(context).open() as api:
        show(api.each("/v1/units", limit=limit), _UNITS, as_json=as_json)
