"""Write the reference pages from what they describe: the API's document and the program's commands.

python docs/reference/generate.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import typer

from tallybook.api.openapi import describe
from tallybook.bootstrap.application import build_application
from tallybook.bootstrap.main import build_program
from tallybook.services.ports import Wiring

HERE = Path(__file__).resolve().parent
NOTICE = "<!-- Written by `make docs` from the code; do not edit. -->\n"
Described = Mapping[str, Any]


def pages() -> dict[str, str]:
    """File name → text of every reference page."""
    return {"api.md": api_page(), "cli.md": cli_page()}


def api_page() -> str:
    """The HTTP API, by tag, then every shape that is sent or answered."""
    # The description is made from routes and types alone: nothing is asked of the engines.
    document = describe(build_application(cast(Wiring, None)))
    lines = [NOTICE, "# HTTP API", "", document["info"]["description"], ""]
    for tag in document["tags"]:
        lines += [f"## {tag['name']}", ""]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if operation["tags"][0] == tag["name"]:
                    lines += _operation_lines(method, path, operation)
    lines += ["## Shapes", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _shape_lines(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _operation_lines(method: str, path: str, operation: Described) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`"
    yield ""
    yield operation.get("summary", "")
    yield ""
    if operation.get("description"):
        yield operation["description"]
        yield ""
    if operation.get("x-scope"):
        yield f"Takes a key with the scope `{operation['x-scope']}`."
        yield ""
    parameters = operation.get("parameters", ())
    if parameters:
        yield "| parameter | in | type | meaning |"
        yield "|---|---|---|---|"
        for parameter in parameters:
            need = "" if parameter.get("required") else " (optional)"
            told = _cell(parameter.get("description", ""))
            kind = _kind(parameter["schema"])
            yield f"| `{parameter['name']}`{need} | {parameter['in']} | {kind} | {told} |"
        yield ""
    body = operation.get("requestBody", {}).get("content", {})
    sent = [f"`{kind}` {_kind(said['schema'])}" for kind, said in body.items()]
    if sent:
        yield "Body: " + "; ".join(sent)
        yield ""
    for status, answer in operation["responses"].items():
        for kind, said in answer.get("content", {}).items():
            yield f"Answers {status}: `{kind}` {_kind(said.get('schema', {}))}"
            yield ""


def _shape_lines(name: str, schema: Described) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    if schema.get("description"):
        yield schema["description"]
        yield ""
    if "enum" in schema:
        yield "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + "."
        yield ""
    properties = schema.get("properties", {})
    if properties:
        required = set(schema.get("required", ()))
        yield "| field | type | |"
        yield "|---|---|---|"
        for field, said in properties.items():
            default = "" if field in required else f"optional{_default(said)}"
            yield f"| `{field}` | {_kind(said)} | {default} |"
        yield ""


def _kind(schema: Described) -> str:
    """A schema in a few words, with a link where it has a name."""
    match schema:
        case {"$ref": reference}:
            name = reference.rpartition("/")[2]
            kind = f"[{name}](#{_anchor(name)})"
        case {"anyOf": kinds} | {"oneOf": kinds}:
            kind = " or ".join(dict.fromkeys(_kind(each) for each in kinds))
        case {"enum": values}:
            kind = ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            kind = f"`{value}`"
        case {"type": "array", "items": inner} if inner:
            kind = f"list of {_kind(inner)}"
        case {"type": "object", "additionalProperties": inner} if inner not in (True, False):
            kind = f"map to {_kind(inner)}"
        case {"format": "date-time"}:
            kind = "time"
        case {"format": "decimal"}:
            kind = "decimal"
        case _:
            kind = schema.get("type", "any")
    return kind


def _default(schema: Described) -> str:
    default = schema.get("default")
    return "" if default in (None, "", [], {}) else f", `{default}`"


def _anchor(name: str) -> str:
    return re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def cli_page() -> str:
    """Every command of the program, with its arguments and options."""
    group: Any = typer.main.get_command(build_program())
    lines = [NOTICE, "# Command line", "", group.help, ""]
    lines += [
        "Every command takes these before its name, or from the environment:",
        "",
        *_option_lines(group),
        "Exit codes: 0 done; 1 refused, or a check found a difference; 2 the command line is wrong;"
        " 3 the server cannot be reached or cannot serve just now.",
        "",
    ]
    for name, command in group.commands.items():
        lines += _commands_lines(f"tallybook {name}", command, "##")
    return "\n".join(lines).rstrip() + "\n"


def _commands_lines(name: str, command: Any, level: str) -> Iterator[str]:
    """A command, or a group of them with all that is in it, however deep."""
    if not hasattr(command, "commands"):
        yield from _command_lines(name, command, level)
        return
    yield from (f"{level} `{name}`", "", _plain(command.help), "")
    for inner, each in command.commands.items():
        yield from _commands_lines(f"{name} {inner}", each, f"{level}#")


def _command_lines(name: str, command: Any, level: str) -> Iterator[str]:
    arguments = [each for each in command.params if not each.opts[0].startswith("-")]
    places = [_place(each) for each in arguments]
    yield f"{level} `{' '.join([name, *places])}`"
    yield ""
    yield _plain(command.help)
    yield ""
    for each, place in zip(arguments, places, strict=True):
        if each.help:
            yield f"- `{place}`: {_plain(each.help)}"
    if any(each.help for each in arguments):
        yield ""
    yield from _option_lines(command)
    if command.epilog:
        yield _plain(command.epilog)
        yield ""


def _place(argument: Any) -> str:
    name = (argument.metavar or argument.name).upper() + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _option_lines(command: Any) -> Iterator[str]:
    options = [each for each in command.params if each.opts[0].startswith("-") and not each.hidden]
    options = [each for each in options if "completion" not in each.name]
    if not options:
        return
    yield "| option | |"
    yield "|---|---|"
    for option in options:
        spelled = sorted(option.opts, key=len, reverse=True) + option.secondary_opts
        names = ", ".join(f"`{name}`" for name in spelled)
        told = _plain(option.help or "")
        if option.required:
            told = f"{told} Required."
        if option.default not in (None, "", False) and not callable(option.default):
            told = f"{told} Default: `{getattr(option.default, 'value', option.default)}`."
        if option.envvar:
            told = f"{told} Environment: `{option.envvar}`."
        yield f"| {names} | {_cell(told.strip())} |"
    yield ""


def _plain(text: str | None) -> str:
    """Help as Markdown: what the terminal colours as an example becomes code."""
    marked = re.sub(r"\[cyan\](.*?)\[/\]", r"`\1`", text or "", flags=re.DOTALL)
    paragraphs = re.sub(r"(?<!\\)\[/?[a-z ]*\]", "", marked).replace("\\[", "[").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


if __name__ == "__main__":
    for file, text in pages().items():
        (HERE / file).write_text(text, encoding="utf-8")
        sys.stdout.write(f"docs/reference/{file}\n")
