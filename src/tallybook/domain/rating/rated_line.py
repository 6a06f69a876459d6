"""What a price makes of a quantity: the exact amount, and the working behind it."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of the working: `quantity` units at `unit_amount` make `amount`.

    `code` names the kind of step; with `terms` (the other figures it speaks of, by name) it is what
    the sentence is made from, in the reader's language.
    """

    code: str
    quantity: Decimal
    unit_amount: Decimal
    amount: Decimal
    terms: dict[str, Decimal] = {}


class RatedLine(msgspec.Struct, frozen=True):
    """The exact amount for a quantity under a price, in major units and not rounded.

    The amounts of `working` add up to `amount`.
    """

    quantity: Decimal
    amount: Decimal
    working: tuple[Step, ...]
