"""Options that several commands share are each command's own, in the order in which they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tallybook.cli.options import spread


@dataclass(frozen=True)
class Which:
    """Which are meant."""

    kind: Annotated[str, typer.Option(help="Of this kind.")]
    names: Annotated[list[str] | None, typer.Option("--name")] = None
    is_dry: Annotated[bool, typer.Option("--dry-run")] = False


commands = typer.Typer()


@commands.command("count")
@spread
def count(
    key: Annotated[str, typer.Argument()],
    *,
    before: str = "b",
    which: Which,
    limit: Annotated[int, typer.Option("-n")] = 3,
) -> None:
    """Count."""
    print(key, before, which, limit)


@pytest.mark.parametrize(
    ("said", "told", "why"),
    [
        ("k --kind x", "k b Which(kind='x', names=[], is_dry=False) 3", "defaults"),
        (
            "k --name 1 --kind x --name 2 --dry-run --before c -n 4",
            "k c Which(kind='x', names=['1', '2'], is_dry=True) 4",
            "in any order, and lists",
        ),
        ("k", "Missing option '--kind'", "one without a default is required"),
    ],
)
def test_fields_are_options(said: str, told: str, why: str) -> None:
    answer = CliRunner().invoke(commands, said.split())
    written = answer.output.replace("names=None", "names=[]")
    assert told in written, why


def test_they_are_explained_where_they_stand() -> None:
    written = CliRunner().invoke(commands, ["--help"]).output
    places = [written.index(option) for option in ("--before", "--kind", "--name", "--dry-run")]
    assert places == sorted(places)
    assert "Of this kind." in written
