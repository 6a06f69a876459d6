"""What a line of usage gives back of earlier bills: which, and how much, told by its steps.

Rules: docs/semantics/pricing.md, "Disputes".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.working import ONE, ZERO, RatedLine, Sentences, Step, single
from tallybook.domain.kernel.decimals import exactly
from tallybook.domain.kernel.instants import Span

_FROM, _UNTIL = "billed_from", "billed_until"
_NO_MORE, _DISCOUNT = "no_more_than_billed", "discount"


class Billed(msgspec.Struct, frozen=True):
    """What an earlier bill charged for a price and a time, less what was given back of it."""

    span: Span
    left: Decimal


SENTENCES: Sentences = {
    _NO_MORE: {
        "en": "No more is given back than the {maximum} that were charged: {amount}",
        "sv": "Mer än de {maximum} som debiterades återbetalas inte: {amount}",
        "de": "Mehr als die berechneten {maximum} wird nicht erstattet: {amount}",
    },
}


def of_earlier(span: Span) -> dict[str, str]:
    """The labels of a step that gives back of what was billed for that time."""
    return {_FROM: span.starts.isoformat(), _UNTIL: span.ends.isoformat()}


def given_back_in(working: Iterable[Step]) -> dict[Span, Decimal]:
    """How much a line gives back of what earlier bills charged, by the time they charged it for.

    What its own steps give back, less the price's discount on it, no more than was billed.
    """
    found: dict[Span, Decimal] = {}
    factor = ONE
    with exactly():
        for step in working:
            if step.code == _DISCOUNT:
                factor += step.unit_amount
            if _FROM in step.labels and step.code != _NO_MORE:
                span = _span(step)
                found[span] = found.get(span, ZERO) - step.amount
        found = {span: amount * factor for span, amount in found.items()}
        for step in working:
            if step.code == _NO_MORE:
                found[_span(step)] -= step.amount
    return found


def capped(rated: RatedLine, billed: Sequence[Billed]) -> RatedLine:
    """The line that gives no more back than earlier bills charged and gave not back since."""
    left = {each.span: each.left for each in billed}
    steps = []
    with exactly():
        for span, amount in given_back_in(rated.working).items():
            most = left.get(span, ZERO)
            if amount > most:
                step = single(_NO_MORE, amount - most, {"maximum": most})
                steps.append(msgspec.structs.replace(step, labels=of_earlier(span)))
        if not steps:
            return rated
        amount = rated.amount + sum((step.amount for step in steps), ZERO)
    return RatedLine(rated.quantity, amount, (*rated.working, *steps))


def _span(step: Step) -> Span:
    return Span(*(datetime.fromisoformat(step.labels[name]) for name in (_FROM, _UNTIL)))
