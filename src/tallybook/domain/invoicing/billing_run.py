"""What a billing run has done so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import msgspec

from tallybook.domain.invoicing.invoice import Invoice
from tallybook.domain.kernel.errors import Conflicting, Invalid, Refusal


def amount_too_long() -> Invalid:
    """Of a bill that cannot be calculated without losing digits."""
    return Invalid(
        "amount_too_long",
        "An amount of this period has more digits than are calculated with exactly.",
        mend="Look at the quantities and prices of its plan: one of them is absurdly large or "
        "fine.",
    )


def unforeseen(error: Exception) -> Conflicting:
    """Of a bill in which the program itself failed."""
    return Conflicting(
        "unforeseen_fault",
        f"This bill could not be drawn up: the program failed ({type(error).__name__}).",
        mend="The server's log has the details: please report them. The next run tries again.",
    )


class Stuck(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription that could not be closed, and why. It stays due; the others go on."""

    subscription_key: str
    code: str
    message: str
    mend: str


class BillingRun(msgspec.Struct, frozen=True, kw_only=True):
    """The boundaries up to `until` that were closed, with usage counted up to `as_of`.

    `existed` counts invoices that were there already, drawn up before. `totals_minor` sums the new
    invoices by currency.
    """

    until: datetime
    as_of: int
    opened: int = 0
    closed: int = 0
    ended: int = 0
    invoices: int = 0
    existed: int = 0
    finalized: int = 0
    totals_minor: dict[str, int] = {}
    stuck: tuple[Stuck, ...] = ()

    def joined(self, more: BillingRun) -> BillingRun:
        """This run and what more it did, as one."""
        totals = Counter(self.totals_minor)
        totals.update(more.totals_minor)
        return msgspec.structs.replace(
            self,
            opened=self.opened + more.opened,
            closed=self.closed + more.closed,
            ended=self.ended + more.ended,
            invoices=self.invoices + more.invoices,
            existed=self.existed + more.existed,
            finalized=self.finalized + more.finalized,
            totals_minor=dict(totals),
            stuck=self.stuck + more.stuck,
        )


def totals_of(invoices: Iterable[Invoice]) -> dict[str, int]:
    """The sums of invoices, by currency, in minor units."""
    totals: Counter[str] = Counter()
    for invoice in invoices:
        totals[invoice.currency] += invoice.total_minor
    return dict(totals)


def stuck_at(subscription_key: str, refusal: Refusal) -> Stuck:
    """Why a subscription could not be closed."""
    return Stuck(
        subscription_key=subscription_key,
        code=refusal.code,
        message=refusal.message,
        mend=refusal.mend,
    )
