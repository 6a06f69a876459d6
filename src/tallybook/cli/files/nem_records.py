"""The records of NEM12 and NEM13, each checked and told as cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

MARKET_TIME = timezone(timedelta(hours=10))
INTERVAL, READ = "energy_interval", "energy_reading"
"""The kinds of rows: what an interval used, and what a register stood at."""

_DAY_MINUTES = 24 * 60
_LENGTHS = (1, 5, 6, 10, 15, 30)
_UNITS = {
    unit.upper(): unit
    for prefixes, of in (
        (("M", "k", ""), ("Wh", "VArh", "VAh", "W", "VAr", "VA")),
        (("k", ""), ("V", "A")),
        (("",), ("pf",)),
    )
    for unit in (prefix + name for prefix in prefixes for name in of)
}
_NUMBER = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")
_QUALITY = re.compile(r"([AENSFV])([0-9]{2})?")
_SMALL = re.compile(r"[0-9]{1,4}")


class Fault(Exception):  # noqa: N818
    """What is wrong with a record: why, where in it, and what mends it."""

    def __init__(self, reason: str, field: str, mend: str) -> None:
        super().__init__(reason)
        self.reason, self.field, self.mend = reason, field, mend


class Channel(NamedTuple):
    """A 200 record: whose, by which register, in which unit, how often."""

    cells: dict[str, str]
    minutes: int

    @property
    def intervals(self) -> int:
        """Intervals a day."""
        return _DAY_MINUTES // self.minutes


class Quality(NamedTuple):
    """How a value came about: A actual, E, S and F estimated and substituted, N none, V several."""

    flag: str
    method: str
    reason: str


class Day(NamedTuple):
    """A 300 record: the values of a day, and how each came about as far as that is `told`."""

    channel: Channel
    date: datetime
    values: list[str]
    parts: tuple[tuple[int, Quality], ...]
    updated_at: str
    line: int

    @property
    def told(self) -> int:
        """The last interval whose quality is known."""
        return self.parts[-1][0] if self.parts else 0

    @property
    def is_complete(self) -> bool:
        """Whether the quality of all intervals is known."""
        return self.told == len(self.values)


def channel_of(cells: list[str]) -> Channel:
    """A 200 record. Units are spelled in one way, whatever capitals the file uses."""
    _at_least(cells, 9, "an interval length")
    minutes = int(cells[8]) if _SMALL.fullmatch(cells[8]) else 0
    if minutes not in _LENGTHS:
        raise Fault(
            f"{cells[8][:20]!r} is not an interval length.",
            "interval length",
            "Mostly 5, 15 or 30.",
        )
    named = {"kind": INTERVAL, "nmi": _said(cells[1], "NMI"), "suffix": _said(cells[4], "suffix")}
    named |= {"register": cells[3], "serial": cells[6], "unit": _unit(cells[7])}
    return Channel(named | {"minutes": cells[8]}, minutes)


def day_of(cells: list[str], channel: Channel, line: int) -> Day:
    """A 300 record of `channel`."""
    count = channel.intervals
    if len(cells) < count + 3:
        raise Fault(
            f"The record has {len(cells) - 2} fields after its date; a day of {channel.minutes}"
            f" minutes has {count} values and their quality.",
            "values",
            "Compare it with the interval length in its 200 record.",
        )
    if not _QUALITY.fullmatch(cells[count + 2]):
        raise Fault(
            f"{cells[count + 2][:20]!r} stands where the quality does after {count} values of"
            f" {channel.minutes} minutes.",
            "quality",
            "Compare it with the interval length in its 200 record.",
        )
    rest = [*cells[count + 2 :], "", "", ""]
    quality = _quality(rest[0], rest[1])
    values = cells[2 : count + 2]
    parts = () if quality.flag == "V" else ((count, quality),)
    day = Day(channel, _time(cells[1], "%Y%m%d", "date"), values, parts, rest[3], line)
    _check_values(day)
    return day


def part_of(cells: list[str], day: Day) -> Day:
    """The day with what a 400 record tells of the intervals after those told before."""
    _at_least(cells, 4, "a quality")
    first, last = (int(cell) if _SMALL.fullmatch(cell) else 0 for cell in cells[1:3])
    if first != day.told + 1 or not first <= last <= len(day.values):
        raise Fault(
            f"It tells of intervals {cells[1][:9]} to {cells[2][:9]}; from {day.told + 1} on, of"
            f" {len(day.values)}, are to be told.",
            "interval",
            "Compare them with the interval length in the 200 record.",
        )
    quality = _quality(cells[3], cells[4] if len(cells) > 4 else "")
    if quality.flag == "V":
        raise Fault("V is a quality of days alone.", "quality", "Tell each part's own.")
    told = day._replace(parts=(*day.parts, (last, quality)))
    _check_values(told)
    return told


def _check_values(day: Day) -> None:
    """Every value told of is a number, but that what was not measured may be blank."""
    start = 0
    for last, quality in day.parts:
        for index in range(start, last):
            value = day.values[index]
            if not (_NUMBER.fullmatch(value) or (quality.flag == "N" and not value)):
                raise Fault(
                    f"The value of interval {index + 1} is {value[:20]!r}.", "value",
                    "Write digits and a point.",
                )  # fmt: skip
        start = last


def rows_of_day(day: Day) -> Iterator[dict[str, Any]]:
    """The cells of each interval, its time its start. What was not measured has no value."""
    common = day.channel.cells
    source = f"{common['nmi']}:{common['suffix']}:{day.date:%Y%m%d}"
    start = 0
    for last, quality in day.parts:
        told = common | _of(quality) | {"updated_at": day.updated_at}
        for index in range(start, last):
            minutes = index * day.channel.minutes
            measured = "" if quality.flag == "N" else day.values[index]
            at = day.date + timedelta(minutes=minutes)
            identity = f"{source}{minutes // 60:02}{minutes % 60:02}"
            yield told | {"id": identity, "at": at, "value": measured}
        start = last


def reads_of(cells: list[str]) -> Iterator[dict[str, Any]]:
    """The previous and the current read of a 250 record. The first read of all has no previous."""
    _at_least(cells, 20, "a unit")
    named = {"kind": READ, "nmi": _said(cells[1], "NMI"), "suffix": _said(cells[4], "suffix")}
    named |= {"register": cells[3], "serial": cells[6], "direction": cells[7]}
    named |= {"unit": _unit(cells[19]), "updated_at": cells[21] if len(cells) > 21 else ""}
    named["series"] = f"{named['nmi']}:{named['serial']}:{named['register']}"
    reads = []
    if cells[8] or cells[9]:
        reads.append(_read(named, cells[8:13], "previous read"))
    reads.append(_read(named, cells[13:18], "current read") | {"quantity": cells[18]})
    if reads[0]["at"] > reads[-1]["at"]:
        raise Fault("The previous read is after the current one.", "previous read", "Mend it.")
    yield from reads


def _read(named: dict[str, str], cells: list[str], field: str) -> dict[str, Any]:
    quality = _quality(cells[2], cells[3])
    is_none = quality.flag == "N"
    if quality.flag == "V" or not (_NUMBER.fullmatch(cells[0]) or (is_none and not cells[0])):
        raise Fault(f"The {field} is {cells[0][:20]!r}.", field, "Write digits and a point.")
    at = _time(cells[1], "%Y%m%d%H%M%S", field)
    identity = (named["nmi"], named["suffix"], named["register"], named["serial"], cells[1])
    return (
        named
        | _of(quality)
        | {"id": ":".join(identity), "at": at, "value": "" if is_none else cells[0]}
    )


def _of(quality: Quality) -> dict[str, str]:
    return {"quality": quality.flag, "method": quality.method, "reason": quality.reason}


def _quality(text: str, reason: str) -> Quality:
    found = _QUALITY.fullmatch(text)
    if not found:
        raise Fault(f"{text[:20]!r} is no quality.", "quality", "A, E, F, N, S, with its method.")
    return Quality(found[1], found[2] or "", reason)


def _unit(text: str) -> str:
    unit = _UNITS.get(text.upper()) if text else ""
    if unit is None:
        raise Fault(f"{text[:20]!r} is no unit.", "unit", "Write one such as kWh.")
    return unit


def _time(text: str, pattern: str, field: str) -> datetime:
    shape = "YYYYMMDD" + ("hhmmss" if "%H" in pattern else "")
    try:
        at = datetime.strptime(text, pattern).replace(tzinfo=MARKET_TIME)
    except ValueError:
        at = None
    if at is None or len(text) != len(shape):
        raise Fault(f"{text[:20]!r} is not {shape}.", field, f"Write {shape}.")
    return at


def _said(text: str, field: str) -> str:
    if not text:
        raise Fault(f"The {field} is blank.", field, "Write it.")
    return text


def _at_least(cells: list[str], count: int, last: str) -> None:
    if len(cells) < count:
        raise Fault(
            f"The record has {len(cells)} fields, and none for {last}.", "record", "Complete it."
        )
