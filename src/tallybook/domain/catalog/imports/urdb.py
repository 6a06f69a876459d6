"""Electricity tariffs of the Utility Rate Database (OpenEI, version 3 and later) as plans.

A tariff's energy is charged by tiers within periods of a schedule of months and hours, its demand
by the highest window, by schedule or by month, and its fixed charge by the month.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import msgspec

from tallybook.domain.catalog.models.bands import Band, When
from tallybook.domain.catalog.models.demand import Demand
from tallybook.domain.catalog.models.flat import Flat
from tallybook.domain.catalog.models.graduated import Graduated
from tallybook.domain.catalog.models.tiers import Beyond, Tier
from tallybook.domain.catalog.models.time_of_use import TimeOfUse
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.catalog.price import Price
from tallybook.domain.kernel.errors import Invalid

_WEEKDAYS = (1, 2, 3, 4, 5)
_WEEKEND = (6, 7)
_LEFT_OUT = ("coincidentratestructure", "demandreactivepowercharge", "mincharge")
"""Charges that depend on more than the customer's own energy, or on all lines together."""

Schedule = Sequence[Sequence[int]]
Tiers = Sequence[Mapping[str, Any]]


class Tariff(msgspec.Struct, frozen=True):
    """A tariff as a plan, and the names of the charges that the plan leaves out."""

    terms: PlanTerms
    left_out: tuple[str, ...]


def read_tariff(
    tariff: Mapping[str, Any], *, plan_key: str, meter: str, timezone: str = ""
) -> Tariff:
    """The plan of a tariff whose energy in kWh is counted by `meter`.

    Numbers are read as decimals. Hours are those of `timezone`, the customer's if empty.
    """
    prices = [*_fixed(tariff), *_energy(tariff, meter, timezone)]
    prices += _demand(tariff, meter, timezone)
    if not prices:
        raise Invalid(
            "no_charges",
            "The tariff names no charge with its schedule.",
            field="energyratestructure",
            mend="Take a record with energyratestructure and energyweekdayschedule.",
        )
    left_out = [name for name in _LEFT_OUT if name in tariff]
    if tariff.get("fixedchargeunits", "$/month") != "$/month":
        left_out.append("fixedchargefirstmeter")
    name = str(tariff["name"])
    return Tariff(
        PlanTerms(plan_key=plan_key, name=name, currency="USD", prices=tuple(prices)),
        tuple(left_out),
    )


def _fixed(tariff: Mapping[str, Any]) -> Iterator[Price]:
    amount = tariff.get("fixedmonthlycharge")
    if amount is None and tariff.get("fixedchargeunits") == "$/month":
        amount = tariff.get("fixedchargefirstmeter")
    if amount is not None:
        yield Price(key="fixed", name="Fixed charge", rule=Flat(_decimal(amount)))


def _energy(tariff: Mapping[str, Any], meter: str, timezone: str) -> Iterator[Price]:
    structure = tariff.get("energyratestructure")
    weekdays = tariff.get("energyweekdayschedule")
    if not structure or not weekdays:
        return
    weekends = tariff.get("energyweekendschedule", weekdays)
    bands = _bands(structure, weekdays, weekends, "energy")
    rule: TimeOfUse | Graduated = TimeOfUse(bands, timezone=timezone)
    if len(bands) == 1:
        only = bands[0].rule
        assert isinstance(only, Graduated), "energy is charged by tiers"
        rule = only
    yield Price(key="energy", name="Energy", meter=meter, rule=rule)


