"""Usage files as rows: every format gives the cells exactly as they were written."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallybook.cli.files.formats import format_of, open_file
from tallybook.cli.files.rows import Broken, ReadOptions, Row, cell_at, text_of
from tallybook.domain.kernel.errors import Invalid


def rows_of(path: Path, format_name: str = "", **options: Any) -> list[Row | Broken]:
    with open_file(path, format_name, ReadOptions(**options)) as reading:
        rows = list(reading.rows())
        done, total = reading.progress()
        assert done == total, "a file read to its end is done"
        return rows


def written(directory: Path, name: str, content: bytes) -> Path:
    path = directory / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "rows", "why"),
    [
        ("a.csv", b"id,n\nx,1.50\ny,2\n", [{"id": "x", "n": "1.50"}, {"id": "y", "n": "2"}],
         "numbers stay their text, trailing zero and all"),
        ("a.csv.gz", b"id,n\nx,1\n", [{"id": "x", "n": "1"}], "gzip is unpacked"),
        ("a.csv", b"\xef\xbb\xbfid,n\r\nx,1\r\n", [{"id": "x", "n": "1"}],
         "a byte order mark and CRLF are what spreadsheets write"),
        ("a.csv", b'id;n\n"x;y";"1,5"\n', [{"id": "x;y", "n": "1,5"}],
         "the header tells the delimiter"),
        ("a.tsv", b"id\tn\nx\t\n", [{"id": "x", "n": ""}], "a blank cell is the empty text"),
        ("a.csv", b'id,n\n"two\nlines",1\n', [{"id": "two\nlines", "n": "1"}],
         "a quoted cell may span lines"),
        ("a.csv", b"id,n\nx,1", [{"id": "x", "n": "1"}], "no newline at the end of the file"),
        ("a.csv", b"id,n\n", [], "a header alone is a file without rows"),
    ],
)  # fmt: skip
def test_csv(
    tmp_path: Path, name: str, content: bytes, rows: list[dict[str, str]], why: str
) -> None:
    read = rows_of(written(tmp_path, name, content))
    assert [row.cells for row in read if isinstance(row, Row)] == rows, why
    assert [row.number for row in read] == list(range(1, len(rows) + 1)), why


def test_a_row_of_another_width_is_reported_and_reading_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", b'id,n\nx,1\ny\nz,"2"3\n\nw,4\n')
    read = rows_of(path)
    assert [(row.number, type(row).__name__) for row in read] == [
        (1, "Row"), (2, "Broken"), (3, "Broken"), (5, "Row"),
    ]  # fmt: skip
    assert "1 cells where the header names 2" in read[1].reason  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no header"),
        (b"id,id\nx,1\n", "'id' more than once"),
        (b"id,\xff\nx,1\n", "0xff"),
    ],
)
def test_a_csv_that_cannot_be_trusted_is_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(Invalid, match=reason):
        rows_of(written(tmp_path, "a.csv", content))


@pytest.mark.parametrize(
    ("line", "reason", "why"),
    [
        (b"\xe5se,1", "the byte 0xe5 is no utf-8", "one row of an export is in another encoding"),
        (b'y,"2"3', "expected after", "more behind the closing quote"),
        (b'y,"2\nz,3\nw,"4"', "take in 3 lines", "a quote left open takes rows with it"),
    ],
)
def test_a_row_that_cannot_be_read_is_reported_alone(
    tmp_path: Path, line: bytes, reason: str, why: str
) -> None:
    """Also far from the end of what is read at once."""
    many = b"".join(b"%d,1\n" % n for n in range(5_000))
    read = rows_of(written(tmp_path, "a.csv", b"id,n\n" + many + line + b"\n" + many))
    assert [row.number for row in read] == [*range(1, 10_002)], why
    (broken,) = [row for row in read if isinstance(row, Broken)]
    assert broken.number == 5_001
    assert reason in broken.reason, why


@pytest.mark.parametrize(
    ("options", "field", "why"),
    [
        ({"encoding": "utf-88"}, "encoding", "no encoding is called so"),
        ({"encoding": "hex"}, "encoding", "not one of text"),
        ({"delimiter": "||"}, "delimiter", "two characters"),
    ],
)
def test_a_csv_cannot_be_read_by_what_means_nothing(
    tmp_path: Path, options: dict[str, str], field: str, why: str
) -> None:
    with pytest.raises(Invalid) as refused:
        rows_of(written(tmp_path, "a.csv", b"id,n\nx,1\n"), **options)
    assert refused.value.field == field, why


def test_ndjson_keeps_every_number_as_it_was_written(tmp_path: Path) -> None:
    line = b'{"id":"x","n":1.10,"big":123456789012345678901234.5,"nested":{"a":{"b":2.50}}}\n'
    [row] = rows_of(written(tmp_path, "a.jsonl.gz", line))
    assert isinstance(row, Row)
    assert text_of(row.cells["n"]) == "1.10"
    assert text_of(row.cells["big"]) == "123456789012345678901234.5"
    assert text_of(cell_at(row.cells, "nested.a.b")) == "2.50"
    assert cell_at(row.cells, "nested.x") is None
    assert b'"n":1.10' in msgspec.json.encode(row.cells), "and is sent as it was written"


def test_a_line_that_is_no_object_is_reported_by_its_number(tmp_path: Path) -> None:
    path = written(tmp_path, "a.ndjson", b'{"id":1}\n\n{"id":\n[1]\n{"id":2}\n')
    read = rows_of(path)
    assert [(row.number, type(row).__name__) for row in read] == [
        (1, "Row"), (3, "Broken"), (4, "Broken"), (5, "Row"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "kinds", "why"),
    [
        (b'\xef\xbb\xbf{"id":1}\n{"id":2}\n', [Row, Row], "a byte order mark, as Windows writes"),
        (b'{"id":1}\r\n{"id":2}\r\n', [Row, Row], "lines as Windows ends them"),
        (b'{"id":"\xe5"}\n{"id":2}\n', [Broken, Row], "a line in another encoding"),
        (b'{"id":"\\ud800"}\n{"id":2}\n', [Broken, Row], "half a pair of surrogates is no text"),
        (b"\xef\xbb\xbf", [], "a mark and nothing else"),
    ],
)
def test_lines_of_json_as_others_write_them(
    tmp_path: Path, content: bytes, kinds: list[type], why: str
) -> None:
    assert [type(row) for row in rows_of(written(tmp_path, "a.ndjson", content))] == kinds, why


def test_a_json_array_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="JSON array") as refused:
        rows_of(written(tmp_path, "a.json", b'[{"id":1},\n{"id":2}]\n'))
    assert "jq" in refused.value.mend


def test_a_zip_that_leads_astray_is_refused(tmp_path: Path) -> None:
    """Its last record says that the list of its files begins where it does not."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "100,NEM13,200301011534,MDP1,Retailer1\n900\n")
    content = bytearray(packed.getvalue())
    place = content.rindex(b"PK\x05\x06") + 16
    content[place : place + 4] = (
        int.from_bytes(content[place : place + 4], "little") + 9
    ).to_bytes(4, "little")
    with pytest.raises(Invalid, match="breaks off"):
        rows_of(written(tmp_path, "a.zip", bytes(content)), "nem")


