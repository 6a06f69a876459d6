"""`tallybook quarantine`: events that wait, looked at, mended, replayed, discarded."""

from __future__ import annotations

import getpass
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tallybook.cli.client import Api
from tallybook.cli.options import spread
from tallybook.cli.session import AsJson, Limit, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show
from tallybook.domain.kernel.errors import Invalid

commands = typer.Typer(
    no_args_is_help=True,
    help="Quarantine: events that break a rule wait here. List, mend, replay, discard.",
)

By = Annotated[str, typer.Option(help="Who does this; you, if not said.")]
Why = Annotated[str, typer.Option(help="Why.")]


@dataclass(frozen=True)
class Which:
    """Which events are meant: those that fit all that is said."""

    type_: Annotated[str, typer.Option("--type", help="Only of this type.")] = ""
    customer: Annotated[str, typer.Option(help="Only of this customer.")] = ""
    source: Annotated[str, typer.Option(help="Only from this source.")] = ""
    id_: Annotated[str, typer.Option("--id", help="Only with this id.")] = ""
    reason: Annotated[
        str, typer.Option(help="Only held for: schema, too_old, too_far_ahead, conflict.")
    ] = ""
    field: Annotated[str, typer.Option(help="Only held for this field: properties/tokens.")] = ""
    starts: Annotated[str, typer.Option("--from", help="Held then or later, RFC 3339.")] = ""
    ends: Annotated[str, typer.Option("--to", help="Held before then.")] = ""

    def said(self, *, cause: str) -> dict[str, str]:
        """What was said, with the API's word for what they are held for."""
        texts = {
            "type": self.type_, "customer": self.customer, "source": self.source, "id": self.id_,
            cause: self.reason, "field": self.field, "from": self.starts, "to": self.ends,
        }  # fmt: skip
        return {name: text for name, text in texts.items() if text}


_HELD = (
    Column("number", "number", is_right=True),
    Column("held", moment("held_at")),
    Column("state", "state"),
    Column("type", "event/type"),
    Column("customer", "event/customer"),
    Column("id", "event/id"),
    Column("why", "cause"),
    Column("field", "field"),
    Column("reason", "reason"),
)
_COUNTS = (
    Column("type", "type"),
    Column("why", "cause"),
    Column("state", "state"),
    Column("events", "events", is_right=True),
    Column("last held", moment("last_held_at")),
)
_TRIED = (
    Column("number", "number", is_right=True),
    Column("before", "before/properties"),
    Column("after", "after/properties"),
    Column("time", moment("after/time")),
    Column("passes", "passes"),
    Column("reason", "reason"),
)


