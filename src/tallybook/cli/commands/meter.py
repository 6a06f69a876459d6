"""`tallybook meter`: how events become a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import typer

from tallybook.cli.commands.usage import From, Period, Timezone, To, show_usage
from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show, show_one
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.plurals import so_many
from tallybook.domain.metering.meter import AnyAggregation

commands = typer.Typer(
    no_args_is_help=True, help="Meters: create, try, change, list, show, versions."
)

Key = Annotated[str, typer.Argument(help="The meter's key.")]
EventType = Annotated[str, typer.Option(help="The type of the events that it counts.")]
Aggregation = Annotated[
    str, typer.Option("--aggregation", "-a", help="count, sum, max, latest, unique_count, …")
]
Value = Annotated[
    str, typer.Option(help="What is aggregated: a property, or an expression over several.")
]
With = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        "-w",
        metavar="FIELD=VALUE",
        help="What else the aggregation is told, such as session=call_id, digits=5, percent=99.",
    ),
]
Filter = Annotated[str, typer.Option("--filter", help="Counts only if this is true.")]
Dimensions = Annotated[
    list[str] | None, typer.Option("--dimension", help="A property that usage can be split by.")
]
Unit = Annotated[str, typer.Option(help="What the number counts, such as tokens.")]
MultiplyBy = Annotated[
    str, typer.Option(metavar="NUMBER", help="To come to the unit, what is aggregated times this.")
]
DivideBy = Annotated[str, typer.Option(metavar="NUMBER", help="And divided by this, once.")]
Places = Annotated[
    int | None,
    typer.Option(
        "--round", metavar="PLACES", help="At last rounded to so many places; -2 is hundreds."
    ),
]

_FIELDS = (
    Column("key", "key", style="bold"),
    Column("name", "name"),
    Column("counts", "event_type"),
    Column("aggregation", "aggregation/type"),
    Column("of", "aggregation/value"),
    Column("with", lambda meter: _told(meter["aggregation"]), is_rare=True),
    Column("only if", "filter"),
    Column("dimensions", "dimensions"),
    Column("unit", "unit"),
    Column("converted", "conversion", is_rare=True),
    Column("rounded", "rounding", is_rare=True),
    Column("version", "version"),
    Column("id", "id", style="dim"),
    Column("created", moment("created_at")),
)
_LISTED = _FIELDS[:9]
_VERSIONS = (*_FIELDS[11:], *_FIELDS[1:11])
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
    epilog="Examples: [cyan]tallybook meter create tokens --event-type completion -a sum"
    " --value 'input_tokens + output_tokens' --dimension model --unit tokens[/]"
    " · [cyan]tallybook meter create kwh --event-type reading -a counter --value kwh"
    " -w decrease=rollover -w digits=6[/]",
)
def create(
    context: typer.Context,
    key: Key,
    *,
    event_type: EventType,
    aggregation: Aggregation,
    name: Annotated[str, typer.Option(help="For people; the key without.")] = "",
    value: Value = "",
    with_: With = None,
    filter_: Filter = "",
    dimension: Dimensions = None,
    unit: Unit = "",
    multiply_by: MultiplyBy = "",
    divide_by: DivideBy = "",
    places: Places = None,
    as_json: AsJson = False,
) -> None:
    """Define a meter. It counts the events that are stored already, and those that come."""
    with session_of(context).open() as api:
        body = {
            "key": key,
            "name": name or key,
            "event_type": event_type,
            "aggregation": _how({"type": aggregation}, value, with_),
            "filter": filter_,
            "dimensions": dimension or [],
            "unit": unit,
            **_last_step(multiply_by, divide_by, places),
        }
        show_one(api.post("/v1/meters", body), _FIELDS, as_json=as_json)


@commands.command(
    "change",
    epilog="Example: [cyan]tallybook meter change tokens --value 'input_tokens + 4 * output_tokens'"
    "[/]",
)
def change(
    context: typer.Context,
    key: Key,
    *,
    event_type: Annotated[
        str | None, typer.Option(help="The type of the events that it counts.")
    ] = None,
    aggregation: Annotated[
        str | None, typer.Option("--aggregation", "-a", help="Another one, said as a whole.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    value: Annotated[str | None, typer.Option(help="What is aggregated.")] = None,
    with_: With = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", help="Counts only if this is true; '' counts all.")
    ] = None,
    dimension: Annotated[
        list[str] | None, typer.Option("--dimension", help="One more that usage is split by.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a meter another version: what is not said stays as it is. Invoices keep theirs."""
    with session_of(context).open() as api:
        kept = api.get(f"/v1/meters/{key}")
        body = {field: kept[field] for field in _DEFINED if kept.get(field) is not None}
        said = {"event_type": event_type, "name": name, "filter": filter_}
        body |= {field: text for field, text in said.items() if text is not None}
        before = {"type": aggregation} if aggregation else body["aggregation"]
        body["aggregation"] = _how(before, value or "", with_)
        body["dimensions"] = [*dict.fromkeys([*kept["dimensions"], *(dimension or [])])]
        show_one(api.put(f"/v1/meters/{key}", body), _FIELDS, as_json=as_json)


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
    with_: With = None,
    filter_: Filter = "",
    customer: Annotated[str, typer.Option("--customer", "-c", help="The first ten without.")] = "",
    period: Period = "",
    starts: From = "",
    ends: To = "",
    timezone: Timezone = "UTC",
    as_json: AsJson = False,
) -> None:
    """Show what a meter would make of the stored events: counted or not, and why. Keeps nothing."""
    said = {"customer": customer, "from": starts, "to": ends}
    with session_of(context).open() as api:
        tried = {
            "key": "tried",
            "name": "Tried out",
            "event_type": event_type,
            "aggregation": _how({"type": aggregation}, value, with_),
            "filter": filter_,
        }
        body: dict[str, Any] = {"meter": tried, "period": period, "timezone": timezone}
        body |= {name: text for name, text in said.items() if text}
        preview = api.post("/v1/meters/preview", body)
    if as_json:
        print_json(preview)
        return
    screen().print(
        f"Of this type {so_many(preview['counted'], 'event counts|events count')}, "
        f"{so_many(preview['not_counted'], 'does not|do not')}."
    )
    show_usage(preview)
    show(preview["samples"], _SAMPLES, as_json=False, title="The last to arrive")


