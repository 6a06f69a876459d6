"""Shared allowances on a bill: drawn on price by price, kept for later, lost."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tallybook.domain.catalog.in_force import Prorates
from tallybook.domain.catalog.shared_allowance import SharedAllowance
from tallybook.domain.catalog.working import ZERO, RatedLine, Step
from tallybook.domain.invoicing.charges import RatedCharge
from tallybook.domain.invoicing.conditions import ConditionLine
from tallybook.domain.invoicing.footing import KEPT, Footing
from tallybook.domain.invoicing.invoice import LineKind
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.instants import Span
from tallybook.domain.rating.allowances import Carried, close_allowance
from tallybook.domain.subscriptions.proration import in_force_within


class SharedUnits:
    """What is left of each shared allowance while the prices of a bill are rated, in order."""

    def __init__(self, footing: Footing) -> None:
        self._footing = footing
        self._of = {
            price: allowance
            for allowance in footing.plan.shared_allowances
            for price in allowance.prices
        }
        self._carried = {
            allowance.key: carried_into(footing, allowance)
            for allowance in footing.plan.shared_allowances
        }
        self._granted = {
            allowance.key: units_of(footing, allowance)
            for allowance in footing.plan.shared_allowances
        }
        self._used = {allowance.key: ZERO for allowance in footing.plan.shared_allowances}
        self._units: dict[str, set[str]] = {key: set() for key in self._used}

    def left_for(self, price_key: str) -> Decimal | None:
        """What is left for a price; None where it shares no allowance."""
        allowance = self._of.get(price_key)
        if allowance is None:
            return None
        with exactly():
            carried = sum((each.units for each in self._carried[allowance.key]), ZERO)
            return self._granted[allowance.key] + carried - self._used[allowance.key]

    def take(self, charged: RatedCharge) -> None:
        """Note what a rated price was covered with, and in which unit it is priced."""
        price = charged.charge.price
        allowance = self._of.get(price.key)
        if allowance is None:
            return
        unit = price.conversion.unit if price.conversion is not None else charged.unit
        self._units[allowance.key].add(unit)
        with exactly():
            for step in charged.rated.working:
                if step.code == "allowance":
                    self._used[allowance.key] += step.quantity

    def lines(self) -> Iterator[ConditionLine]:
        """What became of each allowance in the period: it costs nothing, and says what is left."""
        for allowance in self._footing.plan.shared_allowances:
            used = self._used[allowance.key]
            yield ConditionLine(
                kind=LineKind.ALLOWANCE,
                key=allowance.key,
                name=allowance.name,
                service_period=self._footing.service_period,
                rated=RatedLine(used, ZERO, tuple(self._steps(allowance, used))),
                unit=self._unit(allowance),
            )

    def _unit(self, allowance: SharedAllowance) -> str:
        """The unit of an allowance, where all prices that share it are priced in one."""
        units = self._units[allowance.key]
        return next(iter(units)) if len(units) == 1 else ""

    def _steps(self, allowance: SharedAllowance, used: Decimal) -> Iterator[Step]:
        carried = self._carried[allowance.key]
        closed = close_allowance(
            self._granted[allowance.key],
            used,
            carried=carried,
            keeps_periods=0 if self._footing.is_last else allowance.keeps_periods,
            at_most=allowance.keeps_at_most,
        )
        yield Step("allowance_granted", self._granted[allowance.key], ZERO, ZERO)
        for each in carried:
            yield Step("allowance_carried", each.units, ZERO, ZERO)
        yield Step("allowance_used", used, ZERO, ZERO)
        for each in closed.carried:
            terms = {"periods_left": Decimal(each.periods_left)}
            yield Step(KEPT, each.units, ZERO, ZERO, terms)
        if closed.lost:
            yield Step("allowance_lost", closed.lost, ZERO, ZERO)


def units_of(footing: Footing, allowance: SharedAllowance) -> Decimal:
    """What an allowance grants in the period: its share, where it shrinks with it."""
    ended = footing.ended
    if not allowance.prorates or footing.is_supposed or footing.is_whole_period or ended is None:
        return allowance.units
    charged = [
        Span(max(span.starts, ended.starts), min(span.ends, ended.ends))
        for span in footing.charged
        if span.starts < ended.ends and ended.starts < span.ends
    ]
    with exactly():
        return in_force_within(footing.cycle, charged, Prorates.UNITS).units(allowance.units)


def carried_into(footing: Footing, allowance: SharedAllowance) -> tuple[Carried, ...]:
    """What the last bill left of an allowance."""
    lines = [
        each
        for each in footing.earlier
        if each.kind is LineKind.ALLOWANCE and each.price_key == allowance.key
    ]
    last = max(lines, key=lambda each: each.counts_from, default=None)
    return () if last is None else last.carried
