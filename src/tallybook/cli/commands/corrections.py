"""`tallybook corrections`, and what makes them: `tallybook events void`, `amend`, `backfill`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tallybook.cli.client import Api
from tallybook.cli.commands import events, ingest
from tallybook.cli.importing.importer import Import
from tallybook.cli.importing.mapping import read_mapping
from tallybook.cli.importing.report import Report
from tallybook.cli.progress import progress_bar
from tallybook.cli.session import REFUSED, AsJson, Limit, explained, notes, session_of
from tallybook.cli.tables import Column, moment, print_json, screen, show, show_one
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.kernel.plurals import so_many

commands = typer.Typer(
    no_args_is_help=True, help="Corrections: what was voided, amended, backfilled; taken back."
)

Reason = Annotated[str, typer.Option(help="Why; kept with the correction for ever.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is made.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and no more.")]
From = Annotated[str, typer.Option("--from", help="Then or later, RFC 3339.")]
To = Annotated[str, typer.Option("--to", help="Before then.")]

COLUMNS = (
    Column("made", moment("made_at")),
    Column("id", "id"),
    Column("kind", "kind"),
    Column("voided", "voided", is_right=True),
    Column("added", "added", is_right=True),
    Column("in force", "is_in_force"),
    Column("by", "made_by"),
    Column("reason", "reason"),
)
_FIELDS = (
    *COLUMNS,
    Column("types", "types"),
    Column("events", "events"),
    Column("reverts", "reverts"),
    Column("reverted by", "reverted_by"),
    Column("position", "position"),
)
_QUANTITIES = (
    Column("meter", "meter"),
    Column("customer", "customer"),
    Column("from", moment("from")),
    Column("before", "before", is_right=True),
    Column("after", "after", is_right=True),
)
_BACKFILLS = (
    Column("opened", moment("opened_at")),
    Column("id", "id"),
    Column("type", "type"),
    Column("customer", "customer"),
    Column("from", moment("from")),
    Column("to", moment("to")),
)


@commands.command("list")
def list_corrections(context: typer.Context, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List corrections, the last one first."""
    with session_of(context).open() as api:
        show(api.each("/v1/corrections", limit=limit), COLUMNS, as_json=as_json)


