"""Times in files → instants: every way of writing them, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tallybook.cli.importing.times import TimeFormat, instants
from tallybook.domain.kernel.errors import Invalid

NOON = "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("cell", "how", "instant", "why"),
    [
        ("2026-03-01T12:00:00Z", TimeFormat(), NOON, "RFC 3339"),
        ("2026-03-01 13:00:00+01:00", TimeFormat(), NOON, "a space for the T, an offset"),
        ("2023-11-16 18:17:03.9799609", TimeFormat(timezone="UTC"),
         "2023-11-16T18:17:03.979960+00:00", "seven decimals: the seventh is cut, not rounded"),
        ("2026-03-01", TimeFormat(timezone="Europe/Stockholm"), "2026-02-28T23:00:00+00:00",
         "a date is its midnight there"),
        ("1772366400", TimeFormat("seconds"), NOON, "seconds since 1970"),
        ("1772366400.000001", TimeFormat("seconds"), "2026-03-01T12:00:00.000001+00:00",
         "fractions of a second are exact"),
        (1772366400000, TimeFormat("millis"), NOON, "a number, as Parquet gives it"),
        (msgspec.Raw(b"1772366400000000"), TimeFormat("micros"), NOON, "a number of JSON"),
        ("1772366400000000999", TimeFormat("nanos"), NOON, "nanoseconds are cut"),
        ("-0.5", TimeFormat("seconds"), "1969-12-31T23:59:59.500000+00:00", "before 1970"),
        ("3500", TimeFormat("millis", base="2026-03-01T12:00:00Z"),
         "2026-03-01T12:00:03.500000+00:00", "counted from a base"),
        ("01/03/2026 12:00", TimeFormat("%d/%m/%Y %H:%M", "UTC"), NOON, "a pattern"),
        ("2026-10-25 02:30", TimeFormat(timezone="Europe/Stockholm"), "2026-10-25T00:30:00+00:00",
         "of an hour that occurs twice the first is taken"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), TimeFormat(), NOON, "a time, as Parquet gives it"),
    ],
)  # fmt: skip
def test_a_time_is_read(cell: Any, how: TimeFormat, instant: str, why: str) -> None:
    assert instants(how)(cell) == datetime.fromisoformat(instant), why


@pytest.mark.parametrize(
    ("cell", "how", "code", "mend"),
    [
        ("2026-03-01 12:00:00", TimeFormat(), "time_without_zone", "--timezone"),
        ("1772366400", TimeFormat(), "not_a_time", "--time-format seconds"),
        ("1772366400000", TimeFormat(), "not_a_time", "--time-format millis"),
        ("yesterday", TimeFormat(), "not_a_time", "--time-format"),
        ("", TimeFormat("seconds"), "not_a_number", "digits"),
        ("nan", TimeFormat("seconds"), "not_a_number", "digits"),
        ("9e25", TimeFormat("seconds"), "not_a_time", "--time-format"),
        ("2026-03-29 02:30", TimeFormat(timezone="Europe/Stockholm"), "time_never_was", "zone"),
    ],
)
def test_a_time_that_could_mean_another_is_refused(
    cell: str, how: TimeFormat, code: str, mend: str
) -> None:
    with pytest.raises(Invalid) as refused:
        instants(how)(cell)
    assert (refused.value.code, refused.value.field) == (code, "time")
    assert mend in refused.value.mend


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (TimeFormat("fortnights"), "unknown_time_format"),
        (TimeFormat(base=NOON), "base_without_unit"),
        (TimeFormat(timezone="Europe/Uppsala"), "unknown_timezone"),
    ],
)
def test_a_way_of_writing_that_is_none_is_refused_before_the_first_row(
    how: TimeFormat, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        instants(how)
    assert refused.value.code == code
