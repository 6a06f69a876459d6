"""A working as it is answered: each step in figures and as a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tallybook.domain.catalog.unit import NO_WORDS, UnitWords
from tallybook.domain.catalog.working import Step
from tallybook.domain.kernel.decimals import plain
from tallybook.services.explain_working import sentences_of


class StepAnswer(msgspec.Struct, frozen=True):
    """One step of the working. In each, `amount` is `quantity` × `unit_amount`, exactly."""

    code: str
    quantity: str
    unit_amount: str
    amount: str
    terms: dict[str, str]
    labels: dict[str, str]
    sentence: str


def answer_working(
    working: Sequence[Step],
    *,
    currency: str,
    locale: str,
    unit: str,
    unit_words: UnitWords = NO_WORDS,
) -> list[StepAnswer]:
    """Every step, with its sentence in the reader's language."""
    sentences = sentences_of(
        working, currency=currency, locale=locale, unit=unit, unit_words=unit_words
    )
    return [
        StepAnswer(
            code=step.code,
            quantity=plain(step.quantity),
            unit_amount=plain(step.unit_amount),
            amount=plain(step.amount),
            terms={name: plain(term) for name, term in step.terms.items()},
            labels=step.labels,
            sentence=sentence,
        )
        for step, sentence in zip(working, sentences, strict=True)
    ]
