"""Access logs as rows: every field as the server meant it, every line accounted for."""

from __future__ import annotations

import gzip
import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tallybook.cli.files import access_log
from tallybook.cli.files.formats import open_file
from tallybook.cli.files.rows import Broken, ReadingOfFiles, ReadOptions, Row
from tallybook.cli.importing.client_key import client_key
from tallybook.domain.kernel.errors import Invalid

LINE = '9.8.7.6 - bob [17/May/2015:10:05:03 +0200] "GET /a?b=c HTTP/1.1" 200 5 "http://r/" "Moz/5"'


def rows_of(path: Path, key: bytes = b"key") -> list[Row | Broken]:
    with open_file(path, "access-log", ReadOptions(client_key=lambda: key)) as reading:
        return list(reading.rows())


def read(directory: Path, *lines: str, end: str = "\n") -> list[Row | Broken]:
    path = directory / "access.log"
    path.write_text("\n".join(lines) + end)
    return rows_of(path)


def test_every_field_of_a_line(tmp_path: Path) -> None:
    [row] = read(tmp_path, LINE)
    assert isinstance(row, Row)
    cells = dict(row.cells)
    assert len(str(cells.pop("id"))) == 24
    assert len(str(cells.pop("client"))) == 16
    assert cells.pop("at") == datetime(2015, 5, 17, 8, 5, 3, tzinfo=UTC)
    assert cells == {
        "address": "9.8.7.6", "ident": "", "user": "bob", "method": "GET", "path": "/a",
        "query": "b=c", "protocol": "HTTP/1.1", "request": "", "status": "200", "bytes": "5",
        "referer": "http://r/", "agent": "Moz/5", "file": "access.log",
    }  # fmt: skip
    assert set(row.cells) == set(access_log.COLUMNS)


@pytest.mark.parametrize(
    ("old", "new", "column", "said", "why"),
    [
        (" 5 ", " - ", "bytes", "0", "- is how servers write that no byte was sent"),
        (" 5 ", " 00012345678901234567890 ", "bytes", "00012345678901234567890", "as written"),
        ('"http://r/"', '"-"', "referer", "", "- is nothing"),
        ("Moz/5", r"a \"b\" c\\d", "agent", r'a "b" c\d', "quotes and backslashes"),
        ("Moz/5", r"M\xc3\xbcller", "agent", "Müller", "bytes that are UTF-8 become text"),
        ("Moz/5", r"\xe4\xe5", "agent", r"\xe4\xe5", "others stay as they are"),
        ("Moz/5", "Müller", "agent", "Müller", "UTF-8 that was not escaped"),
        (' "http://r/" "Moz/5"', "", "agent", "", "the common format has neither field"),
        ("bob", "bob the builder", "user", "bob the builder", "names may have spaces"),
        ("9.8.7.6", "2001:db8::1", "address", "2001:db8::1", "IPv6"),
        ("GET /a?b=c HTTP/1.1", "GET /a", "path", "/a", "HTTP/0.9 names no protocol"),
        ("GET /a?b=c HTTP/1.1", "GET /a b HTTP/1.1", "path", "/a b", "a path with a space"),
        ("GET /a?b=c HTTP/1.1", "-", "request", "", "a connection without a request"),
        ("GET /a?b=c HTTP/1.1", r"\x16\x03\x01", "request", "\x16\x03\x01", "TLS to a plain port"),
        ("GET /a?b=c HTTP/1.1", "hello there you", "method", "", "no request line"),
        ("GET /a?b=c HTTP/1.1", "hello there you", "request", "hello there you", "but kept"),
    ],
)
def test_how_fields_are_written(
    tmp_path: Path, old: str, new: str, column: str, said: str, why: str
) -> None:
    [row] = read(tmp_path, LINE.replace(old, new))
    assert isinstance(row, Row), why
    assert row.cells[column] == said, why


