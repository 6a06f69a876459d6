"""Tidiness that imports cannot tell: calls, sizes, names and words, each a check on one text.

Every check takes a path (relative to the project) and its text or syntax tree, and yields findings
whose message names the replacement.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

MODULE_LINES = 500
FUNCTION_LINES = 60

CLOCKS = frozenset({"now", "utcnow", "today"})
CALENDAR = frozenset({"datetime", "date", "dt"})

BANNED_PARTS = {
    "util": "name what it does, in the room it does it for",
    "utils": "name what it does, in the room it does it for",
    "helper": "name what it does",
    "helpers": "name what they do",
    "manager": "name what it decides or keeps",
    "handle": "use the verb of what is done: ingest, measure, rate, assemble, close…",
    "process": "use the verb of what is done: ingest, measure, rate, assemble, close…",
    "obj": "name the thing",
}
"""Words that no module, class or function name contains."""

GIVEN_NAMES = frozenset({"process_bind_param", "process_result_value"})
"""Names that a library asks for."""

BANNED_NAMES = {
    "data": "name what it holds: events, rows, body…",
    "info": "name what it tells",
    "item": "name the thing: line, row, entry…",
    "items": "name the things: lines, rows, entries…",
    "obj": "name the thing",
    "tmp": "name what it holds",
    "util": "name what it does",
    "utils": "name what they do",
    "helper": "name what it does",
}
"""Names that no argument or variable bears by itself."""


@dataclass(frozen=True)
class Finding:
    """What is untidy, where, and what to do instead."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def floor(path: str) -> str:
    """The floor a module of the package is on (`domain`, `services`…), or "" outside it."""
    parts = PurePosixPath(path).parts
    return parts[2] if parts[:2] == ("src", "tallybook") and len(parts) > 3 else ""


def inexact_numbers(path: str, tree: ast.AST) -> Iterator[Finding]:
    """No float and no `round` where quantities and money are: the domain and the services."""
    if floor(path) not in {"domain", "services"}:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float() | complex()):
                yield Finding(path, node.lineno, 'a float: write Decimal("…")')
            case ast.Name(id="float"):
                yield Finding(path, node.lineno, "float: quantities and amounts are exact Decimals")
            case ast.Call(func=ast.Name(id="round")):
                yield Finding(path, node.lineno, "round(): Decimals stay exact until kernel.money")
            case ast.Attribute(value=ast.Name(id="math")):
                yield Finding(path, node.lineno, "math works in floats: use kernel.decimals")


def own_clocks(path: str, tree: ast.AST) -> Iterator[Finding]:
    """Time and chance are arguments: only `bootstrap` owns a clock."""
    if floor(path) in {"", "bootstrap"}:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=clock, value=ast.Name(id=owner)):
                whose = owner
            case ast.Attribute(attr=clock, value=ast.Attribute(attr=owner)):
                whose = owner
            case _:
                continue
        if clock in CLOCKS and whose in CALENDAR:
            yield Finding(path, node.lineno, f"{whose}.{clock}: take `now` as an argument")
        elif whose == "time" and clock in {"time", "time_ns", "localtime", "gmtime"}:
            yield Finding(path, node.lineno, f"time.{clock}: take `now` as an argument")
        elif whose in {"uuid", "random", "secrets"} and floor(path) in {"domain", "services"}:
            message = f"{whose}.{clock}: take what is random, or `new_id`, as an argument"
            yield Finding(path, node.lineno, message)


def sql_outside_stores(path: str, tree: ast.AST) -> Iterator[Finding]:
    """SQL lives in the stores; `bootstrap`, which starts an engine, may speak to it too."""
    if floor(path) in {"", "stores", "bootstrap"}:
        return
    statement = re.compile(
        r"\s*(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)\s",
        re.DOTALL,
    )
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if statement.match(text):
                yield Finding(
                    path, node.lineno, "SQL outside stores/: give a store a method for it"
                )


