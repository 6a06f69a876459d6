"""`tallybook events tail` and `search`: what arrives, as it arrives, and what is kept."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from tallybook.cli.client import Api
from tallybook.cli.commands import events
from tallybook.cli.session import AsJson, Limit, notes, session_of
from tallybook.cli.tables import moment, screen, show

SEARCH_EPILOG = """\
Example: [cyan]tallybook events search model=swift --customer acme --from 2026-03-01T00:00:00Z[/]"""
TAIL_EPILOG = "Example: [cyan]tallybook events tail --type completion model=swift[/]"

Type = Annotated[str, typer.Option("--type", help="Only of this type.")]
Customer = Annotated[str, typer.Option(help="Only of this customer.")]
Source = Annotated[str, typer.Option(help="Only from this source.")]
Actor = Annotated[str, typer.Option(help="Only by this actor.")]
Properties = Annotated[
    list[str] | None, typer.Argument(metavar="[PROPERTY=VALUE]...", help="Only with these.")
]

_PAGE = 1_000
_MOST_AT_ONCE = 10_000
_OCCURRED = moment("occurred_at")


def search(
    context: typer.Context,
    properties: Properties = None,
    *,
    type_: Type = "",
    customer: Customer = "",
    source: Source = "",
    id_: Annotated[str, typer.Option("--id", help="Only with this id.")] = "",
    actor: Actor = "",
    starts: Annotated[str, typer.Option("--from", help="Then or later, RFC 3339.")] = "",
    ends: Annotated[str, typer.Option("--to", help="Before then.")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Search the events that are kept by what they say, the last to arrive first."""
    wanted = _wanted(properties, type=type_, customer=customer, source=source, id=id_, actor=actor)
    wanted |= {"from": starts, "to": ends}
    with session_of(context).open() as api:
        found = api.each("/v1/events", wanted, limit=limit)
        show(found, events.COLUMNS, as_json=as_json)


def tail(
    context: typer.Context,
    properties: Properties = None,
    *,
    type_: Type = "",
    customer: Customer = "",
    source: Source = "",
    actor: Actor = "",
    last: Annotated[int, typer.Option(min=0, help="Begin with so many that are there.")] = 10,
    every: Annotated[float, typer.Option(min=0.1, help="Ask again after so many seconds.")] = 1.0,
    seconds: Annotated[
        float, typer.Option("--for", min=0, help="End after so many seconds; 0 goes on.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Show events as they arrive, until Ctrl-C. Each is shown once, in order of arrival."""
    wanted = _wanted(properties, type=type_, customer=customer, source=source, actor=actor)
    ends_at = time.monotonic() + seconds if seconds else None
    with session_of(context).open() as api, suppress(KeyboardInterrupt):
        for event in _following(api, wanted, last=last, every=every, ends_at=ends_at):
            _tell(event, as_json=as_json)


def _following(
    api: Api, wanted: Mapping[str, Any], *, last: int, every: float, ends_at: float | None
) -> Iterator[Mapping[str, Any]]:
    """The last events that are there, then those that come, by their positions in the log."""
    there = api.get("/v1/events", {**wanted, "limit": max(1, min(last, _PAGE))})["results"]
    yield from reversed(there[:last])
    position = there[0]["position"] if there else -1
    while ends_at is None or time.monotonic() < ends_at:
        time.sleep(every)
        arrived = _since(api, wanted, position)
        yield from reversed(arrived)
        if arrived:
            position = arrived[0]["position"]


def _since(api: Api, wanted: Mapping[str, Any], position: int) -> list[Mapping[str, Any]]:
    """Events behind a position, the last first; of very many, the last `_MOST_AT_ONCE`."""
    found: list[Mapping[str, Any]] = []
    after = ""
    while len(found) < _MOST_AT_ONCE:
        page = api.get("/v1/events", {**wanted, "limit": _PAGE, "after": after})
        new = [event for event in page["results"] if event["position"] > position]
        found += new
        after = page["next"] or ""
        if len(new) < len(page["results"]) or not after:
            return found
    notes().print(f"More than {len(found):,} events came at once: earlier ones are not shown.")
    return found


def _tell(event: Mapping[str, Any], *, as_json: bool) -> None:
    """One event as a line."""
    if as_json:
        typer.echo(msgspec.json.encode(event))
        return
    told = Text(_OCCURRED(event), "dim")
    told.append(f"  {event['type']}", "bold").append(f"  {event['customer']}", "cyan")
    said = ", ".join(f"{name}={value}" for name, value in event["properties"].items())
    told.append(f"  {said}" if said else "").append(f"  {event['id']}", "dim")
    screen().print(told, soft_wrap=True)


def _wanted(properties: Iterable[str] | None, **named: str) -> dict[str, Any]:
    return {**named, "match": [":".join(events.pair(text)) for text in properties or ()]}