@pytest.mark.parametrize(
    ("line", "field", "why"),
    [
        ("", None, "a blank line is nothing"),
        ("hello", "address", "not a log at all"),
        (LINE.replace("17/May", "17/Mai"), "time", "no month"),
        (LINE.replace("17/May", "31/Feb"), "time", "no such day"),
        (LINE.replace("+0200", ""), "time", "no zone"),
        (LINE.replace(' HTTP/1.1"', " HTTP/1.1"), "request", "the request's quote is not closed"),
        (LINE.replace(" 200 ", " ok "), "status", "no status"),
        (LINE.replace(" 5 ", " 5.5 "), "bytes", "no number of bytes"),
        (LINE.replace('"http://r/"', "http://r/"), "referer", "no quotes"),
        (LINE + ' "more"', "agent", "another format, with fields of its own"),
    ],
)
def test_a_line_out_of_form_is_told_by_number_and_field_and_names_nobody(
    tmp_path: Path, line: str, field: str | None, why: str
) -> None:
    found = read(tmp_path, LINE, line, LINE)
    broken = [row for row in found if isinstance(row, Broken)]
    assert [(row.line, row.field) for row in broken] == ([(2, field)] if field else []), why
    assert len(found) - len(broken) == 2, "reading goes on"
    assert "9.8.7.6" not in repr(broken)


def test_a_last_field_cut_off_counts_unless_it_is_still_being_written(tmp_path: Path) -> None:
    cut = LINE.removesuffix('5"')
    [row] = read(tmp_path, cut)
    assert isinstance(row, Row)
    assert row.cells["agent"] == "Moz/"
    [broken] = read(tmp_path, cut, end="")
    assert isinstance(broken, Broken)
    assert broken.field == "agent"
    [whole] = read(tmp_path, LINE, end="")
    assert isinstance(whole, Row)


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    found = read(tmp_path, LINE, "x" * 3_000_000, LINE)
    assert [type(row).__name__ for row in found] == ["Row", "Broken", "Row"]
    assert found[1].line == 2


def ids(found: list[Row | Broken]) -> list[str]:
    return [row.cells["id"] for row in found if isinstance(row, Row)]


def test_an_id_is_what_the_line_says_and_which_of_such_lines_it_is(tmp_path: Path) -> None:
    other = LINE.replace("10:05:03", "10:05:04")
    first, second, third = ids(read(tmp_path, LINE, other, LINE))
    assert third == f"{first}:2"
    assert ids(read(tmp_path, LINE, other)) == [first, second], "a file may grow"
    moved = tmp_path / "access.log.1.gz"
    moved.write_bytes(gzip.compress("\n".join([LINE, other, LINE, ""]).encode()))
    assert ids(rows_of(moved, b"another")) == [first, second, third], "be renamed, packed, moved"
    elsewhere = LINE.replace("9.8.7.6", "1.1.1.1")
    assert ids(read(tmp_path, elsewhere)) == [first], "no id can be tried against addresses"


def test_lines_remembered_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "_LINES_REMEMBERED", 2)
    later = [LINE.replace("10:05:03", f"10:06:0{second}") for second in range(4)]
    found = ids(read(tmp_path, LINE, *later, LINE))
    assert len(set(found)) == 6
    assert found[5] == f"{found[0]}@6", "one from long before is told apart by its line"
    assert ids(read(tmp_path, LINE, *later, LINE)) == found


def test_the_key_of_clients_is_made_once_and_is_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = client_key()
    assert client_key() == key
    assert len(key) == 32
    path = tmp_path / "tallybook" / "client-key"
    assert path.stat().st_mode & 0o077 == 0
    path.write_text("x")
    with pytest.raises(Invalid, match="not a key"):
        client_key()


def packed(directory: Path, **files: str) -> Path:
    path = directory / "logs.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            about = tarfile.TarInfo(f"logs/{name}")
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content.encode()))
    return path


def test_a_tar_of_logs_is_one_import(tmp_path: Path) -> None:
    path = packed(tmp_path, a=f"{LINE}\n", b="", c=f"broken\n{LINE}\n")
    with open_file(path, "access-log", ReadOptions(client_key=lambda: b"k")) as reading:
        found = list(reading.rows())
        assert isinstance(reading, ReadingOfFiles)
        assert reading.files == 3
        done, total = reading.progress()
        assert done == total
    assert [(row.number, row.line, row.file) for row in found] == [
        (1, 1, "logs/a"), (2, 1, "logs/c"), (3, 2, "logs/c"),
    ]  # fmt: skip


def test_an_archive_cut_short_is_refused_not_taken_for_complete(tmp_path: Path) -> None:
    path = packed(tmp_path, a=f"{LINE}\n" * 1000)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(Invalid, match="breaks off"):
        rows_of(path)
