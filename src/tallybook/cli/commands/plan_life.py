"""`tallybook plan`, further: drafts, copies, retirement, plans side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from tallybook.cli.commands.plan import COLUMNS, DIFFERENCES, Key, commands
from tallybook.cli.session import AsJson, session_of
from tallybook.cli.tables import Column, moment, plain_table, print_json, screen, show, show_one

__all__ = ["commands"]

_DRAFTS = (
    Column("key", "key", style="bold"),
    Column("name", "name"),
    Column("based on", "based_on", is_right=True),
    Column("saved", moment("saved_at")),
)
_WARNINGS = (
    Column("warning", "code", style="yellow"),
    Column("where", "field"),
    Column("what", "message"),
    Column("mend", "mend"),
)
Version = Annotated[int, typer.Argument(help="The version's number.")]


@commands.command("drafts")
def drafts(context: typer.Context, as_json: AsJson = False) -> None:
    """List drafts. `tallybook apply --draft` saves them."""
    with session_of(context).open() as api:
        show(api.each("/v1/plan-drafts"), _DRAFTS, as_json=as_json)


@commands.command("draft")
def draft(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show what a plan's draft would change, and what is wrong with it."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/plans/{key}/draft")
    if as_json:
        print_json(found)
        return
    _show_draft(found)


@commands.command("publish", epilog="Example: [cyan]tallybook plan publish pro[/]")
def publish(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Publish a plan's draft as its next version, which never changes."""
    with session_of(context).open() as api:
        show_one(api.post(f"/v1/plans/{key}/draft/publication"), COLUMNS, as_json=as_json)


@commands.command("discard")
def discard(context: typer.Context, key: Key) -> None:
    """Discard a plan's draft. What is published stays."""
    with session_of(context).open() as api:
        api.delete(f"/v1/plans/{key}/draft")
    screen().print(f"The draft of {key} is gone.")


@commands.command("copy", epilog='Example: [cyan]tallybook plan copy pro team --name "Team"[/]')
def copy(
    context: typer.Context,
    key: Key,
    new_key: Annotated[str, typer.Argument(help="The new plan's key.")],
    *,
    name: Annotated[str, typer.Option(help="Its name; the same without.")] = "",
    version: Annotated[int | None, typer.Option(help="Another than the latest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy a plan: the copy is a draft, to be changed and published."""
    body = {"key": new_key, "name": name, "version": version}
    with session_of(context).open() as api:
        copied = api.post(f"/v1/plans/{key}/copies", body)
    if as_json:
        print_json(copied)
        return
    screen().print(f"{new_key} is a draft that says what {key} says.")


@commands.command("retire", epilog="Example: [cyan]tallybook plan retire pro 1[/]")
def retire(
    context: typer.Context,
    key: Key,
    version: Version,
    is_undone: Annotated[bool, typer.Option("--undo", help="Sell it again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sell a version no more. Those who have it keep it."""
    path = f"/v1/plans/{key}/versions/{version}/retirement"
    with session_of(context).open() as api:
        after = api.delete(path) if is_undone else api.post(path)
        show_one(after, COLUMNS, as_json=as_json)


@commands.command("compare", epilog="Example: [cyan]tallybook plan compare basic pro enterprise[/]")
def compare(
    context: typer.Context,
    plans: Annotated[list[str], typer.Argument(help="A family's key, or the keys of plans.")],
    currency: Annotated[str, typer.Option(help="Prices in this currency.")] = "",
    as_json: AsJson = False,
) -> None:
    """Set plans side by side: what each costs and grants."""
    with session_of(context).open() as api:
        query = {"currency": currency}
        is_family = len(plans) == 1 and api.find(f"/v1/plan-families/{plans[0]}") is not None
        if is_family:
            table = api.get(f"/v1/plan-families/{plans[0]}/table", query)
        else:
            table = api.get("/v1/plan-tables", {"plan": plans, **query})
    if as_json:
        print_json(table)
        return
    _show_table(table)


def _show_table(table: Mapping[str, Any]) -> None:
    titles = [
        Column(f"{each['name']} ({each['currency']})", "", style="bold")
        for each in table["columns"]
    ]
    shown = plain_table(Column("", ""), *titles)
    kind = ""
    for row in table["rows"]:
        if kind and row["kind"] != kind:
            shown.add_section()
        kind = row["kind"]
        shown.add_row(Text(row["name"], "dim"), *(Text(cell or "–") for cell in row["cells"]))
    screen().print(shown)


def _show_draft(found: Mapping[str, Any]) -> None:
    terms = found["terms"]
    base = f"version {found['based_on']}" if found["based_on"] else "nothing"
    screen().print(f"[bold]{terms['key']}[/], a draft based on {base}")
    if found["differences"]:
        show(found["differences"], DIFFERENCES, as_json=False)
    if found["warnings"]:
        show(found["warnings"], _WARNINGS, as_json=False)
    else:
        screen().print("[green]✓[/] It can be published.")