def _demand(tariff: Mapping[str, Any], meter: str, timezone: str) -> Iterator[Price]:
    minutes = int(tariff.get("demandwindow") or 60)
    structure = tariff.get("demandratestructure")
    if structure:
        weekdays = tariff["demandweekdayschedule"]
        weekends = tariff.get("demandweekendschedule", weekdays)
        bands = _bands(structure, weekdays, weekends, "demand")
        rule = _peaks(bands, timezone, minutes)
        yield Price(key="demand", name="Demand by time", meter=meter, rule=rule)
    structure = tariff.get("flatdemandstructure")
    if structure:
        months = tariff["flatdemandmonths"]
        schedule = [[period] * 24 for period in months]
        bands = _bands(structure, schedule, schedule, "flat demand")
        rule = _peaks(bands, timezone, minutes)
        yield Price(key="flat_demand", name="Demand", meter=meter, rule=rule)


def _peaks(bands: tuple[Band, ...], timezone: str, minutes: int) -> Demand:
    """Demand in kW: the highest kWh of a window, as if they had been drawn for an hour."""
    return Demand(
        bands=bands,
        timezone=timezone,
        window_minutes=minutes,
        multiplier=Decimal(60) / minutes,
        unit="kW",
    )


def _bands(
    structure: Sequence[Tiers], weekdays: Schedule, weekends: Schedule, what: str
) -> tuple[Band, ...]:
    """A band for each period that the schedule names, with the moments that are its own."""
    named = {period for schedule in (weekdays, weekends) for hours in schedule for period in hours}
    if named and max(named) >= len(structure):
        raise Invalid(
            "unknown_period",
            f"The schedule of {what} names period {max(named)}; there are {len(structure)}.",
            field=what,
            mend="Take a record whose schedules fit its rates.",
        )
    bands = []
    for period, tiers in enumerate(structure):
        when = tuple(_moments(period, weekdays, weekends))
        if when:
            bands.append(Band(f"{what} {period + 1}", _rule(tiers), when))
    return (msgspec.structs.replace(bands[0], when=()),) if len(bands) == 1 else tuple(bands)


def _moments(period: int, weekdays: Schedule, weekends: Schedule) -> Iterator[When]:
    if weekdays == weekends:
        yield from _hours_by_month(period, weekdays, ())
        return
    yield from _hours_by_month(period, weekdays, _WEEKDAYS)
    yield from _hours_by_month(period, weekends, _WEEKEND)


def _hours_by_month(period: int, schedule: Schedule, weekdays: tuple[int, ...]) -> Iterator[When]:
    """The stretches of hours of a period, months with the same stretches together."""
    months: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for month, hours in enumerate(schedule, start=1):
        months.setdefault(tuple(_stretches(period, hours)), []).append(month)
    for stretches, alike in months.items():
        named = () if len(alike) == 12 else tuple(alike)
        for starts, ends in stretches:
            yield When(
                months=named,
                weekdays=weekdays,
                from_time=f"{starts:02}:00",
                until_time=f"{ends:02}:00",
            )


def _stretches(period: int, hours: Sequence[int]) -> Iterator[tuple[int, int]]:
    for is_in, group in groupby(enumerate(hours), key=lambda hour: hour[1] == period):
        inside = [hour for hour, _ in group]
        if is_in:
            yield inside[0], inside[-1] + 1


def _rule(tiers: Tiers) -> Graduated:
    made = []
    for place, tier in enumerate(tiers):
        if tier.get("unit", "kWh") not in {"kWh", "kW"}:
            raise Invalid(
                "unknown_tier_unit",
                f"Tiers in {tier['unit']} depend on more than the energy.",
                field=f"tiers/{place}/unit",
                mend="Only tiers in kWh can be a price.",
            )
        rate = _decimal(tier.get("rate", 0)) + _decimal(tier.get("adj", 0))
        end = tier.get("max")
        made.append(Tier(None if end is None else _decimal(end), rate))
    beyond = None if made[-1].up_to is None else Beyond.LAST_TIER
    return Graduated(tuple(made), beyond=beyond)


def _decimal(number: Any) -> Decimal:
    """A number as it was written; a binary float would be one that nobody wrote."""
    assert isinstance(number, int | Decimal), "tariffs are parsed with decimals"
    return Decimal(number)
