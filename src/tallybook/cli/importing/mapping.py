"""Which column is what: the mapping from a row's cells to an event, by options or by TOML.

Wherever a column is named, `=text` stands for that text in every row.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tallybook.cli.files.formats import FORMATS, checked_format
from tallybook.cli.files.rows import Cells, cell_at, text_of
from tallybook.domain.kernel.errors import Invalid

BY_ROW = "@row"
BY_CONTENT = "@content"


class Condition(msgspec.Struct, frozen=True):
    """Keeps the rows whose `column` is (or, negated, is not) exactly `text`."""

    column: str
    text: str
    is_negated: bool = False

    def holds(self, cells: Cells) -> bool:
        """Whether the row is kept. A cell that is absent counts as the empty text."""
        return (text_of(cell_at(cells, self.column)) == self.text) is not self.is_negated


class TimeMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column of an event's time, and how times are written in it (see `times.TimeFormat`)."""

    column: str
    format: str = ""
    timezone: str = ""
    base: str = ""


class FileMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a row becomes an event.

    `id` is one column, or several joined by ":"; `@row` is the file's name and the row's number
    (so rows may be added at the end and the file be sent again), `@content` a hash of the whole
    file and the row's number (so the file may be renamed). `properties` None is every other column
    that is not blank. A row is skipped unless it meets all of `where`.
    """

    type: str
    customer: str
    time: TimeMapping
    id: tuple[str, ...]
    source: str = "=file"
    actor: str = ""
    properties: dict[str, str] | None = None
    where: tuple[Condition, ...] = ()
    format: str = ""
    delimiter: str = ""
    encoding: str = "utf-8-sig"

    @property
    def columns(self) -> dict[str, str]:
        """The columns this mapping names, each with the field it is for."""
        named = {"type": self.type, "customer": self.customer, "time": self.time.column}
        named |= {"source": self.source, "actor": self.actor}
        named |= {f"id/{index}": part for index, part in enumerate(self.id)}
        named |= {f"properties/{name}": spec for name, spec in (self.properties or {}).items()}
        named |= {f"where/{index}": kept.column for index, kept in enumerate(self.where)}
        return {
            spec: field for field, spec in named.items() if spec and not spec.startswith(("=", "@"))
        }


def read_mapping(path: Path | None, options: Mapping[str, Any]) -> FileMapping:
    """The mapping of a TOML file, with each option given taking the place of its entry.

    In TOML, `time` and `id` may be a single text, and `where` a list of texts `column=text`.
    A format whose columns are known has a mapping of its own; what is given goes before it. `also`
    names columns to keep beside its properties.
    """
    entries: dict[str, Any] = _toml(path) if path else {}
    if isinstance(entries.get("time"), str):
        entries["time"] = {"column": entries["time"]}
    if isinstance(entries.get("id"), str):
        entries["id"] = [entries["id"]]
    if "where" in entries:
        entries["where"] = [_condition(text) for text in entries["where"]]
    for name, value in options.items():
        if name == "time":
            entries["time"] = entries.get("time", {}) | value
        elif name == "where":
            entries["where"] = [_condition(text) for text in value]
        else:
            entries[name] = value
    _fill(entries)
    for name in ("type", "customer", "time", "id"):
        if not entries.get(name):
            raise Invalid(
                "incomplete_mapping",
                f"Nothing says what an event's {name} is.",
                field=name,
                mend=f"Add --{name} COLUMN, or --{name} =TEXT for the same in every row.",
            )
    try:
        return msgspec.convert(entries, FileMapping)
    except msgspec.ValidationError as error:
        raise Invalid("malformed_mapping", str(error), mend="See `tallybook ingest -h`.") from None


def _fill(entries: dict[str, Any]) -> None:
    """Complete a mapping by that of its format."""
    defaults = FORMATS[checked_format(entries.get("format", "")) or "csv"].defaults
    for name, value in defaults.items():
        entries.setdefault(name, value)
    if "time" in defaults:
        entries["time"] = defaults["time"] | entries["time"]
    also = entries.pop("also", ())
    if entries.get("properties") is not None:
        entries["properties"] = entries["properties"] | {column: column for column in also}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(
            "unreadable_mapping", f"{path.name}: {error}", mend="Mend the TOML."
        ) from None


def _condition(text: Any) -> dict[str, Any]:
    column, equals, wanted = str(text).partition("=")
    if not equals or not column.rstrip("!"):
        raise Invalid(
            "malformed_condition",
            f"{text!r} is not a condition.",
            field="where",
            mend="Write column=text or column!=text.",
        )
    return {"column": column.removesuffix("!"), "text": wanted, "is_negated": column[-1] == "!"}
