"""The `tallybook` program: the commands over the API, and those that need no API."""

from __future__ import annotations

import sys
import webbrowser
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tallybook.bootstrap.config import HOST, PORT, Config, read_config
from tallybook.bootstrap.failures import NotStartedError
from tallybook.bootstrap.occupancy import Server, is_occupied, occupied
from tallybook.bootstrap.reach import connect
from tallybook.cli.main import compose
from tallybook.cli.session import REFUSED, UNREACHABLE, notes, session_of, show_refusal
from tallybook.domain.kernel.errors import Refusal, Unavailable


def main() -> None:
    """Run the program. What stands in its way is told in a sentence, not as a trace."""
    program = build_program()
    try:
        program()
    except Refusal as refusal:
        show_refusal(refusal)
        sys.exit(UNREACHABLE if isinstance(refusal, Unavailable) else REFUSED)
    except (NotStartedError, OSError) as error:
        notes().print(f"[bold red]✗[/] {escape(str(error))}", highlight=False)
        sys.exit(UNREACHABLE)


def build_program() -> typer.Typer:
    """Every command, those over the API first.

    What loads the engines is imported where it is used: it takes a second, and most commands only
    talk to a server.
    """
    program = compose(connect)
    for command in (serve, init, console, migrate, doctor):
        program.command()(command)
    return program


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="The address to serve at; 0.0.0.0 for all of the machine's.")
    ] = HOST,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to serve at; 0 picks a free one.")
    ] = PORT,
) -> None:
    """Serve the API and the pages, until Ctrl-C or SIGTERM."""
    from tallybook.bootstrap.serving import serve as serve_until_told

    config = _config(context)

    def greet(server: Server) -> None:
        console = notes()
        console.print(f"[bold green]✓[/] Tallybook serves [bold]{server.url}[/]", highlight=False)
        console.print(f"  [dim]data[/]  {config.directory}", highlight=False)
        console.print(f"  [dim]API[/]   {server.url}/docs", highlight=False)
        console.print("  [dim]enter[/] tallybook console", highlight=False)

    serve_until_told(config, host=host, port=port, on_ready=greet)


def init(
    context: typer.Context,
    key: Annotated[str, typer.Option(help="The organization's key, for machines.")] = "main",
    name: Annotated[str, typer.Option(help="Its name, for people.")] = "My organization",
    is_test: Annotated[
        bool, typer.Option("--test", help="For tests: it may live on a clock of its own.")
    ] = False,
) -> None:
    """Make an organization and print its first API key, this once."""
    mode = "test" if is_test else "live"
    with session_of(context).open() as api:
        made = api.post("/v1/organizations", {"key": key, "name": name, "mode": mode})
    notes().print(
        f"[bold green]✓[/] Organization [bold]{made['organization']['key']}[/] is made. Its API key"
        " can do everything and is shown only now:",
        highlight=False,
    )
    Console(highlight=False, soft_wrap=True).print(made["api_key"])


def console(
    context: typer.Context,
    is_opened: Annotated[
        bool, typer.Option("--open/--print", help="Open the browser, or print the link.")
    ] = True,
) -> None:
    """Enter the console in a browser, signed in: for whoever runs the server."""
    config = _config(context)
    if not is_occupied(config.directory):
        notes().print("[bold red]✗[/] No server is running. Start one with `tallybook serve`.")
        raise typer.Exit(3)
    with session_of(context).open() as api:
        link = str(api.client.base_url).rstrip("/") + api.post("/v1/console-links")["path"]
    if not (is_opened and webbrowser.open(link)):
        Console(highlight=False, soft_wrap=True).print(link)


def migrate(context: typer.Context) -> None:
    """Bring the database's tables to this version. `serve` does it by itself at its start."""
    from tallybook.bootstrap.wire import database_address
    from tallybook.stores.sql.database import open_database
    from tallybook.stores.sql.migrate import migrate as apply_missing

    config = _config(context)
    with occupied(config.directory), database_address(config) as address:
        engine = open_database(address)
        applied = apply_missing(engine)
        engine.dispose()
    console = Console(highlight=False)
    for revision in applied:
        console.print(f"[green]+[/] {revision}")
    console.print("The tables are current." if not applied else f"{len(applied)} applied.")


def doctor(context: typer.Context) -> None:
    """Look whether everything is in order, and say what to mend. Exit code 1 if something is."""
    from tallybook.bootstrap.examination import examine

    console = Console(highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 1))
    findings = []
    for finding in examine(_config(context)):
        findings.append(finding)
        sign = "[green]✓[/]" if finding.is_well else "[bold red]✗[/]"
        mend = f"\n[yellow]→ {finding.mend}[/]" if finding.mend else ""
        table.add_row(sign, finding.what, finding.found + mend)
    console.print(table)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


def _config(context: typer.Context) -> Config:
    return read_config(session_of(context).directory)
