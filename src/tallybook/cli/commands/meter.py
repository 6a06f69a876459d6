"""`tallybook meter`: how events become a number."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tallybook.cli.commands.usage import From, Period, Timezone, To, show_usage
from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show, show_one

commands = typer.Typer(no_args_is_help=True, help="Meters: create, list, show, try.")

Key = Annotated[str, typer.Argument(help="The meter's key.")]
EventType = Annotated[str, typer.Option(help="The type of the events that it counts.")]
Aggregation = Annotated[
    str, typer.Option("--aggregation", "-a", help="count, sum, max, latest, unique_count, …")
]
Value = Annotated[
    str, typer.Option(help="What is aggregated: a property, or an expression over several.")
]
Filter = Annotated[str, typer.Option("--filter", help="Counts only if this is true.")]
Dimensions = Annotated[
    list[str] | None, typer.Option("--dimension", help="A property that usage can be split by.")
]
Unit = Annotated[str, typer.Option(help="What the number counts, such as tokens.")]

_FIELDS = (
    Column("key", "key", style="bold"),
    Column("name", "name"),
    Column("counts", "event_type"),
    Column("aggregation", "aggregation/type"),
    Column("of", "aggregation/value"),
    Column("only if", "filter"),
    Column("dimensions", "dimensions"),
    Column("unit", "unit"),
    Column("id", "id", style="dim"),
    Column("created", moment("created_at")),
)
_SAMPLES = (
    Column("counted", "is_counted"),
    Column("occurred", moment("event/occurred_at")),
    Column("customer", "event/customer"),
    Column("event", "event/id"),
    Column("read as", "values"),
    Column("why not", "reason"),
)


@commands.command(
    "create",
    epilog="Example: [cyan]tallybook meter create tokens --event-type completion -a sum"
    " --value 'input_tokens + output_tokens' --dimension model --unit tokens[/]",
)
def create(
    context: typer.Context,
    key: Key,
    *,
    event_type: EventType,
    aggregation: Aggregation,
    name: Annotated[str, typer.Option(help="For people; the key without.")] = "",
    value: Value = "",
    filter_: Filter = "",
    dimension: Dimensions = None,
    unit: Unit = "",
    as_json: AsJson = False,
) -> None:
    """Define a meter. It counts the events that are stored already, and those that come."""
    body = {
        "key": key,
        "name": name or key,
        "event_type": event_type,
        "aggregation": _how(aggregation, value),
        "filter": filter_,
        "dimensions": dimension or [],
        "unit": unit,
    }
    with session_of(context).open() as api:
        show_one(api.post("/v1/meters", body), _FIELDS, as_json=as_json)


@commands.command(
    "try",
    epilog="Example: [cyan]tallybook meter try --event-type completion -a count"
    " --filter 'input_tokens > 4096' --period 2026-03[/]",
)
def try_out(
    context: typer.Context,
    *,
    event_type: EventType,
    aggregation: Aggregation,
    value: Value = "",
    filter_: Filter = "",
    customer: Annotated[str, typer.Option("--customer", "-c", help="The first ten without.")] = "",
    period: Period = "",
    starts: From = "",
    ends: To = "",
    timezone: Timezone = "UTC",
    as_json: AsJson = False,
) -> None:
    """Show what a meter would make of the stored events: counted or not, and why. Keeps nothing."""
    tried = {
        "key": "tried",
        "name": "Tried out",
        "event_type": event_type,
        "aggregation": _how(aggregation, value),
        "filter": filter_,
    }
    body: dict[str, Any] = {
        "meter": tried,
        "period": period,
        "timezone": timezone,
    }
    said = {"customer": customer, "from": starts, "to": ends}
    body |= {name: text for name, text in said.items() if text}
    with session_of(context).open() as api:
        preview = api.post("/v1/meters/preview", body)
    if as_json:
        print_json(preview)
        return
    screen().print(
        f"{preview['counted']:,} events of this type count, {preview['not_counted']:,} do not."
    )
    show_usage(preview)
    show(preview["samples"], _SAMPLES, as_json=False, title="The last to arrive")


@commands.command("list")
def list_meters(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List meters in key order."""
    with session_of(context).open() as api:
        show(api.each("/v1/meters", limit=limit), _FIELDS[:8], as_json=as_json)


@commands.command("show")
def show_meter(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show one meter."""
    with session_of(context).open() as api:
        show_one(api.get(f"/v1/meters/{key}"), _FIELDS, as_json=as_json)


def _how(aggregation: str, value: str) -> dict[str, str]:
    return {"type": aggregation, "value": value} if value else {"type": aggregation}
