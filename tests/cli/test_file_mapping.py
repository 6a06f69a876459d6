"""Rows → events by a mapping, given as options, as TOML, or as both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallybook.cli.files.rows import Row
from tallybook.cli.importing.events import EventMaker
from tallybook.cli.importing.mapping import read_mapping
from tallybook.domain.kernel.errors import Invalid

CELLS = {"at": "2026-03-01T12:00:00Z", "who": "acme", "n": "7", "region": "eu", "note": ""}
BASIC: dict[str, Any] = {
    "type": "=call", "customer": "who", "time": {"column": "at"}, "id": ["@row"],
}  # fmt: skip


def made(options: dict[str, Any], cells: dict[str, Any] = CELLS, toml: Path | None = None) -> Any:
    mapping = read_mapping(toml, options)
    maker = EventMaker(mapping, tuple(cells), name="usage.csv", content="c0ffee")
    row = Row(3, cells)
    return maker.make(row) if maker.keeps(row) else None


def test_every_other_column_that_is_not_blank_becomes_a_property() -> None:
    assert made(BASIC) == {
        "id": "usage.csv:3",
        "source": "file",
        "type": "call",
        "customer": "acme",
        "time": "2026-03-01T12:00:00Z",
        "properties": {"n": "7", "region": "eu"},
    }


@pytest.mark.parametrize(
    ("option", "expected", "why"),
    [
        ({"properties": {"tokens": "n", "tier": "=pro"}},
         {"properties": {"tokens": "7", "tier": "pro"}}, "selected columns and a constant"),
        ({"properties": {}}, {"properties": {}}, "none selected"),
        ({"id": ["@content"]}, {"id": "c0ffee:3"}, "the file's content and the row"),
        ({"id": ["who", "n", "=x"]}, {"id": "acme:7:x"}, "an identity of several columns"),
        ({"actor": "region"}, {"actor": "eu", "properties": {"n": "7"}}, "who did it"),
        ({"customer": "=globex"}, {"customer": "globex",
         "properties": {"who": "acme", "n": "7", "region": "eu"}},
         "a column that is not used for a field is a property"),
        ({"where": ["region=eu", "n!=8"]}, {"customer": "acme"}, "all conditions hold"),
        ({"time": {"column": "=2026-01-01T00:00:00Z"}},
         {"time": "2026-01-01T00:00:00Z"}, "one time for all"),
    ],
)  # fmt: skip
def test_an_option_says_otherwise(
    option: dict[str, Any], expected: dict[str, Any], why: str
) -> None:
    event = made(BASIC | option)
    assert {name: event[name] for name in expected} == expected, why


@pytest.mark.parametrize("where", ["region=us", "region!=eu", "n=7.0", "absent=x"])
def test_a_row_that_fails_a_condition_is_skipped(where: str) -> None:
    assert made(BASIC | {"where": [where]}, CELLS | {"absent": ""}) is None


def test_toml_says_the_same_as_options_and_options_win(tmp_path: Path) -> None:
    toml = tmp_path / "map.toml"
    toml.write_text(
        'type = "=call"\ncustomer = "who"\nid = "@row"\ntime = "at"\n'
        'where = ["region=eu"]\n[properties]\ntokens = "n"\n'
    )
    assert made({}, toml=toml) == made(BASIC | {"properties": {"tokens": "n"}})
    assert made({"type": "=other"}, toml=toml)["type"] == "other"


def test_a_nested_column_is_reached_and_nested_json_is_kept() -> None:
    cells = {
        "at": msgspec.Raw(b'"2026-03-01T12:00:00Z"'),
        "usage": msgspec.Raw(b'{"input":{"tokens":12.50}}'),
        "none": msgspec.Raw(b"null"),
    }
    mapping = read_mapping(
        None, BASIC | {"customer": "=a", "properties": {"t": "usage.input.tokens", "n": "none"}}
    )
    event = EventMaker(mapping, None, name="n", content="c").make(Row(1, cells))
    assert msgspec.json.encode(event["properties"]) == b'{"t":12.50}'


@pytest.mark.parametrize(
    ("option", "code", "field"),
    [
        ({"customer": ""}, "incomplete_mapping", "customer"),
        ({"customer": "whom"}, "unknown_column", "customer"),
        ({"properties": {"n": "m"}}, "unknown_column", "properties/n"),
        ({"where": ["region"]}, "malformed_condition", "where"),
        ({"where": ["kind=x"]}, "unknown_column", "where/0"),
        ({"colour": "red"}, "malformed_mapping", ""),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_before_the_first_row(
    option: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        made(BASIC | option)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.mend


def test_a_format_brings_its_mapping_and_what_is_said_goes_before_it() -> None:
    nem = read_mapping(None, {"format": "nem"})
    assert (nem.type, nem.customer, nem.time.column, nem.id) == ("kind", "nmi", "at", ("id",))
    log = read_mapping(None, {"format": "access-log", "customer": "user", "also": ["query"]})
    assert (log.type, log.customer) == ("=request", "user")
    assert log.properties is not None
    assert {"path", "query"} <= set(log.properties)
    assert not {"address", "user"} & set(log.properties), "people, unless they are asked for"
    chosen = {"format": "nem", "properties": {"kwh": "value"}, "time": {"timezone": "UTC"}}
    said = read_mapping(None, chosen | {"also": ["reason"]})
    assert said.properties == {"kwh": "value", "reason": "reason"}
    assert (said.time.column, said.time.timezone) == ("at", "UTC")


def test_a_log_does_not_say_who_pays_and_no_format_is_guessed() -> None:
    with pytest.raises(Invalid, match="customer"):
        read_mapping(None, {"format": "access-log"})
    with pytest.raises(Invalid, match="No format") as refused:
        read_mapping(None, {"format": "accesslog"})
    assert "access-log" in refused.value.mend
