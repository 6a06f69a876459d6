"""`tallybook collective`: the invoices of families, one document a day with one number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show, show_one

commands = typer.Typer(
    no_args_is_help=True, help="Collective invoices of families: list, show, finalize."
)

Document = Annotated[str, typer.Argument(help="The collective invoice's number, or its id.")]

_COLUMNS = (
    Column("number", lambda result: result["number"] or result["id"], style="bold"),
    Column("status", "status"),
    Column("customer", "customer/name"),
    Column("currency", "currency"),
    Column("total", "total", is_right=True),
    Column("drawn up", moment("created_at")),
)
_ROWS = (
    Column("for", "member", style="bold"),
    Column("number", "number"),
    Column("line", "name"),
    Column("quantity", "quantity", is_right=True),
    Column("amount", "amount", is_right=True),
)


@commands.command("list")
def list_collectives(
    context: typer.Context,
    customer: Annotated[str, typer.Option(help="Only those billed to this customer.")] = "",
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List collective invoices."""
    with session_of(context).open() as api:
        found = api.each("/v1/collective-invoices", {"customer": customer}, limit=limit)
        show(found, _COLUMNS, as_json=as_json)


@commands.command("show")
def show_collective(context: typer.Context, document: Document, as_json: AsJson = False) -> None:
    """Show one with all its lines, grouped by child."""
    with session_of(context).open() as api:
        _show(api.get(f"/v1/collective-invoices/{document}"), as_json)


@commands.command("finalize")
def finalize(context: typer.Context, document: Document, as_json: AsJson = False) -> None:
    """Number it and freeze it with all its parts."""
    with session_of(context).open() as api:
        _show(api.post(f"/v1/collective-invoices/{document}/finalize"), as_json)


def _show(document: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    show_one(document, _COLUMNS, as_json=False)
    for section in document["sections"]:
        rows = [
            {"member": section["customer"]["key"], "number": part["number"], **line}
            for part in section["invoices"]
            for line in part["lines"]
        ]
        show(rows, _ROWS, as_json=False)
        screen().print(f"{section['customer']['name']}: {section['total']}")
