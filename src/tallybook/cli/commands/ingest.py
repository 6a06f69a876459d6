"""`tallybook ingest`: a usage file, counted once however often it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from tallybook.cli.client import Api
from tallybook.cli.files.formats import FORMATS
from tallybook.cli.importing.importer import Import
from tallybook.cli.importing.mapping import read_mapping
from tallybook.cli.importing.rejected import RejectedFile
from tallybook.cli.importing.report import Report
from tallybook.cli.progress import progress_bar
from tallybook.cli.session import REFUSED, AsJson, Session, explained, notes, session_of
from tallybook.cli.tables import Column, print_json, screen, show
from tallybook.domain.kernel.errors import Forbidden, Refusal

EPILOG = """
Wherever a column is named, [cyan]=text[/] stands for that text in every row.

[cyan]tallybook ingest usage.csv --type =api_call --customer account --time at --id request_id[/]

[cyan]tallybook ingest trace.jsonl.gz --type =completion --customer =acme --id @row
--time timestamp --time-format millis --time-base 2026-03-01T00:00:00Z --property tokens=n[/]

[cyan]tallybook ingest costs.csv --mapping costs.toml --where "LineItemType=Usage" --dry-run[/]

[cyan]tallybook ingest access.log.gz --format access-log --customer =acme[/]
"""

_PROBLEMS = (
    Column("row", "row", is_right=True),
    Column("verdict", "verdict"),
    Column("field", "field"),
    Column("reason", "reason"),
    Column("mend", "mend"),
)


File = Annotated[
    Path, typer.Argument(help="CSV, NDJSON, Parquet, an access log or NEM; gzip is unpacked.")
]
Type = Annotated[str, typer.Option("--type", help="What happened: a column, or =text.")]
Customer = Annotated[str, typer.Option(help="The customer's key: a column, or =text.")]
Time = Annotated[str, typer.Option(help="When: a column.")]
TimeFormat = Annotated[
    str, typer.Option(help="seconds, millis, micros, nanos, or a pattern; else RFC 3339.")
]
TimeBase = Annotated[str, typer.Option(help="What counts are counted from; else 1970.")]
Timezone = Annotated[str, typer.Option(help="Of times that name no zone, such as UTC.")]
Identity = Annotated[
    list[str] | None,
    typer.Option("--id", help="Columns that tell events apart; or @row, or @content."),
]
Properties = Annotated[
    list[str] | None,
    typer.Option("--property", "-p", help="NAME=COLUMN; all other columns without any."),
]
Also = Annotated[
    list[str] | None, typer.Option(help="A column to keep beside the format's own properties.")
]
Where = Annotated[
    list[str] | None, typer.Option(help="Only rows with COLUMN=TEXT, or COLUMN!=TEXT.")
]
Actor = Annotated[str, typer.Option(help="Who did it: a column.")]
EventSource = Annotated[str, typer.Option(help="Part of the identity: a column, or =text.")]
MappingFile = Annotated[
    Path | None, typer.Option(help="All of this in TOML; options go before it.")
]
Format = Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}; else by its name.")]
Delimiter = Annotated[str, typer.Option(help="Of CSV; else told by the header.")]
Encoding = Annotated[str, typer.Option(help="Of CSV; else UTF-8.")]
Rejected = Annotated[Path | None, typer.Option(help="Write what did not count here, as NDJSON.")]
BatchSize = Annotated[int, typer.Option(min=1, max=20_000, help="Events a request.")]
Connections = Annotated[int, typer.Option(min=1, max=64, help="Requests at a time.")]
FromStart = Annotated[
    bool, typer.Option("--from-start", help="Do not resume an import that broke off.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the first events only.")]


def ingest(
    context: typer.Context,
    file: File,
    *,
    type_: Type = "",
    customer: Customer = "",
    time: Time = "",
    time_format: TimeFormat = "",
    time_base: TimeBase = "",
    timezone: Timezone = "",
    id_: Identity = None,
    property_: Properties = None,
    also: Also = None,
    where: Where = None,
    actor: Actor = "",
    source: EventSource = "",
    mapping: MappingFile = None,
    format_: Format = "",
    delimiter: Delimiter = "",
    encoding: Encoding = "",
    rejected: Rejected = None,
    batch_size: BatchSize = 1000,
    connections: Connections = 4,
    from_start: FromStart = False,
    is_dry: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send a usage file as events. Safe to repeat: an event counts once, by its identity.

    An import that breaks off goes on where it was. Rows that cannot count are reported by their
    number; the exit code is then 1.
    """
    options = {
        "type": type_, "customer": customer, "id": id_, "actor": actor, "source": source,
        "time": given({
            "column": time, "format": time_format, "base": time_base, "timezone": timezone,
        }),
        "properties": pairs(property_), "also": also, "where": where,
        "format": format_, "delimiter": delimiter, "encoding": encoding,
    }  # fmt: skip
    with explained():
        read = read_mapping(mapping, given(options))
        wanted = Import(file, read, batch_size, connections, is_resumed=not from_start)
        wanted.rejected = RejectedFile(rejected)
        if is_dry:
            print_json(wanted.sample(3))
            return
    report = _run(session_of(context), wanted)
    if as_json:
        print_json(report)
    else:
        show_report(report)
    if not report.is_clean:
        raise typer.Exit(REFUSED)