@commands.command("show")
def show_correction(
    context: typer.Context,
    correction: Annotated[str, typer.Argument(help="Its id, cor_….")],
    *,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show a correction, and the first of the events that it voided and added."""
    with session_of(context).open() as api:
        found = api.get(f"/v1/corrections/{correction}")
        touched = list(api.each(f"/v1/corrections/{correction}/events", limit=limit))
    if as_json:
        print_json(found | {"touched": touched})
        return
    show_one(found, _FIELDS, as_json=False)
    show(touched, events.COLUMNS, as_json=False, title="Events voided and added")


@commands.command("revert")
def revert(
    context: typer.Context,
    correction: Annotated[str, typer.Argument(help="Its id, cor_….")],
    *,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Take a correction back; that is a correction itself, and can be taken back."""
    with session_of(context).open() as api:
        made = api.post(f"/v1/corrections/{correction}/revert", {"reason": reason})
    show_one(made, _FIELDS, as_json=as_json)


@commands.command("backfills")
def list_backfills(context: typer.Context, as_json: AsJson = False) -> None:
    """List backfills that were begun and neither committed nor dropped."""
    with session_of(context).open() as api:
        show(api.get("/v1/backfills")["results"], _BACKFILLS, as_json=as_json)


@commands.command("drop")
def drop_backfill(
    context: typer.Context, backfill: Annotated[str, typer.Argument(help="Its id, cor_….")]
) -> None:
    """Forget a backfill that was begun, and its events."""
    with session_of(context).open() as api:
        api.delete(f"/v1/backfills/{backfill}")


@events.commands.command(
    "void",
    epilog="Example: [cyan]tallybook events void --type completion --customer acme"
    " --from 2026-03-02T00:00:00Z --to 2026-03-03T00:00:00Z --reason 'a load test'[/]",
)
def void(
    context: typer.Context,
    *,
    reason: Reason = "",
    type_: Annotated[str, typer.Option("--type", help="Of this type.")] = "",
    customer: Annotated[str, typer.Option(help="Of this customer.")] = "",
    source: Annotated[str, typer.Option(help="From this source.")] = "",
    id_: Annotated[str, typer.Option("--id", help="With this id.")] = "",
    actor: Annotated[str, typer.Option(help="By this actor.")] = "",
    starts: From = "",
    ends: To = "",
    match: Annotated[
        list[str] | None, typer.Option("--match", "-m", help="PROPERTY=VALUE; repeat.")
    ] = None,
    is_dry: DryRun = False,
    is_sure: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take events out of the count: shown first, kept for ever, put back by a revert."""
    wanted: dict[str, Any] = {
        "type": type_, "customer": customer, "source": source, "id": id_, "actor": actor,
        "from": starts, "to": ends, "properties": dict(map(events.pair, match or ())),
    }  # fmt: skip
    wanted = {name: value for name, value in wanted.items() if value}
    with session_of(context).open() as api:
        shown = api.post("/v1/corrections/void/preview", {"events": wanted})
        if not _is_wanted(shown, reason, is_dry=is_dry, is_sure=is_sure, as_json=as_json):
            return
        body = {"events": wanted, "token": shown["token"], "reason": reason}
        made = api.post("/v1/corrections/void", body)
    show_one(made, _FIELDS, as_json=as_json)


@events.commands.command(
    "amend",
    epilog="Example: [cyan]tallybook events amend req_8f3 -p tokens=125 --reason 'ten times'[/]",
)
def amend(
    context: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="id", help="Of the event to amend.")],
    *,
    reason: Reason = "",
    source: Annotated[str, typer.Option(help="Of the event to amend.")] = "api",
    type_: Annotated[str, typer.Option("--type", help="What happened instead.")] = "",
    customer: Annotated[str, typer.Option(help="Who pays instead.")] = "",
    time: Annotated[str, typer.Option(help="When it happened instead, RFC 3339.")] = "",
    actor: Annotated[str, typer.Option(help="Who did it instead.")] = "",
    property_: Annotated[
        list[str] | None,
        typer.Option("--property", "-p", help="NAME=VALUE; repeat. They replace all it has."),
    ] = None,
    new_id: Annotated[str, typer.Option(help="Of what replaces it; else derived.")] = "",
    is_dry: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of it, and no more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Void one event and put another in its place, linked with it."""
    amendment: dict[str, Any] = {
        "id": id_, "source": source, "type": type_, "customer": customer, "time": time,
        "actor": actor, "properties": dict(map(events.pair, property_ or ())), "new_id": new_id,
    }  # fmt: skip
    amendment = {name: value for name, value in amendment.items() if value}
    with session_of(context).open() as api:
        if is_dry:
            answer = api.post("/v1/corrections/amend/preview", {"amendments": [amendment]})
        else:
            body = {"amendments": [amendment], "reason": _needed(reason)}
            answer = api.post("/v1/corrections/amend", body)
        [result] = answer["results"]
        if result["verdict"] == "refused":
            raise Invalid(
                result["code"], result["reason"], field=result["field"], mend=result["mend"]
            )
    if as_json:
        print_json(answer)
    elif is_dry:
        screen().print("it would be amended")
    else:
        screen().print(f"amended: the event that counts now has the id {result['new_id']}")


@events.commands.command("backfill", epilog=ingest.EPILOG.replace("ingest", "events backfill"))
def backfill(
    context: typer.Context,
    file: ingest.File,
    *,
    of: Annotated[str, typer.Option(help="The type of the events that are replaced.")],
    starts: From,
    ends: To,
    only: Annotated[str, typer.Option(help="The one customer whose are replaced.")] = "",
    reason: Reason = "",
    type_: ingest.Type = "",
    customer: ingest.Customer = "",
    time: ingest.Time = "",
    time_format: ingest.TimeFormat = "",
    timezone: ingest.Timezone = "",
    id_: ingest.Identity = None,
    property_: ingest.Properties = None,
    source: ingest.EventSource = "",
    mapping: ingest.MappingFile = None,
    format_: ingest.Format = "",
    resumed: Annotated[
        str, typer.Option("--resume", help="The id of one that broke off before its commit.")
    ] = "",
    is_dry: DryRun = False,
    is_sure: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Replace the events of a type and time by those of a file, as one correction or not at all."""
    options = {
        "type": type_ or f"={of}", "customer": customer or (f"={only}" if only else ""),
        "time": ingest.given({"column": time, "format": time_format, "timezone": timezone}),
        "id": id_, "properties": ingest.pairs(property_), "source": source, "format": format_,
    }  # fmt: skip
    with explained():
        read = read_mapping(mapping, ingest.given(options))
    with session_of(context).open() as api:
        about = {"type": of, "from": starts, "to": ends} | ({"customer": only} if only else {})
        backfill_id = resumed or api.post("/v1/backfills", about)["id"]
        wanted = Import(file, read, to=f"/v1/backfills/{backfill_id}/events")
        report = _stage(api, wanted, backfill_id)
        if not as_json:
            ingest.show_report(report)
        if not report.is_clean:
            notes().print(f"Rows are missing, so it is not committed: {backfill_id} stays open.")
            raise typer.Exit(REFUSED)
        shown = api.post(f"/v1/backfills/{backfill_id}/preview")
        if not _is_wanted(shown, reason, is_dry=is_dry, is_sure=is_sure, as_json=as_json):
            api.delete(f"/v1/backfills/{backfill_id}")
            return
        body = {"token": shown["token"], "reason": reason}
        made = api.post(f"/v1/backfills/{backfill_id}/commit", body)
    show_one(made, _FIELDS, as_json=as_json)


def _stage(api: Api, wanted: Import, backfill_id: str) -> Report:
    with progress_bar(wanted.path.name) as tell:
        wanted.watch = tell
        try:
            return wanted.run(api.client, backfill_id)
        except (KeyboardInterrupt, Refusal):
            notes().print(f"Broken off. The same command with --resume {backfill_id} goes on.")
            raise


def _is_wanted(
    shown: Mapping[str, Any], reason: str, *, is_dry: bool, is_sure: bool, as_json: bool
) -> bool:
    """Show what would change; whether it is to be made."""
    if is_dry and as_json:
        print_json(shown)
    elif not as_json:
        _show_preview(shown)
    if is_dry:
        return False
    _needed(reason)
    if is_sure:
        return True
    if typer.confirm("Correct this?", err=True):
        return True
    notes().print("Nothing was changed.")
    return False


def _needed(reason: str) -> str:
    if not reason:
        raise Invalid(
            "no_reason",
            "A correction says why it is made.",
            field="reason",
            mend="Add --reason, or --dry-run to see only what would change.",
        )
    return reason


def _show_preview(shown: Mapping[str, Any]) -> None:
    screen().print(
        f"{so_many(shown['voided'], 'event|events')} of "
        f"{so_many(shown['customer_count'], 'customer|customers')} would be voided, "
        f"{shown['added']:,} added"
    )
    for title, counts in (("months", shown["months"]), ("customers", shown["customers"])):
        if counts:
            listed = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:12])
            screen().print(f"[dim]{title}[/] {listed}")
    if shown["quantities"]:
        show(shown["quantities"], _QUANTITIES, as_json=False, title="Quantities that change")