def test_a_name_in_a_zip_may_be_empty(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        nameless = zipfile.ZipInfo("n")
        nameless.filename = ""
        with archive.open(nameless, "w") as file:
            file.write(b"100,NEM13,200301011534,MDP1,Retailer1\n900\n")
    assert rows_of(written(tmp_path, "a.zip", packed.getvalue()), "nem") == []


@pytest.mark.parametrize("line", [b"\r\r", b"\xef\xbb\xbf", b" ,\t,", b'""'])
def test_a_line_of_nothing_in_nem_is_passed_over(tmp_path: Path, line: bytes) -> None:
    content = b"100,NEM13,200301011534,MDP1,Retailer1\n" + line + b"\n900\n" + line
    assert rows_of(written(tmp_path, "a.csv", content), "nem") == []


def test_a_gzip_cut_short_is_refused_not_taken_for_complete(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"id":1}\n' * 10_000)
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(packed[:-20])
    with pytest.raises(Invalid, match="breaks off"):
        rows_of(path)


def test_parquet_that_is_damaged_within_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [f"e{number}" for number in range(5000)]}), path)
    content = bytearray(path.read_bytes())
    content[4:24] = b"\xff" * 20  # where the first page begins
    path.write_bytes(content)
    with pytest.raises(Invalid, match="is damaged"):
        rows_of(path)


