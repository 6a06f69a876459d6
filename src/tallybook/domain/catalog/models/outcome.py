"""`outcome`: charged when an outcome is confirmed, given back when it is disputed in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from tallybook.domain.catalog.given_back import of_earlier
from tallybook.domain.catalog.models.rule import (
    PortionRule,
    check_amount,
    check_distinct,
    total,
)
from tallybook.domain.catalog.usage_need import Circumstances, Portion, UsageNeed
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step, line
from tallybook.domain.kernel.errors import Invalid


class Outcome(PortionRule, frozen=True, tag="outcome"):
    """Each outcome costs `unit_amount` once it is confirmed; a dispute in time takes it back.

    Events tell an outcome by the dimension `outcome_id` and what became of it by `status`. The
    first confirmation counts, later ones do not. A dispute within `dispute_days` of it reverses the
    charge: in the same period nothing is charged, in a later one the amount is given back, if a
    bill charged it. A later dispute, or one of an outcome never confirmed or never billed, changes
    nothing; the working counts them.
    """

    unit_amount: Decimal
    dispute_days: int = 0
    outcome_id: str = "outcome_id"
    status: str = "status"
    confirmed: str = "confirmed"
    disputed: str = "disputed"

    sentences: ClassVar[Sentences] = {
        "outcomes": {
            "en": (
                "{quantity} confirmed {quantity:outcome|outcomes} at {unit_amount}{quantity:| "
                "each} = {amount}"
            ),
            "sv": "{quantity} {quantity:bekräftat|bekräftade} resultat à {unit_amount} = {amount}",
            "de": (
                "{quantity} {quantity:bestätigtes Ergebnis|bestätigte Ergebnisse} zu{quantity:| "
                "je} {unit_amount} = {amount}"
            ),
        },
        "disputed": {
            "en": (
                "{count} {count:outcome|outcomes} disputed in time, given back at "
                "{unit_amount}{count:| each}: {amount}"
            ),
            "sv": "{count} resultat som bestreds i tid, återbetalas à {unit_amount}: {amount}",
            "de": (
                "{count} {count:Ergebnis|Ergebnisse} rechtzeitig bestritten, erstattet zu{count:| "
                "je} {unit_amount}: {amount}"
            ),
        },
        "not_disputed": {
            "en": (
                "{quantity} {quantity:dispute|disputes} too late, or of outcomes never charged: "
                "no change"
            ),
            "sv": (
                "{quantity} {quantity:invändning|invändningar} för sent, eller mot resultat som "
                "aldrig debiterats: ingen ändring"
            ),
            "de": (
                "{quantity} {quantity:Einwand|Einwände} zu spät oder gegen nie berechnete "
                "Ergebnisse: keine Änderung"
            ),
        },
    }

    @property
    def need(self) -> UsageNeed:
        """Every event, with those from before the period that may still be disputed in it."""
        return UsageNeed(
            group_by=(self.outcome_id, self.status),
            each_event=True,
            lookback_days=self.dispute_days,
        )

    def check(self) -> None:
        check_amount(self.unit_amount, "unit_amount")
        check_distinct({"outcome_id": self.outcome_id, "status": self.status})
        check_distinct({"confirmed": self.confirmed, "disputed": self.disputed})
        if not 0 <= self.dispute_days <= 400:
            raise Invalid(
                "dispute_days_out_of_range",
                f"A dispute window of {self.dispute_days} days is not possible.",
                field="dispute_days",
                mend="Send 0 to 400.",
            )

    def rate_portions(self, portions: Sequence[Portion], circumstances: Circumstances) -> RatedLine:
        return line(total(portions), *self._steps(portions, circumstances))

    def _steps(self, portions: Sequence[Portion], circumstances: Circumstances) -> Iterator[Step]:
        confirmed, disputed = self._firsts(portions, circumstances)
        opens = circumstances.period.starts if circumstances.period is not None else None
        billed = circumstances.billed
        window = timedelta(days=self.dispute_days)
        charged = sum(1 for at in confirmed.values() if opens is None or at >= opens)
        reversed_ = late = 0
        earlier = dict.fromkeys(billed or (), 0)
        for name, at in disputed.items():
            if opens is not None and at < opens:
                continue
            confirmed_at = confirmed.get(name)
            if confirmed_at is None or not confirmed_at <= at <= confirmed_at + window:
                late += 1
            elif billed is None or opens is None or confirmed_at >= opens:
                reversed_ += 1
            elif span := next((span for span in billed if confirmed_at in span), None):
                earlier[span] += 1
            else:
                late += 1
        count = Decimal(charged)
        yield Step("outcomes", count, self.unit_amount, count * self.unit_amount)
        if reversed_:
            count = Decimal(-reversed_)
            yield Step("disputed", count, self.unit_amount, count * self.unit_amount)
        for span, times in earlier.items():
            if times:
                count = Decimal(-times)
                amount = count * self.unit_amount
                yield Step("disputed", count, self.unit_amount, amount, {}, of_earlier(span))
        if late:
            yield Step("not_disputed", Decimal(late), ZERO, ZERO)

    def _firsts(
        self, portions: Sequence[Portion], circumstances: Circumstances
    ) -> tuple[dict[str, datetime], dict[str, datetime]]:
        """When each outcome was first confirmed and first disputed."""
        found: dict[str, dict[str, datetime]] = {self.confirmed: {}, self.disputed: {}}
        for portion in portions:
            firsts = found.get(portion.dimensions.get(self.status, ""))
            if firsts is None or not portion.quantity:
                continue
            at = circumstances.starts_at(portion)
            name = portion.dimensions.get(self.outcome_id, "")
            firsts[name] = min(at, firsts.get(name, at))
        return found[self.confirmed], found[self.disputed]
