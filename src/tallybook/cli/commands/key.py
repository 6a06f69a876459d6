"""`tallybook key`: API keys, issued, listed, revoked."""

from __future__ import annotations

from typing import Annotated

import typer

from tallybook.cli.session import AsJson, notes, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show

commands = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")

_COLUMNS = (
    Column("id", "id"),
    Column("name", "name"),
    Column("begins", "prefix"),
    Column("scopes", "scopes"),
    Column("created", moment("created_at")),
    Column("revoked", moment("revoked_at")),
)


@commands.command("create", epilog="Example: [cyan]tallybook key create gateway --scope ingest[/]")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str], typer.Option("--scope", "-s", help="ingest, read or write; repeat for more.")
    ],
    as_json: AsJson = False,
) -> None:
    """Issue a key. Its text is shown this once; only its hash is kept."""
    with session_of(context).open() as api:
        issued = api.post("/v1/api-keys", {"name": name, "scopes": scope})
    if as_json:
        print_json(issued)
        return
    notes().print(f"Key {issued['id']} for {', '.join(issued['scopes'])}. Keep its text now:")
    screen().print(issued["text"])


@commands.command("list")
def list_keys(context: typer.Context, as_json: AsJson = False) -> None:
    """List the organization's keys, revoked ones too."""
    with session_of(context).open() as api:
        show(api.each("/v1/api-keys"), _COLUMNS, as_json=as_json)


@commands.command("revoke", epilog="Example: [cyan]tallybook key revoke key_01h…[/]")
def revoke(context: typer.Context, key_id: Annotated[str, typer.Argument(help="key_…")]) -> None:
    """Revoke a key: its next request is refused."""
    with session_of(context).open() as api:
        api.delete(f"/v1/api-keys/{key_id}")
    notes().print(f"Key {key_id} is revoked.")
