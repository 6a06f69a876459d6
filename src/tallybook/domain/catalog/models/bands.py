"""Bands of time: which moments belong together, by hour, weekday, month, season and holiday."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property

import msgspec

from tallybook.domain.catalog.models.quantity_rule import QuantityRule
from tallybook.domain.catalog.models.rule import PortionRule, within
from tallybook.domain.catalog.usage_need import Circumstances, Portion, UsageNeed
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import zone

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_LEAP = 2024

Moment = tuple[str, int, int, bool]
"""A local day as `MM-DD`, its weekday from 1 for Monday, the minute of it, whether a holiday."""


class When(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Moments of a year by the clock on the wall. What is left out does not narrow.

    `from_time` is inside, `until_time` is not (`24:00` is the day's end); where it is not later the
    hours go over midnight, and belong to the day that each is on. `from_day` and `until_day`
    (`MM-DD`) are both inside and may go over New Year. `weekdays` count from 1, Monday. `holidays`
    true means only on holidays, false never on one.
    """

    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    from_time: str = "00:00"
    until_time: str = "24:00"
    from_day: str = "01-01"
    until_day: str = "12-31"
    holidays: bool | None = None

    def check(self) -> None:
        for name, values, most in (("months", self.months, 12), ("weekdays", self.weekdays, 7)):
            if any(not 1 <= value <= most for value in values):
                raise _unreadable(name, values, f"numbers from 1 to {most}")
        for name in ("from_time", "until_time"):
            if not _CLOCK.fullmatch(getattr(self, name)):
                raise _unreadable(name, getattr(self, name), "a time such as 07:30")
        for name in ("from_day", "until_day"):
            day = getattr(self, name)
            if not _DAY.fullmatch(day) or not _is_day(day):
                raise _unreadable(name, day, "a day that there is, such as 06-15 or 02-29")
        if _minutes(self.from_time) == _minutes(self.until_time):
            raise Invalid(
                "no_hours",
                f"From {self.from_time} until {self.until_time} is no time, or all of it.",
                field="until_time",
                mend="Send a later time; for the whole day leave both out.",
            )

    def fits(self, moment: Moment) -> bool:
        """Whether it is one of these moments."""
        day, weekday, minute, is_holiday = moment
        if self.holidays is not None and self.holidays is not is_holiday:
            return False
        if self.weekdays and weekday not in self.weekdays:
            return False
        if self.months and int(day[:2]) not in self.months:
            return False
        if not _between(self.from_day, day, self.until_day):
            return False
        starts, ends = _minutes(self.from_time), _minutes(self.until_time)
        if starts < ends:
            return starts <= minute < ends
        return minute >= starts or minute < ends


