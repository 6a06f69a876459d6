"""Credit note cases: unused periods, single amounts, what is due afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tallybook.domain.invoicing.credit_note import (
    CreditAmounts,
    credit_amount,
    credit_unused_days,
    due_after_credit,
)
from vectors.run import NotSupported


def answer(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("unit", "minor") != "minor":
        raise NotSupported("a credit note in major units")
    match given["kind"]:
        case "unused_period":
            return _amounts(
                credit_unused_days(
                    int(given["amount"]),
                    unused_days=int(given["unused_days"]),
                    period_days=int(given["period_days"]),
                    tax_rate_pct=Decimal(given.get("tax_rate_percent", "0")),
                )
            )
        case "item":
            rate = Decimal(given.get("tax_rate_percent", "0"))
            return _amounts(credit_amount(int(given["amount"]), tax_rate_pct=rate))
        case "apply_to_invoice":
            invoiced = int(given["invoice_subtotal"]) + int(given.get("invoice_tax", "0"))
            return {"due": due_after_credit(invoiced, int(given["credit_total"]))}
    raise NotSupported(f"credit note {given['kind']}")


def _amounts(credit: CreditAmounts) -> dict[str, Any]:
    return {
        "subtotal": credit.subtotal_minor,
        "tax": credit.tax_minor,
        "total": credit.total_minor,
    }
