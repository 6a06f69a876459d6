"""`tallybook event-type`: what events look like, said in a file or found in the traffic."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from tallybook.cli.client import Api
from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, print_json, show, show_one
from tallybook.domain.kernel.errors import Invalid, Refusal

commands = typer.Typer(
    no_args_is_help=True, help="Event types: list, show, apply a file, discover, adopt."
)

Key = Annotated[str, typer.Argument(help="The type, as events have it.")]
Days = Annotated[int, typer.Option(min=1, help="Look at what arrived in so many days.")]

_FIELDS = (
    Column("type", "key", style="bold"),
    Column("status", "status"),
    Column("strictness", "strictness"),
    Column("version", "version", is_right=True),
    Column("owner", "owner"),
    Column("description", "description"),
    Column("created", moment("created_at")),
)
_DISCOVERED = (
    Column("type", "type"),
    Column("events", "events", is_right=True),
    Column("sources", "sources", is_right=True),
    Column("last seen", moment("last_seen")),
    Column("known", "is_known"),
    Column("properties", lambda found: ", ".join(map(_property, found["properties"]))),
)
_SETTINGS = (
    Column("types are spelt", "type_naming"),
    Column("properties are spelt", "property_naming"),
    Column("too old after days", "max_age_days"),
    Column("too far ahead after seconds", "max_ahead_seconds"),
    Column("most in quarantine", "max_held"),
)
_APPLIED = (
    Column("type", "key"),
    Column("version", "version", is_right=True),
    Column("is", "what"),
)


@commands.command("list")
def list_event_types(context: typer.Context, limit: Limit = 100, as_json: AsJson = False) -> None:
    """List event types in key order."""
    with session_of(context).open() as api:
        show(api.each("/v1/event-types", limit=limit), _FIELDS[:6], as_json=as_json)


@commands.command("show")
def show_event_type(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Show one event type with its schema and examples."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/event-types/{key}")
    show_one(found, _FIELDS, as_json=as_json)
    if not as_json:
        print_json({name: found[name] for name in ("schema", "examples")})


@commands.command(
    "apply", epilog="Example: [cyan]tallybook event-type apply events.toml --dry-run[/]"
)
def apply_event_types(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A tracking plan, in TOML.", metavar="events.toml")],
    *,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Show only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Save the types of a file, `[types.KEY]`, and the `[settings]` for all events.

    A type has the fields of the API; `schema_file` names a JSON file beside it instead of `schema`.
    Types that the file does not name stay as they are.
    """
    with session_of(context).open() as api:
        plan = _read(file)
        applied = [
            _applied(api, key, body, is_dry=is_dry) for key, body in plan.get("types", {}).items()
        ]
        if "settings" in plan and not is_dry:
            api.put("/v1/event-settings", plan["settings"])
    show(applied, _APPLIED, as_json=as_json)


@commands.command("discover", epilog="Example: [cyan]tallybook event-type discover --days 7[/]")
def discover(context: typer.Context, *, days: Days = 30, as_json: AsJson = False) -> None:
    """Show the types that are sent, with their properties and how their values read."""
    with session_of(context).open() as api:
        found = api.get("/v1/discovered-event-types", {"days": days})["results"]
    show(found, _DISCOVERED, as_json=as_json)


@commands.command(
    "adopt", epilog="Example: [cyan]tallybook event-type adopt completion --owner inference[/]"
)
def adopt(
    context: typer.Context,
    key: Key,
    *,
    days: Days = 30,
    owner: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Save a type that is sent as a draft, with a schema that all of its events keep."""
    with session_of(context).open() as api:
        draft = api.post(f"/v1/event-types/{key}/adopt", {"days": days, "owner": owner})
    show_one(draft, _FIELDS, as_json=as_json)
    if not as_json:
        print_json(draft["schema"])


@commands.command(
    "settings",
    epilog="Example: [cyan]tallybook event-type settings --max-age-days 90"
    " --max-ahead-seconds 300[/]",
)
def settings(
    context: typer.Context,
    *,
    max_age_days: Annotated[
        int | None, typer.Option(min=0, help="Older events wait in quarantine; 0 is no limit.")
    ] = None,
    max_ahead_seconds: Annotated[
        int | None, typer.Option(min=-1, help="So do those further ahead; -1 is no limit.")
    ] = None,
    max_held: Annotated[
        int | None, typer.Option(min=0, help="So many may wait in quarantine; more are rejected.")
    ] = None,
    type_naming: Annotated[
        str, typer.Option(help="off, snake_case, kebab-case, camelCase or dotted.")
    ] = "",
    property_naming: Annotated[str, typer.Option(help="The same, of properties.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what is demanded of all events, or change what is given."""
    changes: dict[str, Any] = {}
    if max_age_days is not None:
        changes["max_age_days"] = max_age_days or None
    if max_ahead_seconds is not None:
        changes["max_ahead_seconds"] = None if max_ahead_seconds < 0 else max_ahead_seconds
    if max_held is not None:
        changes["max_held"] = max_held
    if type_naming:
        changes["type_naming"] = type_naming
    if property_naming:
        changes["property_naming"] = property_naming
    with session_of(context).open() as api:
        now = api.get("/v1/event-settings")
        if changes:
            now = api.put("/v1/event-settings", now | changes)
    show_one(now, _SETTINGS, as_json=as_json)


def _read(file: Path) -> dict[str, Any]:
    try:
        plan = tomllib.loads(file.read_text("utf-8"))
        for body in plan.get("types", {}).values():
            if "schema_file" in body:
                schema = (file.parent / body.pop("schema_file")).read_bytes()
                body["schema"] = msgspec.json.decode(schema)
    except (OSError, ValueError, AttributeError, TypeError, msgspec.DecodeError) as error:
        raise Invalid(
            "unreadable_plan",
            f"{file.name}: {error}",
            mend="Mend the TOML, or the JSON file that it names.",
        ) from None
    unknown = [name for name in plan if name not in {"types", "settings"}]
    if unknown:
        raise Invalid(
            "unknown_table",
            f"{file.name}: there is no table {unknown[0]!r}.",
            field=unknown[0],
            mend="Write [types.KEY] and [settings].",
        )
    return plan


def _applied(api: Api, key: str, body: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
    before = api.find(f"/v1/event-types/{key}")
    version = before["version"] if before else 0
    if is_dry:
        same = before and all(before.get(name) == value for name, value in body.items())
        what = "the same" if same else "would change" if before else "would be new"
        return {"key": key, "version": version or "", "what": what}
    try:
        after = api.put(f"/v1/event-types/{key}", body)
    except Refusal as refusal:
        raise refusal.at(f"types/{key}") from None
    what = "the same" if after["version"] == version else "changed" if version else "new"
    return {"key": key, "version": after["version"], "what": what}


def _property(seen: dict[str, Any]) -> str:
    return f"{seen['name']} ({' or '.join(seen['kinds'])})"
