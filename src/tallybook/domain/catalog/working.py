"""What a price makes of a quantity: the exact amount, and the working behind it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

Sentences = Mapping[str, Mapping[str, str | tuple[str, str]]]
"""For each code of a step and each language the sentence that tells it.

In braces stand `quantity`, `unit_amount`, `amount`, the step's terms and labels, and `unit`, the
name of what is counted. Of a pair of sentences the first is for a quantity of one.
"""

ZERO = Decimal(0)
ONE = Decimal(1)


class Step(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One step of the working: `quantity` units at `unit_amount` make `amount`.

    `code` names the kind of step; with `terms` (the other figures it speaks of, by name) and
    `labels` (the texts: dimension values, names of bands) it is what the sentence is made from, in
    the reader's language. In every step `amount` is `quantity * unit_amount`, exactly.
    """

    code: str
    quantity: Decimal
    unit_amount: Decimal
    amount: Decimal
    terms: dict[str, Decimal] = {}
    labels: dict[str, str] = {}


class RatedLine(msgspec.Struct, frozen=True, gc=False):
    """The exact amount for a quantity under a price, in major units and not rounded.

    The amounts of `working` add up to `amount`.
    """

    quantity: Decimal
    amount: Decimal
    working: tuple[Step, ...]


def single(code: str, amount: Decimal, terms: dict[str, Decimal] | None = None) -> Step:
    """A step that is one of something: a fee, a cap, a credit."""
    return Step(code, ONE, amount, amount, terms or {})


def line(quantity: Decimal, *working: Step) -> RatedLine:
    """The rated line that these steps add up to."""
    amount = ZERO
    for step in working:
        amount += step.amount
    return RatedLine(quantity, amount, working)