def test_a_row_of_parquet_with_what_is_no_value_is_reported_alone(tmp_path: Path) -> None:
    number = 4500
    times: list[int] = [0] * 9000
    times[number] = 10**18  # in the year 33658
    texts = [b"a"] * 9000
    texts[number - 1] = b"\xff"
    columns = {
        "at": pa.array(times, pa.timestamp("us", tz="UTC")),
        "id": pa.array(texts).view(pa.string()),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    read = rows_of(tmp_path / "a.parquet")
    assert [row.number for row in read] == [*range(1, 9001)]
    assert [row.number for row in read if isinstance(row, Broken)] == [number, number + 1]


def test_columns_of_parquet_as_others_write_them(tmp_path: Path) -> None:
    columns = {
        "id": pa.array([b"r1", None, b"\xff"]),
        "usage": pa.array([{"tokens": Decimal("1.50")}, None, None]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    first, second, third = rows_of(tmp_path / "a.parquet")
    assert isinstance(first, Row)
    assert text_of(first.cells["id"]) == "r1", "bytes, of a writer that did not say it is text"
    assert text_of(cell_at(first.cells, "usage.tokens")) == "1.5", "a path into what is nested"
    assert isinstance(second, Row)
    assert text_of(second.cells["id"]) == ""
    assert isinstance(third, Broken)


def test_two_columns_of_parquet_with_one_name_are_refused(tmp_path: Path) -> None:
    pq.write_table(
        pa.table([pa.array([1]), pa.array([2])], names=["n", "n"]), tmp_path / "a.parquet"
    )
    with pytest.raises(Invalid, match="two columns"):
        rows_of(tmp_path / "a.parquet")


def test_parquet_types_become_exact_cells(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    table = pa.table(
        {
            "id": ["x", "y"],
            "n": pa.array([1, None], pa.int64()),
            "d": pa.array([Decimal("1.500000000001"), None], pa.decimal128(20, 12)),
            "f": pa.array([0.1, float("nan")], pa.float64()),
            "at": pa.array([at, at], pa.timestamp("ns", tz="UTC")),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    read = rows_of(tmp_path / "a.parquet")
    cells = [{k: text_of(v) for k, v in row.cells.items()} for row in read if isinstance(row, Row)]
    assert cells == [
        {"id": "x", "n": "1", "d": "1.500000000001", "f": "0.1", "at": at.isoformat()},
        {"id": "y", "n": "", "d": "", "f": "", "at": at.isoformat()},
    ]


def test_the_format_is_told_by_the_ending_or_asked_for(tmp_path: Path) -> None:
    assert format_of(Path("x.CSV.gz")) == "csv"
    assert format_of(Path("x.jsonl")) == "ndjson"
    with pytest.raises(Invalid, match="ending") as refused:
        format_of(Path("x.log"))
    assert "--format" in refused.value.mend
    path = written(tmp_path, "x.log", b"id,n\nx,1\n")
    assert len(rows_of(path, "csv")) == 1
