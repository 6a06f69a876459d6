"""Leap seconds: one rule by whatever way a time comes in. Rules: docs/semantics/events.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tallybook.cli.files.formats import open_file
from tallybook.cli.files.rows import Broken, ReadOptions, Row
from tallybook.cli.importing.times import TimeFormat, instants
from tallybook.domain.events.event import SentEvent
from tallybook.domain.events.explaining import read_carefully
from tallybook.domain.events.forms import Form
from tallybook.domain.events.reading import read_events
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import parse_instant

TABLE = [
    ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z", "it stays in the month it ends"),
    ("2016-12-31T23:59:60.75Z", "2016-12-31T23:59:59.999999Z", "with all of its fractions"),
    ("2016-12-31t23:59:60z", "2016-12-31T23:59:59.999999Z", "in small letters"),
    ("2017-01-01T05:29:60+05:30", "2016-12-31T23:59:59.999999Z", "at the same moment elsewhere"),
    ("2016-12-31T15:59:60.123456789-08:00", "2016-12-31T23:59:59.999999Z", "or there"),
    ("2016-06-30T23:59:60Z", "2016-06-30T23:59:59.999999Z", "in June"),
    ("2028-02-29T23:59:60Z", "2028-02-29T23:59:59.999999Z", "any month may end with one"),
    ("2026-03-01T12:00:00z", "2026-03-01T12:00:00Z", "RFC 3339 has a small z, too"),
    ("2027-02-28T23:59:60Z", "2027-02-28T23:59:59.999999Z", "the last of a short month"),
    ("2028-02-28T23:59:60Z", None, "not the last of a longer one"),
    ("2016-12-30T23:59:60Z", None, "within a month there is none"),
    ("2016-12-31T22:59:60Z", None, "nor at another hour"),
    ("2016-12-31T23:58:60Z", None, "nor at another minute"),
    ("2016-12-31T23:59:60+01:00", None, "nor at the end of a month elsewhere"),
    ("2016-12-31T23:59:61Z", None, "there is no second of them"),
    ("2016-12-32T23:59:60Z", None, "no such day"),
    ("2016-12-31T23:59:60", None, "no zone"),
    ("2016-12-31T23:59:60+99:00", None, "no such zone"),
]


def by_itself(text: str) -> datetime:
    """An event sent alone."""
    return _only(_event(text))


def among_others(text: str) -> datetime:
    """An event in a list with one that is in order."""
    return _only(b"[%s,%s]" % (_event("2026-03-01T12:00:00Z", "other"), _event(text)))


def on_a_line(text: str) -> datetime:
    """An event a line."""
    return _only(_event(text) + b"\n", Form.NDJSON)


def carefully(text: str) -> datetime:
    """An event as corrections read it."""
    found = read_carefully(_event(text), Form.JSON)
    if isinstance(found, SentEvent):
        return found.occurred_at
    raise found[0]


def in_a_file(text: str) -> datetime:
    """A cell of a file."""
    return instants(TimeFormat())(text)


def _event(time: str, id_: str = "1") -> bytes:
    return json.dumps({"type": "call", "customer": "a", "id": id_, "time": time}).encode()


def _only(body: bytes, form: Form = Form.JSON) -> datetime:
    reading = read_events(body, form)
    if reading.rejected:
        raise Invalid("rejected", reading.rejected[0].reason, mend="")
    return reading.events[-1].occurred_at


@pytest.mark.parametrize(
    "way", [parse_instant, by_itself, among_others, on_a_line, carefully, in_a_file]
)
@pytest.mark.parametrize(("text", "kept", "why"), TABLE)
def test_a_leap_second_is_the_last_microsecond_before_it(
    way: Callable[[str], datetime], text: str, kept: str | None, why: str
) -> None:
    if kept is None:
        with pytest.raises(Invalid):
            way(text)
        return
    assert way(text) == datetime.fromisoformat(kept), why


@pytest.mark.parametrize(
    ("text", "how", "kept", "why"),
    [
        ("2016-12-31 23:59:60", TimeFormat(timezone="UTC"), "2016-12-31T23:59:59.999999Z", ""),
        (
            "2017-01-01 00:59:60",
            TimeFormat(timezone="Europe/Stockholm"),
            "2016-12-31T23:59:59.999999Z",
            "by local clocks",
        ),
        ("2016-12-31 23:59:60", TimeFormat(timezone="Europe/Stockholm"), None, "not there"),
        (
            "31/12/2016 23:59:60",
            TimeFormat("%d/%m/%Y %H:%M:%S", "UTC"),
            "2016-12-31T23:59:59.999999Z",
            "by a pattern",
        ),
        (
            "01/01/2017 01:59:60 +0200",
            TimeFormat("%d/%m/%Y %H:%M:%S %z"),
            "2016-12-31T23:59:59.999999Z",
            "with a zone of its own",
        ),
        ("31/12/2016 23:59:61", TimeFormat("%d/%m/%Y %H:%M:%S", "UTC"), None, "no 61st"),
        ("31/12/2016 23:59:60", TimeFormat("%d/%m/%Y %H:%M:%S"), None, "no zone"),
    ],
)
def test_leap_seconds_in_files(text: str, how: TimeFormat, kept: str | None, why: str) -> None:
    read = instants(how)
    if kept is None:
        with pytest.raises(Invalid):
            read(text)
        return
    assert read(text) == datetime.fromisoformat(kept), why


@pytest.mark.parametrize(
    ("clock", "kept", "why"),
    [
        ("31/Dec/2016:23:59:60 +0000", "2016-12-31T23:59:59.999999Z", "as a server writes it"),
        ("01/Jan/2017:00:59:60 +0100", "2016-12-31T23:59:59.999999Z", "by its local clock"),
        ("30/Dec/2016:23:59:60 +0000", None, "within a month there is none"),
        ("31/Dec/2016:23:59:61 +0000", None, "no 61st"),
        ("01/Jan/0001:00:00:60 +0100", None, "before all years"),
    ],
)
def test_leap_seconds_in_access_logs(
    tmp_path: Path, clock: str, kept: str | None, why: str
) -> None:
    path = tmp_path / "access.log"
    path.write_text(f'1.2.3.4 - - [{clock}] "GET / HTTP/1.1" 200 5\n')
    options = ReadOptions(client_key=lambda: b"key")
    with open_file(path, "access-log", options) as reading:
        [row] = reading.rows()
    if kept is None:
        assert isinstance(row, Broken), why
        assert row.field == "time"
        return
    assert isinstance(row, Row), why
    assert row.cells["at"] == datetime.fromisoformat(kept), why
