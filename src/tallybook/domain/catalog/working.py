"""What a price makes of a quantity: the exact amount, and the working behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

Sentences = Mapping[str, Mapping[str, str]]
"""For each code of a step and each language the sentence that tells it.

In braces stand `quantity` (`count` without its sign, `base` as money), `unit_amount`, `amount`, the
step's terms and labels. What is counted is `{unit}`, in the form that goes with the number counted,
or with another: `{unit:allowance}`. `{quantity:call|calls}` is the word that goes with a number;
`{quantity:| each}` says something of several only. Plurals: `kernel/plurals.py`.
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

    The amounts of `working` add up to `amount`. It has a step always, also where nothing was used.
    """

    quantity: Decimal
    amount: Decimal
    working: tuple[Step, ...]


def single(code: str, amount: Decimal, terms: dict[str, Decimal] | None = None) -> Step:
    """A step that is one of something: a fee, a cap, a credit."""
    return Step(code, ONE, amount, amount, terms or {})


def line(quantity: Decimal, *working: Step) -> RatedLine:
    """The rated line that these steps add up to; without any, the step that says so."""
    if not working:
        working = (Step("no_usage", ZERO, ZERO, ZERO),)
    amount = ZERO
    for step in working:
        amount += step.amount
    return RatedLine(quantity, amount, working)


NO_USAGE: Sentences = {
    "no_usage": {
        "en": "No usage to charge for: {amount}",
        "sv": "Ingen användning att debitera: {amount}",
        "de": "Keine Nutzung zu berechnen: {amount}",
    },
}
"""How a line is told that comes to nothing because nothing was used, or all of it was free."""

NOT_PRICED: Sentences = {
    "not_priced": {
        "en": "{quantity} {unit} without a price: not charged",
        "sv": "{quantity} {unit} utan pris: debiteras inte",
        "de": "{quantity} {unit} ohne Preis: nicht berechnet",
    },
}


def not_priced(quantity: Decimal, labels: dict[str, str]) -> Step:
    """The step of usage that a price has nothing for: not charged, and seen to be so."""
    return Step("not_priced", quantity, ZERO, ZERO, {}, labels)


def part(name: str, rated: RatedLine) -> Iterable[Step]:
    """The steps of a line that is a part of another, each marked with the part's name."""
    for step in rated.working:
        labels = (
            {**step.labels, "part": f"{name}, {step.labels['part']}"}
            if ("part" in step.labels)
            else {**step.labels, "part": name}
        )
        yield Step(step.code, step.quantity, step.unit_amount, step.amount, step.terms, labels)


_ADDED = ("units", "free_units")
"""Terms that are added where steps are put together."""


def together(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps of one kind at one unit amount put together, in the order they first appear.

    What many windows or events have done alike is told once. Terms in which they differ are left
    out, those that count units are added. Steps that have other terms are not of one kind.
    """
    kinds: dict[tuple[str, Decimal, str, tuple[str, ...]], list[Step]] = {}
    for step in steps:
        kind = (step.code, step.unit_amount, step.labels.get("part", ""), tuple(step.terms))
        kinds.setdefault(kind, []).append(step)
    return tuple(alike[0] if len(alike) == 1 else _sum(alike) for alike in kinds.values())


def _sum(alike: list[Step]) -> Step:
    first = alike[0]
    terms = {}
    for name, number in first.terms.items():
        if name in _ADDED:
            terms[name] = sum((step.terms[name] for step in alike), ZERO)
        elif all(step.terms.get(name) == number for step in alike):
            terms[name] = number
    quantity = sum((step.quantity for step in alike), ZERO)
    amount = sum((step.amount for step in alike), ZERO)
    return Step(first.code, quantity, first.unit_amount, amount, terms, first.labels)
