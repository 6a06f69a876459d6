"""NEM12 and NEM13 as rows: every interval and every read, or the line and field that is wrong."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.cli.files import nem
from tallybook.cli.files.formats import open_file
from tallybook.cli.files.nem_records import channel_of, day_of, part_of, rows_of_day
from tallybook.cli.files.rows import Broken, ReadOptions, Row

HEADER = "100,NEM12,200402021135,MDA1,Ret1"
CHANNEL = "200,NMI1,E1B1,001,E1,N1,SERIAL1,KWH,30,"
END = "900"


def day(quality: str = "A,,", count: int = 48, value: str = "1.10", date: str = "20040201") -> str:
    return f"300,{date}," + ",".join([value] * count) + f",{quality},20040202120025,"


def read(directory: Path, *lines: str) -> list[Row | Broken]:
    path = directory / "x.csv"
    path.write_text("\n".join(lines) + "\n")
    with open_file(path, "nem", ReadOptions()) as reading:
        return list(reading.rows())


def test_an_interval_is_a_row_at_its_start_in_market_time(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER, CHANNEL, day("F14,76,meter fault"), END)
    rows = [row for row in found if isinstance(row, Row)]
    assert len(found) == len(rows) == 48
    assert {row.line for row in rows} == {3}
    first, last = rows[0].cells, rows[-1].cells
    assert {name: cell for name, cell in first.items() if name != "at"} == {
        "id": "NMI1:E1:200402010000", "kind": "energy_interval", "nmi": "NMI1", "suffix": "E1",
        "register": "001", "serial": "SERIAL1", "unit": "kWh", "minutes": "30", "value": "1.10",
        "quality": "F", "method": "14", "reason": "76", "updated_at": "20040202120025",
        "file": "x.csv",
    }  # fmt: skip
    assert first["at"].isoformat() == "2004-02-01T00:00:00+10:00"
    assert last["at"].isoformat() == "2004-02-01T23:30:00+10:00", "the day's last is in the day"
    assert last["id"] == "NMI1:E1:200402012330"
    assert set(first) <= set(nem.COLUMNS)


@pytest.mark.parametrize(("minutes", "count"), [("5", 288), ("15", 96), ("30", 48), ("10", 144)])
def test_lengths_of_intervals(tmp_path: Path, minutes: str, count: int) -> None:
    found = read(tmp_path, HEADER, CHANNEL.replace(",30,", f",{minutes},"), day(count=count), END)
    assert [type(row) for row in found] == [Row] * count


def test_the_quality_of_parts_of_a_day(tmp_path: Path) -> None:
    parts = ("400,1,20,F14,76,", "400,21,24,A,,", "400,25,47,S52,1,", "400,48,48,N,,")
    found = read(tmp_path, HEADER, CHANNEL, day("V,,"), *parts, "500,O,S1,20040202,1", END)
    cells = [row.cells for row in found if isinstance(row, Row)]
    assert [cell["quality"] for cell in cells] == ["F"] * 20 + ["A"] * 4 + ["S"] * 23 + ["N"]
    assert (cells[0]["method"], cells[0]["reason"]) == ("14", "76")
    assert [cell["value"] for cell in cells] == ["1.10"] * 47 + [""], "not measured: no value"


READ = (
    "250,NMI1,11,1,11,11,SERIAL1,E,006342.8,20031005093055,A,,,007654.9,20040107100333,E64,77,,"
    "1312.1,kWh,20040407, 20040108100333,20040108091133"
)


def test_a_register_is_read_twice(tmp_path: Path) -> None:
    found = read(tmp_path, HEADER.replace("NEM12", "NEM13"), READ, "550,N,,A,", END)
    previous, current = (row.cells for row in found if isinstance(row, Row))
    assert (previous["value"], current["value"]) == ("006342.8", "007654.9"), "as written"
    assert previous["id"] == "NMI1:11:1:SERIAL1:20031005093055"
    assert current["at"].isoformat() == "2004-01-07T10:03:33+10:00"
    assert (previous["quality"], current["quality"], current["method"]) == ("A", "E", "64")
    assert (current["quantity"], current["series"]) == ("1312.1", "NMI1:SERIAL1:1")
    assert set(current) <= set(nem.COLUMNS)


V_DAY = day("V,,")


@pytest.mark.parametrize(
    ("lines", "broken", "rows", "why"),
    [
        ([""], [(1, "")], 0, "an empty file"),
        ([HEADER, END], [], 0, "nothing was measured, and that is said in order"),
        ([CHANNEL, day(), END], [(1, "record")], 0, "no header: the version is not known"),
        (["100,NEM11,x", CHANNEL, END], [(1, "version"), (2, "record")], 0, "another format"),
        ([HEADER, CHANNEL, day()], [(3, "record")], 48, "no end: it may be cut short"),
        ([HEADER, CHANNEL, day(), END, HEADER, CHANNEL, day(date="20040202"), END], [], 96,
         "two files in one"),
        ([HEADER, CHANNEL, day(), END, day()], [(5, "record")], 48, "something after the end"),
        ([HEADER, day(), END], [(2, "record")], 0, "a day of no channel"),
        ([HEADER, CHANNEL.replace("30", "7"), day(), END], [(2, "interval length"), (3, "record")],
         0, "no such length"),
        ([HEADER, CHANNEL.replace("KWH", "BTU"), day(), END], [(2, "unit"), (3, "record")], 0,
         "no such unit"),
        ([HEADER, CHANNEL.replace("NMI1", ""), END], [(2, "NMI")], 0, "whose?"),
        ([HEADER, "200,NMI1", END], [(2, "record")], 0, "too short"),
        ([HEADER, CHANNEL, day(count=47), day(date="20040202"), END], [(3, "quality")], 48,
         "a value is missing; the next day is read"),
        ([HEADER, CHANNEL, day(count=4), END], [(3, "values")], 0, "a torn day"),
        ([HEADER, CHANNEL, day(count=96), END], [(3, "quality")], 0, "values of 15 minutes"),
        ([HEADER, CHANNEL, day("X,,"), END], [(3, "quality")], 0, "no quality"),
        ([HEADER, CHANNEL, day(value="1,,1", count=24), END], [(3, "quality")], 0, "not aligned"),
        ([HEADER, CHANNEL, day(value="-1"), END], [(3, "value")], 0, "energy is not negative"),
        ([HEADER, CHANNEL, day(value=""), END], [(3, "value")], 0, "measured, but blank"),
        ([HEADER, CHANNEL, day("N,,", value=""), END], [], 48, "not measured, and blank"),
        ([HEADER, CHANNEL, day(date="20040230"), END], [(3, "date")], 0, "no such day"),
        ([HEADER, CHANNEL, day(), "400,1,48,A,,", END], [(4, "record")], 48, "told already"),
        ([HEADER, CHANNEL, V_DAY, END], [(3, "quality")], 0, "nothing tells the quality"),
        ([HEADER, CHANNEL, V_DAY, "400,1,24,A,,", END], [(3, "quality")], 0, "half of it told"),
        ([HEADER, CHANNEL, V_DAY, "400,1,49,A,,", "400,50,96,A,,", END], [(4, "interval")], 0,
         "more intervals than the day has; its other 400 are part of that"),
        ([HEADER, CHANNEL, V_DAY, "400,1,9,A,,", "400,11,48,A,,", END], [(5, "interval")], 0,
         "a gap"),
        ([HEADER, CHANNEL, V_DAY, "400,1,48,V,,", END], [(4, "quality")], 0, "V within V"),
        ([HEADER, READ, END], [(2, "record")], 0, "a record of the other format"),
        ([HEADER, "1,2", END], [(2, "record")], 0, "a torn line"),
        ([HEADER, '200,"x', END], [(2, "")], 0, "an open quote"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_line_and_field(
    tmp_path: Path, lines: list[str], broken: list[tuple[int, str]], rows: int, why: str
) -> None:
    found = read(tmp_path, *lines)
    assert [(row.line, row.field) for row in found if isinstance(row, Broken)] == broken, why
    assert sum(isinstance(row, Row) for row in found) == rows, why


@pytest.mark.parametrize(
    ("old", "new", "field", "why"),
    [
        ("006342.8", "x", "previous read", "no number"),
        ("007654.9", "", "current read", "no read"),
        ("20040107100333", "20040107", "current read", "a day is not a time"),
        ("20040107100333", "20030107100333", "previous read", "before the previous one"),
        (",E64,", ",V,", "current read", "a read has one quality"),
        (",E64,", ",Q,", "quality", "no quality"),
        (",kWh,", ",apples,", "unit", "no unit"),
        ("NMI1", "", "NMI", "whose?"),
    ],
)
def test_a_read_that_is_none_is_told(
    tmp_path: Path, old: str, new: str, field: str, why: str
) -> None:
    header = HEADER.replace("NEM12", "NEM13")
    [broken] = read(tmp_path, header, READ.replace(old, new, 1), END)
    assert isinstance(broken, Broken), why
    assert (broken.line, broken.field) == (2, field), why


@given(
    values=st.lists(st.decimals(0, 9999, places=3), min_size=48, max_size=48),
    ends=st.sets(st.integers(1, 47)),
)
def test_no_interval_is_lost_however_its_day_is_parted(
    values: list[Decimal], ends: set[int]
) -> None:
    channel = channel_of(CHANNEL.split(","))
    cells = ["300", "20040201", *map(str, values), "V", "", "", ""]
    parted = day_of(cells, channel, 3)
    start = 1
    for end in [*sorted(ends), 48]:
        parted = part_of(["400", str(start), str(end), "A", ""], parted)
        start = end + 1
    rows = list(rows_of_day(parted))
    assert [row["value"] for row in rows] == list(map(str, values))
    assert len({row["id"] for row in rows}) == len({row["at"] for row in rows}) == 48
