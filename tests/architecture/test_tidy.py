"""The whole project is tidy; and the checks that say so can fail."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from architecture import tidiness
from architecture.tidiness import Finding

ROOT = Path(__file__).resolve().parents[2]
RATCHET = Path(__file__).with_name("ratchet.json")
ITSELF = "tests/architecture/"
WRITTEN = {".py", ".md", ".toml", ".html", ".css", ".js", ".json", ".yaml", ".yml", ".svg", ".typ"}
VENDORED = ("src/tallybook/web/static/vendor/",)


@cache
def committed() -> dict[str, str]:
    """Path → text of every text file that belongs to the project."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("this is no clone: what is committed cannot be told")
    texts = {}
    for path in sorted(listing.stdout.splitlines()):
        file = ROOT / path
        is_text = file.suffix in WRITTEN or file.name in {"Makefile", "run", "LICENSE"}
        if is_text and file.is_file() and not path.startswith(VENDORED):
            texts[path] = file.read_text(encoding="utf-8")
    return texts


@cache
def trees() -> dict[str, ast.Module]:
    """Path → syntax tree of every Python file."""
    return {path: ast.parse(text) for path, text in committed().items() if path.endswith(".py")}


def _told(findings: Iterator[Finding]) -> str:
    return "\n".join(str(finding) for finding in findings)


TREE_CHECKS = [
    tidiness.inexact_numbers,
    tidiness.own_clocks,
    tidiness.sql_outside_stores,
]
TEXT_CHECKS = [tidiness.unfinished, tidiness.places_of_one_machine]


@pytest.mark.parametrize("check", TREE_CHECKS, ids=lambda check: check.__name__)
def test_calls(check: Callable[[str, ast.AST], Iterator[Finding]]) -> None:
    found = _told(finding for path, tree in trees().items() for finding in check(path, tree))
    assert not found, f"\n{found}"


@pytest.mark.parametrize("check", TEXT_CHECKS, ids=lambda check: check.__name__)
def test_words(check: Callable[[str, str], Iterator[Finding]]) -> None:
    found = _told(
        finding
        for path, text in committed().items()
        if not path.startswith(ITSELF)
        for finding in check(path, text)
    )
    assert not found, f"\n{found}"


def test_names() -> None:
    found = _told(
        finding
        for path, tree in trees().items()
        if path.startswith(("src/", "sdk/", "bench/"))
        for finding in tidiness.names(path, tree)
    )
    assert not found, f"\n{found}"


def test_sizes_only_shrink() -> None:
    measured: dict[str, int] = {}
    for path, text in committed().items():
        if path.endswith((".py", ".html", ".css", ".js")):
            measured |= tidiness.sizes(path, text, trees().get(path))
    grown = tidiness.grown(measured, json.loads(RATCHET.read_text(encoding="utf-8")))
    assert not grown, "\n" + "\n".join(grown)


def test_migrations_are_one_line() -> None:
    folder = ROOT / "src/tallybook/stores/sql/migrations/versions"
    revisions = {}
    for file in sorted(folder.glob("*.py")):
        facts = _constants(ast.parse(file.read_text(encoding="utf-8")))
        if "revision" in facts:
            revisions[file.stem] = (str(facts["revision"]), facts["down_revision"])
    assert revisions, "there are migrations"
    assert not tidiness.broken_chain(revisions)


def _constants(module: ast.Module) -> dict[str, str | None]:
    facts = {}
    for node in module.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=fact))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=fact))
            ):
                facts[name] = str(fact) if fact is not None else None
    return facts


SEMANTICS = sorted((ROOT / "docs/semantics").glob("*.md"))


@pytest.mark.parametrize("page", SEMANTICS, ids=[page.stem for page in SEMANTICS])
def test_every_page_of_rules_is_named_by_its_tests(page: Path) -> None:
    name = f"semantics/{page.name}"
    assert any(
        name in text
        for path, text in committed().items()
        if path.startswith("tests/") and not path.startswith(ITSELF)
    ), f"no test says that it proves docs/{name}"


def test_modules_say_what_they_are() -> None:
    for path, tree in trees().items():
        if tidiness.floor(path):
            assert ast.get_docstring(tree), f"{path}: a module says in a docstring what it is"
