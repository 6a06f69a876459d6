"""`percentage`: a share of each transaction's amount, with a fee, a free part and limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import (
    PortionRule,
    check_amount,
    check_rate,
)
from tallybook.domain.catalog.usage_need import ONE_QUANTITY, Circumstances, Portion, UsageNeed
from tallybook.domain.catalog.working import ONE, ZERO, RatedLine, Sentences, Step, line
from tallybook.domain.kernel.errors import Invalid


class Percentage(PortionRule, frozen=True, tag="percentage"):
    """`rate_pct` of each transaction, plus `fixed_amount`, within the limits of each.

    The free part ends as soon as `free_events` transactions or `free_amount` are used up, whichever
    comes first; a transaction that is free in part pays the percentage of the rest and the fixed
    amount. A transaction that is free as a whole pays nothing. `event_minimum` and `event_maximum`
    bound what each paying one costs, its fixed amount included. What limits all of them together is
    the price's own minimum and maximum.
    """

    rate_pct: Decimal
    fixed_amount: Decimal = Decimal(0)
    free_events: int | None = None
    free_amount: Decimal | None = None
    event_minimum: Decimal | None = None
    event_maximum: Decimal | None = None

    sentences: ClassVar[Sentences] = {
        "percentage": {
            "en": "{percent}% of {base} = {amount}",
            "sv": "{percent}\u00a0% av {base} = {amount}",
            "de": "{percent}\u00a0% von {base} = {amount}",
        },
        "fixed_per_event": {
            "en": (
                "{quantity} {quantity:transaction|transactions} at {unit_amount}{quantity:| each} "
                "= {amount}"
            ),
            "sv": "{quantity} {quantity:transaktion|transaktioner} à {unit_amount} = {amount}",
            "de": (
                "{quantity} {quantity:Transaktion|Transaktionen} zu{quantity:| je} {unit_amount} "
                "= {amount}"
            ),
        },
        "free_part": {
            "en": "{base} in {events} {events:transaction|transactions}: free",
            "sv": "{base} i {events} {events:transaktion|transaktioner}: utan kostnad",
            "de": "{base} in {events} {events:Transaktion|Transaktionen}: kostenlos",
        },
        "event_minimum": {
            "en": (
                "{events} {events:transaction|transactions} raised to at least {minimum}{events:| "
                "each}: {amount}"
            ),
            "sv": (
                "{events} {events:transaktion höjd|transaktioner höjda} till minst "
                "{minimum}{events:| var}: {amount}"
            ),
            "de": (
                "{events} {events:Transaktion|Transaktionen} auf mindestens{events:| je} "
                "{minimum} angehoben: {amount}"
            ),
        },
        "event_maximum": {
            "en": (
                "{events} {events:transaction|transactions} lowered to at most {maximum}{events:| "
                "each}: {amount}"
            ),
            "sv": (
                "{events} {events:transaktion sänkt|transaktioner sänkta} till högst "
                "{maximum}{events:| var}: {amount}"
            ),
            "de": (
                "{events} {events:Transaktion|Transaktionen} auf höchstens{events:| je} {maximum} "
                "gesenkt: {amount}"
            ),
        },
    }

    @property
    def need(self) -> UsageNeed:
        """Without a fee, a free part or limits the sum is all that it takes."""
        is_plain = not self.fixed_amount and all(
            limit is None
            for limit in (
                self.free_events,
                self.free_amount,
                self.event_minimum,
                self.event_maximum,
            )
        )
        return ONE_QUANTITY if is_plain else UsageNeed(each_event=True)

    def check(self) -> None:
        check_rate(self.rate_pct)
        check_amount(self.fixed_amount, "fixed_amount")
        for name in ("free_amount", "event_minimum", "event_maximum"):
            number: Decimal | None = getattr(self, name)
            if number is not None:
                check_amount(number, name)
        if self.free_events is not None and self.free_events < 0:
            raise Invalid(
                "negative_amount",
                f"{self.free_events} free transactions make no sense.",
                field="free_events",
                mend="Send 0 or more.",
            )
        if (
            self.event_minimum is not None
            and self.event_maximum is not None
            and self.event_minimum > self.event_maximum
        ):
            raise Invalid(
                "minimum_above_maximum",
                f"{self.event_minimum} is above {self.event_maximum}.",
                field="event_minimum",
                mend="Lower the minimum or raise the maximum.",
            )

    def prorated(self, within: InForce) -> Self:
        events, amount = self.free_events, self.free_amount
        return msgspec.structs.replace(
            self,
            free_events=None if events is None else within.whole_units(events),
            free_amount=None if amount is None else within.units(amount),
        )

    def rate_portions(self, portions: Sequence[Portion], _: Circumstances) -> RatedLine:
        amounts = [portion.quantity for portion in portions]
        quantity = sum(amounts, ZERO)
        if self.need.is_one_quantity:
            rate = self.rate_pct.scaleb(-2)
            terms = {"percent": self.rate_pct}
            return line(quantity, Step("percentage", quantity, rate, quantity * rate, terms))
        return line(quantity, *self._steps(amounts))

    def _steps(self, amounts: Sequence[Decimal]) -> Iterator[Step]:
        rate = self.rate_pct.scaleb(-2)
        free = paying = raised = lowered = ZERO
        counts = {"free": 0, "paying": 0, "raised": 0, "lowered": 0}
        for covered, rest, pays in self._after_free(amounts):
            free += covered
            counts["free"] += bool(covered)
            if not pays:
                continue
            paying += rest
            counts["paying"] += 1
            fee = rest * rate + self.fixed_amount
            if self.event_maximum is not None and fee > self.event_maximum:
                lowered += self.event_maximum - fee
                counts["lowered"] += 1
            elif self.event_minimum is not None and fee < self.event_minimum:
                raised += self.event_minimum - fee
                counts["raised"] += 1
        if free:
            yield Step("free_part", free, ZERO, ZERO, {"events": Decimal(counts["free"])})
        terms = {"percent": self.rate_pct}
        yield Step("percentage", paying, rate, paying * rate, terms)
        if self.fixed_amount:
            count = Decimal(counts["paying"])
            yield Step("fixed_per_event", count, self.fixed_amount, count * self.fixed_amount)
        if self.event_minimum is not None and counts["raised"]:
            terms = {"minimum": self.event_minimum, "events": Decimal(counts["raised"])}
            yield Step("event_minimum", ONE, raised, raised, terms)
        if self.event_maximum is not None and counts["lowered"]:
            terms = {"maximum": self.event_maximum, "events": Decimal(counts["lowered"])}
            yield Step("event_maximum", ONE, lowered, lowered, terms)

    def _after_free(self, amounts: Sequence[Decimal]) -> Iterator[tuple[Decimal, Decimal, bool]]:
        """For each transaction how much is free, how much is not, and whether it pays."""
        events_left = self.free_events
        amount_left = self.free_amount
        has_free = events_left is not None or amount_left is not None
        for amount in amounts:
            if events_left == 0 or amount_left == 0:
                has_free = False
            if not has_free:
                yield ZERO, amount, True
                continue
            covered = amount
            if events_left is not None:
                events_left -= 1
            if amount_left is not None:
                covered = min(amount, amount_left)
                amount_left -= covered
            yield covered, amount - covered, covered < amount
