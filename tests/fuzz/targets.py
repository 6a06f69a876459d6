"""What reads bytes of strangers: each target takes any bytes and asserts what must hold of them.

A target may be refused what it asks, by a coded refusal that names the mend; nothing else may be
raised. It answers whether it accepted the bytes, so that a target that takes nothing is seen.
`test_targets.py` runs them on mutations of the seeds here, and `guided.py` lets atheris look for
bytes that reach further into the code.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
from pyarrow import parquet

from tallybook.api.bodies import unpacked
from tallybook.cli.files.formats import FORMATS, open_file
from tallybook.cli.files.rows import Broken, ReadOptions, Row
from tallybook.cli.importing.events import EventMaker
from tallybook.cli.importing.mapping import FileMapping, TimeMapping
from tallybook.cli.importing.times import TimeFormat, instants
from tallybook.domain.events import reading as readings
from tallybook.domain.events.event import UsageEvent
from tallybook.domain.events.forms import Form
from tallybook.domain.events.reading import read_events
from tallybook.domain.events.sameness import difference
from tallybook.domain.kernel.decimals import parse_decimal, plain
from tallybook.domain.kernel.errors import Refusal
from tallybook.domain.kernel.instants import parse_instant
from tallybook.domain.metering.expressions.check import checked
from tallybook.domain.metering.expressions.evaluate import evaluate
from tallybook.domain.metering.expressions.nodes import Kind

Target = Callable[[bytes], bool]

_EVENT = UsageEvent(
    type="call",
    customer="acme",
    id="1",
    occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
    properties={"a": "1.5", "b": "text", "c": '{"d":[1,2]}', "e": "", "f": "1e400"},
)


_MAPPING = FileMapping(
    type="=call", customer="customer", time=TimeMapping("time"), id=("id", "n.a")
)


def _events(form: Form) -> Target:
    def read(body: bytes) -> bool:
        try:
            quickly = read_events(body, form)
        except Refusal:
            return False
        carefully = readings._read_each(body, form)
        assert list(quickly.events) == list(carefully.events), "both ways accept the same events"
        assert list(quickly.texts) == list(carefully.texts)
        assert len(quickly.events) == len(quickly.indexes)
        for event, text in zip(quickly.events, quickly.texts, strict=True):
            json.loads(text)
            kept = event.kept()
            assert difference(kept, kept) == "", "an event says the same as itself"
        return bool(quickly.events)

    return read


def _gzip(packed: bytes) -> bool:
    with suppress(Refusal):
        assert len(unpacked(packed, 100_000)) <= 100_000
        return True
    return False


def _expression(kind: Kind) -> Target:
    def read(text: bytes) -> bool:
        with suppress(Refusal):
            evaluate(checked(text.decode("utf-8", "replace"), kind), _EVENT)
            return True
        return False

    return read


def _decimal(text: bytes) -> bool:
    with suppress(Refusal):
        number = parse_decimal(text.decode("utf-8", "replace"))
        assert parse_decimal(plain(number)) == number, "what is written is read as the same"
        return True
    return False


def _instant(text: bytes) -> bool:
    with suppress(Refusal):
        assert parse_instant(text.decode("utf-8", "replace")).tzinfo is UTC
        return True
    return False


def _time(pattern: str) -> Target:
    to_instant = instants(TimeFormat(pattern, "Europe/Stockholm"))

    def read(text: bytes) -> bool:
        with suppress(Refusal):
            assert to_instant(text.decode("utf-8", "replace")).tzinfo is UTC
            return True
        return False

    return read


def _file(name: str) -> Target:
    def read(content: bytes) -> bool:
        is_read = False
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / f"usage.{name}"
            path.write_bytes(content)
            options = ReadOptions(client_key=lambda: b"k" * 32)
            with suppress(Refusal), open_file(path, name, options) as opened:
                maker = EventMaker(_MAPPING, None, name="usage", content="")
                for row in opened.rows():
                    assert isinstance(row, Row | Broken)
                    if isinstance(row, Row):
                        is_read = True
                        with suppress(Refusal):
                            json.loads(msgspec.json.encode(maker.make(row)))
        return is_read

    return read


TARGETS: Mapping[str, Target] = {
    **{f"events as {form.name.lower()}": _events(form) for form in Form},
    "gzip": _gzip,
    **{f"expression of {kind.name.lower()}": _expression(kind) for kind in Kind},
    "decimal": _decimal,
    "instant": _instant,
    **{f"time {each or 'as it is'}": _time(each) for each in ("", "seconds", "nanos", "%d/%m/%Y")},
    **{f"file {name}": _file(name) for name in FORMATS},
}


def _packed(content: bytes) -> tuple[bytes, bytes]:
    """A zip and a tar of one file."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("usage", content)
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        member = tarfile.TarInfo("usage")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return zipped.getvalue(), tarred.getvalue()


def _parquet() -> bytes:
    rows = {"id": ["1", "2"], "customer": ["acme", None], "time": ["2026-03-01T00:00:00Z"] * 2}
    written = io.BytesIO()
    write: Any = parquet.write_table
    write(pyarrow.table(rows), written, compression="none", store_schema=False)
    return written.getvalue()


SEEDS: tuple[bytes, ...] = (
    b'{"type":"call","customer":"acme","id":"1","time":"2026-03-01T12:00:00Z",'
    b'"properties":{"n":1.50,"s":"\\u00e9","o":{"a":[1,null,true]}}}',
    b'[{"type":"call","customer":"acme","id":"1","time":"2026-03-01T12:00:00.123456789+02:00"}]',
    b'{"specversion":"1.0","type":"call","source":"/g","id":"1","subject":"acme",'
    b'"time":"2026-03-01T12:00:00Z","data":{"tokens":3}}',
    b'{"type":"call","customer":"acme","id":"1",\n"time":"2026-03-01T12:00:00Z"}\n'
    b'{"type":"call","customer":"","id":"2","time":"2026-03-01T12:00:00Z"}\n',
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00",
    b"a + 4 * b / (c - 1) >= 10 && event.customer == 'x' || !(s.path[0] in ['a', \"b\"])",
    b"-12345678901234567890.000000000001e-3",
    b"2026-02-29T23:59:60.999999999-23:59",
    b"9999-12-31T23:59:59.999999Z",
    b"253402300800000000000",
    b"1772366400.25",
    b"1772366400000000000",
    b"lower(b) + 'x'",
    b"31/12/9999",
    b"01/01/0001",
    b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:59-14:00",
    b'{"specversion":"1.0","type":"call","source":"/g","id":"1","subject":"acme",'
    b'"time":"2026-03-01T12:00:00Z","da\xff\xff":1}',
    b'id,customer,time,n\n1,acme,2026-03-01T00:00:00Z,5\n2,"a\n""b",,\n',
    b'1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 2326 "-" "curl/7"\n',
    b"100,NEM12,200301011534,MDP1,Retailer1\n"
    b"200,VABD000163,E1Q1,1,E1,N1,METSER123,kWh,30,20030103\n"
    b"300,20030103," + b"1.1," * 48 + b"A,,,20030101153445,20030102023012\n900\n",
    b"100,NEM13,200301011534,MDP1,Retailer1\n900\n",
    *_packed(b"100,NEM13,200301011534,MDP1,Retailer1\n900\n"),
    _parquet(),
    b"PAR1\x15\x04\x15\x00PAR1",
    b"\r\r",
    b"\x00\xff\xfe\xed\xb0\x80",
)
"""Bytes to begin from: something that each target accepts, and edges of what it does."""
