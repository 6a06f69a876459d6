"""What a credit note gives back, in whole minor units. Rules: docs/semantics/invoicing.md."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tallybook.domain.kernel.decimals import widely
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.money import to_units


class CreditAmounts(msgspec.Struct, frozen=True):
    """What is given back before tax, the tax on it, and both."""

    subtotal_minor: int
    tax_minor: int

    @property
    def total_minor(self) -> int:
        return self.subtotal_minor + self.tax_minor


def credit_unused_days(
    amount_minor: int, *, unused_days: int, period_days: int, tax_rate_pct: Decimal
) -> CreditAmounts:
    """Give back the unused share of a fee: rounded first, then its tax is."""
    assert 0 <= unused_days <= period_days, "no more days than there are"
    assert period_days > 0, "a period has a day"
    with widely():
        share = Decimal(amount_minor) * unused_days / period_days
    return credit_amount(to_units(share, 0), tax_rate_pct=tax_rate_pct)


def credit_amount(amount_minor: int, *, tax_rate_pct: Decimal) -> CreditAmounts:
    """Give back an amount before tax, and the tax that was charged on it."""
    with widely():
        tax = amount_minor * tax_rate_pct / 100
    return CreditAmounts(amount_minor, to_units(tax, 0))


def due_after_credit(due_minor: int, credit_minor: int) -> int:
    """What is still to be paid. A credit note larger than what is due is refused."""
    if credit_minor > due_minor:
        raise Invalid(
            "credit_exceeds_due",
            f"{credit_minor} is more than the {due_minor} still due.",
            field="total_minor",
            mend="Credit at most what is due; pay the rest back as a refund.",
        )
    return due_minor - credit_minor