def unfinished(path: str, text: str) -> Iterator[Finding]:
    """Nothing is left for later in a comment: do it, or say in the open what is not done."""
    words = re.compile(r"\b(TODO|FIXME|HACK|NotImplementedError)\b")
    for number, line in enumerate(text.splitlines(), 1):
        if found := words.search(line):
            yield Finding(path, number, f"{found[1]}: do it now or take it out")


def places_of_one_machine(path: str, text: str) -> Iterator[Finding]:
    """No path of somebody's machine and no address of a package index."""
    folders = re.compile(r"(?<![\w.}$/-])/(work|root|opt|home|Users|mnt)/[\w.-]+")
    indexes = re.compile(r"pypi\.org/simple|pythonhosted\.org|(?<!emit)-(index-url|find-links)\b")
    for number, line in enumerate(text.splitlines(), 1):
        if found := folders.search(line):
            yield Finding(
                path, number, f"{found[0]}: a path of one machine; take it from a setting"
            )
        if found := indexes.search(line):
            yield Finding(
                path, number, f"{found[0]}: an index address; that is the user's to choose"
            )


def names(path: str, tree: ast.AST) -> Iterator[Finding]:
    """Names say what a thing is; the words of `BANNED_PARTS` and `BANNED_NAMES` do not."""
    stem = PurePosixPath(path).stem
    yield from _bad_parts(path, 1, stem)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _bad_parts(path, node.lineno, node.name)
        elif isinstance(node, ast.arg):
            yield from _bad_name(path, node.lineno, node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield from _bad_name(path, node.lineno, node.id)


def _bad_parts(path: str, line: int, name: str) -> Iterator[Finding]:
    if name in GIVEN_NAMES:
        return
    for place, part in enumerate(re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)):
        is_noun = part == "process" and place > 0  # one of the operating system
        if (instead := BANNED_PARTS.get(part.lower())) and not is_noun:
            yield Finding(path, line, f"{name}: {instead}")


def _bad_name(path: str, line: int, name: str) -> Iterator[Finding]:
    if name == "data" and floor(path) == "api":
        return  # the web framework gives the body of a request by this name
    if instead := BANNED_NAMES.get(name):
        yield Finding(path, line, f"{name}: {instead}")


def sizes(path: str, text: str, tree: ast.AST | None) -> dict[str, int]:
    """What is larger than it may be: `path` or `path::function` → lines."""
    large = {}
    lines = len(text.splitlines())
    if lines > MODULE_LINES:
        large[path] = lines
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            if _is_table(node):
                first = node.lineno
            length = (node.end_lineno or node.lineno) - first + 1
            if length > FUNCTION_LINES:
                large[f"{path}::{node.name}"] = length
    return large


def _is_table(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A test's table stands in its decorator; it is long where the rule has many edges."""
    return node.name.startswith("test_")


def grown(measured: dict[str, int], allowed: dict[str, int]) -> list[str]:
    """Where the ratchet is not kept: what grew, and what may now be noted smaller or not at all."""
    found = []
    for name in sorted(measured.keys() | allowed.keys()):
        now, before = measured.get(name, 0), allowed.get(name, 0)
        if now > before:
            limit = FUNCTION_LINES if "::" in name else MODULE_LINES
            found.append(f"{name}: {now} lines, more than {before or limit}: split it by concept")
        elif now < before:
            found.append(
                f"{name}: shrank from {before} to {now or 'within bounds'}: say so in ratchet.json"
            )
    return found


def broken_chain(revisions: dict[str, tuple[str, str | None]]) -> list[str]:
    """What keeps migrations (file → revision, the one before) from being one line."""
    found = []
    for file, (revision, _) in revisions.items():
        if not file.startswith(revision):
            found.append(f"{file}: is named otherwise than its revision {revision}")
    before = [down for _, down in revisions.values()]
    known = {revision for revision, _ in revisions.values()}
    found += [f"{down} has two successors" for down in {*before} if before.count(down) > 1]
    found += [f"{down} does not exist" for down in before if down is not None and down not in known]
    if len(known) < len(revisions):
        found.append("two files have one revision")
    if known and None not in before:
        found.append("no migration is the first")
    return found