def _run(session: Session, wanted: Import) -> Report:
    name = wanted.path.name
    with session.open() as api, progress_bar(name) as tell:
        wanted.watch = tell
        try:
            return wanted.run(api.client, _where(api))
        except (KeyboardInterrupt, Refusal):
            if wanted.report.rows:
                notes().print("Broken off. The same command goes on from here.")
            raise


def _where(api: Api) -> str:
    """What tells one server's books from another's: an organization's id is never made twice."""
    try:
        return str(api.get("/v1/organization")["id"])
    except Forbidden:  # a key that may ingest need not be one that may read
        return str(api.client.base_url)


def show_report(report: Report) -> None:
    """What became of every row of a file."""
    counts = {
        "files": report.files if report.files > 1 else 0,
        "rows read": report.rows,
        "accepted": report.verdicts.get("accepted", 0),
        "duplicate": report.verdicts.get("duplicate", 0),
        "conflict": report.verdicts.get("conflict", 0),
        "rejected": report.verdicts.get("rejected", 0),
        "quarantined": report.verdicts.get("quarantined", 0),
        "not readable": report.unreadable,
        "left out by --where": report.skipped,
        "of them before, resumed": report.resumed,
    }
    shown = [
        {"what": what, "rows": f"{count:,}"}
        for what, count in counts.items()
        if count or what in ("rows read", "accepted")
    ]
    seconds = max(report.elapsed_seconds, 0.001)
    title = f"{escape(report.file)}: {seconds:,.1f} s, {report.rows / seconds:,.0f} rows/s"
    show(shown, (Column("", "what"), Column("rows", "rows", True)), as_json=False, title=title)
    if report.problems:
        screen().print("[bold red]These did not count[/], the first of them:")
        first = sorted(report.problems, key=lambda problem: problem.row)
        is_archive = any(problem.file for problem in first)
        columns = (Column("file", "file"), *_PROBLEMS) if is_archive else _PROBLEMS
        # By way of JSON: an event read from NDJSON has the very digits of its numbers.
        show(msgspec.json.decode(msgspec.json.encode(first)), columns, as_json=False)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that say something."""
    return {name: value for name, value in options.items() if value not in (None, "", [], {})}


def pairs(texts: list[str] | None) -> dict[str, str] | None:
    """Names and columns of `NAME=COLUMN`; None where there is none."""
    found = {}
    for text in texts or ():
        name, equals, column = text.partition("=")
        if not equals or not column:
            raise typer.BadParameter(f"{text!r}: write NAME=COLUMN, or NAME==TEXT.")
        found[name] = column
    return found or None