class Band(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A named part of all time and the rule that charges it. Without `when` it is all of it."""

    name: str
    rule: QuantityRule
    when: tuple[When, ...] = ()

    def fits(self, moment: Moment) -> bool:
        """Whether the moment is in this band, others aside."""
        return not self.when or any(when.fits(moment) for when in self.when)


class BandedRule(PortionRule, frozen=True, dict=True):
    """A rule by bands of time. Of several bands that a moment fits, the first has it.

    `holidays` are local days. `timezone` is whose clock it goes by; the customer's if empty.
    """

    bands: tuple[Band, ...]
    holidays: tuple[date, ...] = ()
    timezone: str = ""

    @property
    def window(self) -> str:
        """The coarsest window that no band's edge cuts."""
        clocks = {
            clock
            for band in self.bands
            for when in band.when
            for clock in (when.from_time, when.until_time)
        }
        return "hour" if all(clock.endswith(":00") for clock in clocks) else "minute"

    @property
    def need(self) -> UsageNeed:
        """Usage by windows of the clock that the bands go by."""
        return UsageNeed(window=self.window, timezone=self.timezone)

    def check(self) -> None:
        if not self.bands:
            raise Invalid(
                "no_bands", "There is no band.", field="bands", mend="Send one band or more."
            )
        if self.timezone:
            zone(self.timezone)
        names: set[str] = set()
        for index, band in enumerate(self.bands):
            within(f"bands/{index}/rule", band.rule.check)
            for place, when in enumerate(band.when):
                within(f"bands/{index}/when/{place}", when.check)
            if band.name in names:
                raise Invalid(
                    "band_name_taken",
                    f"Two bands are called {band.name!r}.",
                    field=f"bands/{index}/name",
                    mend="Give each band a name of its own; it is printed.",
                )
            names.add(band.name)
            for place, when in enumerate(band.when):
                if when.holidays and not self.holidays:
                    raise Invalid(
                        "no_holidays",
                        f"{band.name!r} is on holidays, and the price has none.",
                        field=f"bands/{index}/when/{place}/holidays",
                        mend="Send holidays, a list of the local days: 2026-12-25.",
                    )
            if not band.when and index < len(self.bands) - 1:
                raise Invalid(
                    "band_never_reached",
                    f"{band.name!r} has all times, so that the bands after it are never reached.",
                    field=f"bands/{index}/when",
                    mend="Put it last, or say when it is.",
                )
        self._check_reached()

    def _check_reached(self) -> None:
        """Refuse a band of which the bands before it have every moment."""
        reached = {self._first(moment) for moment in self._edges()}
        for index, band in enumerate(self.bands):
            if index not in reached:
                raise Invalid(
                    "band_never_reached",
                    f"The bands before {band.name!r} have all of its times.",
                    field=f"bands/{index}/when",
                    mend="Put it before them, narrow them, or leave it out.",
                )

    def check_gaps(self) -> None:
        """Refuse bands that leave a moment out."""
        for moment in self._edges():
            if not any(band.fits(moment) for band in self.bands):
                day, weekday, minute, is_holiday = moment
                raise Invalid(
                    "gap_between_bands",
                    f"No band has {day} {minute // 60:02}:{minute % 60:02}, weekday {weekday}"
                    f"{', a holiday' if is_holiday else ''}.",
                    field="bands",
                    mend="Add a last band without when, for all other times.",
                )

    def _edges(self) -> Iterator[Moment]:
        """The first moments of all stretches that any band could tell apart."""
        whens = [when for band in self.bands for when in band.when]
        days = {f"{month:02}-01" for month in range(1, 13)}
        days |= {when.from_day for when in whens} | {_next_day(when.until_day) for when in whens}
        minutes = {_minutes(when.from_time) % 1440 for when in whens} | {0}
        minutes |= {_minutes(when.until_time) % 1440 for when in whens}
        kinds = (False, True) if self.holidays else (False,)
        for day in sorted(days):
            for weekday in range(1, 8):
                for minute in sorted(minutes):
                    for is_holiday in kinds:
                        yield day, weekday, minute, is_holiday

    def banded(
        self, portions: Sequence[Portion], circumstances: Circumstances
    ) -> list[tuple[Band | None, list[Portion]]]:
        """The portions of each band, in the order of the bands; last those of none."""
        clock = zone(self.timezone or circumstances.timezone)
        found: dict[int | None, list[Portion]] = {}
        for portion in portions:
            local = circumstances.starts_at(portion).astimezone(clock)
            found.setdefault(self._band_of(local), []).append(portion)
        named: list[tuple[Band | None, list[Portion]]] = [
            (band, found[index]) for index, band in enumerate(self.bands) if index in found
        ]
        return [*named, (None, found[None])] if None in found else named

    def _band_of(self, local: datetime) -> int | None:
        moment = (
            f"{local.month:02}-{local.day:02}",
            local.isoweekday(),
            local.hour * 60 + local.minute,
            local.date() in self._holidays,
        )
        known = self._known
        if moment not in known:
            known[moment] = self._first(moment)
        return known[moment]

    def _first(self, moment: Moment) -> int | None:
        """The place of the band that has a moment; None where none has."""
        return next((index for index, band in enumerate(self.bands) if band.fits(moment)), None)

    @cached_property
    def _holidays(self) -> frozenset[date]:
        return frozenset(self.holidays)

    @cached_property
    def _known(self) -> dict[Moment, int | None]:
        return {}


def _between(starts: str, day: str, ends: str) -> bool:
    if starts <= ends:
        return starts <= day <= ends
    return day >= starts or day <= ends


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _is_day(day: str) -> bool:
    """Whether a year has it, if only a leap year."""
    return int(day[3:]) <= monthrange(_LEAP, int(day[:2]))[1]


def _next_day(day: str) -> str:
    following = date(_LEAP, int(day[:2]), int(day[3:])) + timedelta(days=1)
    return f"{following.month:02}-{following.day:02}"


def _unreadable(name: str, value: object, wanted: str) -> Invalid:
    return Invalid(
        "unreadable_moment", f"{value!r} is no {name}.", field=name, mend=f"Send {wanted}."
    )
