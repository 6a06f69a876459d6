"""What every command shares: where the API is, how refusals are shown, and the exit codes.

0: done. 1: refused, or a check found a difference. 2: the command line is wrong. 3: the server
cannot be reached or is not able to serve just now.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from tallybook.cli.client import Api, Connect, Opened
from tallybook.domain.kernel.errors import Refusal, Unavailable

DONE, REFUSED, MISUSED, UNREACHABLE = 0, 1, 2, 3

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for programs.")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 is all.")]


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the program: kept as the context's `obj`."""

    connect: Connect
    directory: Path | None = None
    url: str = ""
    api_key: str = ""
    organization: str = ""
    is_quiet: bool = False

    @contextmanager
    def open(self) -> Iterator[Api]:
        """The API, for as long as the block runs; a refusal in it ends the program, explained."""
        with explained(), self._opened() as opened:
            if not self.is_quiet:
                notes().print(f"[dim]→ {escape(opened.where)}[/]", highlight=False)
            if self.organization:
                opened.client.headers["Tallybook-Organization"] = self.organization
            yield Api(opened.client)

    @contextmanager
    def _opened(self) -> Iterator[Opened]:
        if not self.url:
            with self.connect(self.directory) as opened:
                yield opened
            return
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:
            yield Opened(client, f"the server at {self.url}")


def session_of(context: typer.Context) -> Session:
    """The session that the root command made."""
    session = context.obj
    assert isinstance(session, Session), "the root command makes the session"
    return session


@contextmanager
def explained() -> Iterator[None]:
    """Show a refusal that arises in the block in full, and end with its exit code."""
    try:
        yield
    except Refusal as refusal:
        show_refusal(refusal)
        raise typer.Exit(UNREACHABLE if isinstance(refusal, Unavailable) else REFUSED) from None
    except httpx.TransportError as error:
        show_refusal(
            Unavailable(
                "unreachable",
                f"The server does not answer: {error}",
                mend="Is it running? `tallybook serve` starts one; TALLYBOOK_URL names another.",
            )
        )
        raise typer.Exit(UNREACHABLE) from None


def show_refusal(refusal: Refusal) -> None:
    """Message, code, field and mend, on standard error."""
    console = notes()
    console.print(f"[bold red]✗[/] {escape(refusal.message)}", highlight=False)
    lines = [("code", refusal.code), ("field", refusal.field), ("mend", refusal.mend)]
    for label, text in lines:
        if text:
            console.print(f"  [dim]{label:<5}[/] {escape(text)}", highlight=False)


def notes() -> Console:
    """Standard error: what is said to the person, never part of the answer."""
    return Console(stderr=True, soft_wrap=True)
