"""`tallybook apply`: plans as code."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from tallybook.cli.catalog.catalog_file import read_catalog
from tallybook.cli.catalog.comparison import (
    Act,
    Move,
    apply_move,
    compare_catalog,
    save_as_draft,
)
from tallybook.cli.session import REFUSED, AsJson, notes, session_of
from tallybook.cli.tables import print_json, screen
from tallybook.domain.catalog.difference import Change, Difference
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.plurals import so_many

_SIGNS = {
    Act.ADD: "[green]+[/]",
    Act.CHANGE: "[yellow]~[/]",
    Act.SAME: "[dim]=[/]",
    Act.STUCK: "[bold red]✗[/]",
}
_PLURALS = {"family": "families"}
_WORDS = {
    Act.ADD: "to add",
    Act.CHANGE: "to change",
    Act.SAME: "the same",
    Act.STUCK: "that cannot be changed",
}


def apply(
    context: typer.Context,
    catalog: Annotated[Path, typer.Argument(help="The catalog, in TOML.", metavar="catalog.toml")],
    *,
    is_agreed: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Show only.")] = False,
    is_draft: Annotated[
        bool, typer.Option("--draft", help="Save plans as drafts; publish none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a catalog of meters, products, plans and contracts changes, then apply it.

    All of it is checked before anything is applied. Published plan versions never change: a
    difference becomes the plan's next version, and subscriptions keep the one they have. With
    `--draft` plans that differ are saved as drafts, and nothing else is applied.
    """
    with session_of(context).open() as api:
        moves = compare_catalog(api, read_catalog(catalog))
        if is_draft:
            moves = [move for move in moves if move.kind == "plan"]
        if not as_json:
            show_moves(moves)
        if any(move.act is Act.STUCK for move in moves):
            raise Invalid(
                "cannot_be_changed",
                "Nothing was applied: the catalog differs where nothing can be changed.",
                mend="Mend the entries marked ✗.",
            )
        is_needed = any(move.act is not Act.SAME for move in moves)
        is_applied = is_needed and not is_dry and (is_agreed or _agree(as_json=as_json))
        if is_applied:
            for move in moves:
                if is_draft:
                    save_as_draft(api, move)
                else:
                    apply_move(api, move)
    if as_json:
        shown = [
            {name: value for name, value in msgspec.to_builtins(move).items() if name != "body"}
            for move in moves
        ]
        print_json({"applied": is_applied, "moves": shown})
    elif is_applied:
        screen().print("[bold green]✓[/] Applied.")


def _agree(*, as_json: bool) -> bool:
    """Ask; without a person to ask, say how to agree."""
    if as_json or not sys.stdin.isatty():
        raise Invalid(
            "not_agreed", "Nothing was applied: nobody said yes.", mend="Add --yes, or --dry-run."
        )
    if not typer.confirm("Apply this?", err=True):
        notes().print("Nothing was applied.")
        raise typer.Exit(REFUSED)
    return True


def show_moves(moves: Sequence[Move]) -> None:
    """Every entry with its sign, and below each what differs."""
    console = screen()
    kind = ""
    for move in moves:
        if move.kind != kind:
            kind = move.kind
            console.print(f"[bold]{_PLURALS.get(kind, f'{kind}s')}[/]")
        console.print(f"  {_SIGNS[move.act]} {escape(move.key)}{_rest(move)}")
        for difference in move.differences:
            _show_difference(console, difference)
        if move.mend:
            console.print(f"      [yellow]→ {escape(move.mend)}[/]")
    counts = Counter(move.act for move in moves)
    told = ", ".join(f"{counts[act]} {_WORDS[act]}" for act in Act if counts[act])
    console.print(f"{told or 'The catalog is empty'}.")


def _rest(move: Move) -> str:
    if move.act is Act.ADD and move.kind == "plan":
        prices = so_many(len(move.body["prices"]), "price|prices")
        return f" [dim]{prices}, {move.body['currency']}[/]"
    return " [dim]becomes its next version[/]" if _is_new_version(move) else ""


def _is_new_version(move: Move) -> bool:
    return move.kind == "plan" and move.act is Act.CHANGE


def _show_difference(console: Console, difference: Difference) -> None:
    path = escape(difference.path.replace("prices/", "price ", 1))
    before, after = escape(difference.before or ""), escape(difference.after or "")
    match difference.change:
        case Change.ADDED:
            console.print(f"      [green]+ {path}[/] {after}")
        case Change.REMOVED:
            console.print(f"      [red]- {path}[/] [dim]{before}[/]")
        case _:
            console.print(f"      [yellow]~ {path}[/] [red]{before}[/] → [green]{after}[/]")