@commands.command(
    "list",
    epilog="Example: [cyan]tallybook quarantine list --type completion --reason schema[/]",
)
@spread
def list_quarantine(
    context: typer.Context,
    *,
    state: Annotated[str, typer.Option(help="waiting, replayed, discarded or all.")] = "waiting",
    which: Which,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List events in quarantine, the last held first."""
    query = {"state": state} | which.said(cause="reason")
    with session_of(context).open() as api:
        show(api.each("/v1/quarantine", query, limit=limit), _HELD, as_json=as_json)


@commands.command("counts")
def counts(context: typer.Context, as_json: AsJson = False) -> None:
    """Count every event that was ever held, by type, reason and state."""
    with session_of(context).open() as api:
        show(api.get("/v1/quarantine/counts")["results"], _COUNTS, as_json=as_json)


@commands.command(
    "mend",
    epilog="Example: [cyan]tallybook quarantine mend --type completion --rename token_count=tokens"
    " --cast tokens=integer --dry-run[/]",
)
@spread
def mend(
    context: typer.Context,
    *,
    rename: Annotated[list[str] | None, typer.Option(help="OLD=NEW; repeat.")] = None,
    default: Annotated[
        list[str] | None, typer.Option(help="NAME=TEXT, where there is none; repeat.")
    ] = None,
    cast: Annotated[
        list[str] | None, typer.Option(help="NAME=integer, number, text or boolean; repeat.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="NAME; repeat.")] = None,
    shift_time: Annotated[int, typer.Option(help="Later by so many seconds; or earlier.")] = 0,
    mapping: Annotated[
        Path | None, typer.Option(help="Steps in TOML, [[steps]], in their order; go first.")
    ] = None,
    which: Which,
    by: By = "",
    why: Why = "",
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Show before and after only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Mend events that wait by a mapping. Those that pass then wait to be replayed.

    Renames are done first, then defaults, casts, drops and the shift of time; a mapping file keeps
    its own order.
    """
    steps = [
        *_steps_of(mapping),
        *({"do": "rename", "property": old, "to": new} for old, new in _pairs(rename)),
        *({"do": "default", "property": name, "value": text} for name, text in _pairs(default)),
        *({"do": "cast", "property": name, "to": kind} for name, kind in _pairs(cast)),
        *({"do": "drop", "property": name} for name in drop or ()),
    ]
    if shift_time:
        steps.append({"do": "shift_time", "seconds": shift_time})
    body = {
        "which": which.said(cause="cause"),
        "steps": steps,
        "by": _author(by),
        "why": why,
        "dry_run": is_dry,
    }
    _act(context, "mend", body, as_json=as_json)


@commands.command(
    "replay", epilog="Example: [cyan]tallybook quarantine replay --type completion[/]"
)
@spread
def replay(
    context: typer.Context,
    *,
    which: Which,
    by: By = "",
    why: Why = "",
    is_forced: Annotated[
        bool, typer.Option("--force", help="Whatever the rules say; needs --why.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put events that pass by now into the log. Each counts once, however often this is done."""
    body = {"which": which.said(cause="cause"), "by": _author(by), "why": why, "force": is_forced}
    _act(context, "replay", body, as_json=as_json)


@commands.command(
    "discard",
    epilog="Example: [cyan]tallybook quarantine discard --source loadtest --why 'A load test'[/]",
)
@spread
def discard(
    context: typer.Context,
    *,
    why: Why,
    which: Which,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Decide that events that wait never count. They stay on record, with who and why."""
    _act(
        context,
        "discard",
        {"which": which.said(cause="cause"), "by": _author(by), "why": why},
        as_json=as_json,
    )


def _act(context: typer.Context, what: str, body: dict[str, Any], *, as_json: bool) -> None:
    with session_of(context).open() as api:
        counted, shown = _to_the_end(api, what, body)
    if as_json:
        print_json({"counts": counted, "shown": shown})
        return
    if shown:
        show(shown, _TRIED, as_json=False)
    told = ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(counted.items())
    )
    screen().print(f"{told or 'No event waits that fits'}.")


def _to_the_end(
    api: Api, what: str, body: dict[str, Any]
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Ask until all events are done; the counts in all, and the first that were shown."""
    counted: dict[str, int] = {}
    shown: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        answer = api.post(f"/v1/quarantine/{what}", body | {"after": after})
        for name, count in answer["counts"].items():
            counted[name] = counted.get(name, 0) + count
        shown = shown or answer["shown"]
        after = answer["next"]
    return counted, shown


def _author(by: str) -> str:
    return by or getpass.getuser()


def _steps_of(mapping: Path | None) -> list[dict[str, Any]]:
    if mapping is None:
        return []
    try:
        steps: list[dict[str, Any]] = tomllib.loads(mapping.read_text("utf-8"))["steps"]
    except (OSError, ValueError, KeyError) as error:
        raise Invalid(
            "unreadable_mapping",
            f"{mapping.name}: {error}",
            mend='Write [[steps]] with do = "rename", property = "old", to = "new".',
        ) from None
    return steps


def _pairs(texts: list[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r}: write NAME=VALUE.")
        pairs.append((name, value))
    return pairs
