"""`tallybook events`: sent one by one, and looked up. Files go by `tallybook ingest`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tallybook.cli.session import AsJson, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show
from tallybook.domain.kernel.errors import Invalid

commands = typer.Typer(no_args_is_help=True, help="Events: send one, list those that are kept.")

COLUMNS = (
    Column("occurred", moment("occurred_at")),
    Column("id", "id"),
    Column("type", "type"),
    Column("customer", "customer"),
    Column("source", "source"),
    Column("properties", "properties"),
    Column("position", "position", is_right=True),
    Column("voided by", "voided_by", is_rare=True),
    Column("added by", "added_by", is_rare=True),
)


@commands.command(
    "send",
    epilog="Example: [cyan]tallybook events send completion --customer acme --id req_8f3"
    " --time 2026-03-01T12:30:00Z -p tokens=1250[/]",
)
def send(
    context: typer.Context,
    type_: Annotated[str, typer.Argument(metavar="type", help="What happened.")],
    *,
    customer: Annotated[str, typer.Option(help="The key of who pays.")],
    id_: Annotated[str, typer.Option("--id", help="The same id again counts once.")],
    time: Annotated[str, typer.Option(help="When it happened, RFC 3339.")],
    property_: Annotated[
        list[str] | None, typer.Option("--property", "-p", help="NAME=VALUE; repeat.")
    ] = None,
    source: Annotated[str, typer.Option(help="Part of the identity.")] = "cli",
    actor: Annotated[str, typer.Option(help="Who did it, inside the customer.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send one event. An answer means: on disk, counted once, in the next usage asked for."""
    with session_of(context).open() as api:
        event: dict[str, Any] = {
            "type": type_,
            "customer": customer,
            "id": id_,
            "time": time,
            "source": source,
            "actor": actor,
            "properties": dict(map(pair, property_ or ())),
        }
        answer = api.post("/v1/events", event)
    if as_json:
        print_json(answer)
        return
    [verdict] = [verdict for verdict, count in answer["counts"].items() if count]
    screen().print(f"{verdict}, at position {answer['position']} of the log at the latest")


@commands.command(
    "list",
    epilog="Example: [cyan]tallybook events list --customer acme --match model=swift --limit 5[/]",
)
def list_events(
    context: typer.Context,
    *,
    type_: Annotated[str, typer.Option("--type", help="Only of this type.")] = "",
    customer: Annotated[str, typer.Option(help="Only of this customer.")] = "",
    source: Annotated[str, typer.Option(help="Only from this source.")] = "",
    id_: Annotated[str, typer.Option("--id", help="Only with this id.")] = "",
    actor: Annotated[str, typer.Option(help="Only by this actor.")] = "",
    starts: Annotated[str, typer.Option("--from", help="Then or later, RFC 3339.")] = "",
    ends: Annotated[str, typer.Option("--to", help="Before then.")] = "",
    match: Annotated[
        list[str] | None, typer.Option("--match", "-m", help="PROPERTY=VALUE; repeat.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 is all.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List events, the last to arrive first."""
    with session_of(context).open() as api:
        query = {
            "type": type_,
            "customer": customer,
            "source": source,
            "id": id_,
            "actor": actor,
            "from": starts,
            "to": ends,
            "match": [":".join(pair(text)) for text in match or ()],
        }
        show(api.each("/v1/events", query, limit=limit), COLUMNS, as_json=as_json)


def pair(text: str) -> tuple[str, str]:
    """Name and value of `NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid(
            "malformed_property",
            f"{text!r} does not say which property has which value.",
            field="properties",
            mend="Write NAME=VALUE, such as tokens=1250.",
        )
    return name, value