@commands.command("list")
def list_meters(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List meters in key order."""
    with session_of(context).open() as api:
        show(api.each("/v1/meters", limit=limit), _LISTED, as_json=as_json)


@commands.command("show")
def show_meter(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show one meter."""
    with session_of(context).open() as api:
        show_one(api.get(f"/v1/meters/{key}"), _FIELDS, as_json=as_json)


@commands.command("versions")
def list_versions(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """List every version of a meter, the first one first."""
    with session_of(context).open() as api:
        show(api.get(f"/v1/meters/{key}/versions")["results"], _VERSIONS, as_json=as_json)


_DEFINED = (
    *("key", "name", "event_type", "aggregation", "filter", "dimensions", "unit"),
    *("conversion", "rounding"),
)


def _how(before: Mapping[str, Any], value: str, more: list[str] | None) -> dict[str, Any]:
    """An aggregation as the API takes it, with what more is said; the server says what is wrong."""
    told = {**before} | ({"value": value} if value else {})
    for text in more or ():
        field, equals, said = text.partition("=")
        if not equals:
            raise Invalid(
                "malformed_with",
                f"{text!r} does not say which field is what.",
                field="with",
                mend="Write FIELD=VALUE, such as digits=5.",
            )
        told[field] = said
    try:
        read = msgspec.convert(told, AnyAggregation, strict=False)
    except msgspec.ValidationError:
        return told
    kept: dict[str, Any] = msgspec.to_builtins(read)
    return kept


def _last_step(multiply_by: str, divide_by: str, places: int | None) -> dict[str, Any]:
    """Conversion and rounding, as far as they are said."""
    factors = {"multiply_by": multiply_by, "divide_by": divide_by}
    said = {name: factor for name, factor in factors.items() if factor}
    rounding = {} if places is None else {"rounding": {"scale": places}}
    return ({"conversion": said} if said else {}) | rounding


def _told(aggregation: Mapping[str, Any]) -> str:
    """What an aggregation is told but what it is of."""
    rest = {name: text for name, text in aggregation.items() if name not in {"type", "value"}}
    return ", ".join(f"{name}={text}" for name, text in rest.items())
