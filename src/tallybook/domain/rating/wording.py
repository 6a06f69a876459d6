"""The working in words: a sentence for each step, in the reader's language.

Sentences are made when they are read and are not kept, so that they may be put better at any time.
Pure: how figures look is given by functions, so that a door may use a library of locales.
Languages: English, Swedish, German; any other is told in English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args

from tallybook.domain.catalog.given_back import SENTENCES as GIVEN_BACK
from tallybook.domain.catalog.price import AnyRule
from tallybook.domain.catalog.working import NO_USAGE, Sentences, Step
from tallybook.domain.kernel.plurals import LANGUAGES, language_of
from tallybook.domain.rating.condition_wording import SENTENCES as CONDITIONS
from tallybook.domain.rating.figures import Figure, UnitWord, Writing
from tallybook.domain.rating.in_force_wording import SENTENCES as IN_FORCE
from tallybook.domain.rating.share_wording import SENTENCES as SHARES

__all__ = ["CODES", "LANGUAGES", "explain", "explain_working", "sentence_of", "sentences_of"]

_AMOUNTS = frozenset(
    {
        *("unit_amount", "amount", "base", "cap", "maximum", "minimum"),
        *("whole", "each", "promised", "charged", "of"),
    }
)
"""The figures that are amounts of money; the others are numbers."""

_ADJUSTMENTS: Sentences = {
    **NO_USAGE,
    "conversion": {
        "en": "{quantity} {unit} {quantity:counts|count} as {converted} {priced_unit}",
        "sv": "{quantity} {unit} räknas som {converted} {priced_unit}",
        "de": "{quantity} {unit} {quantity:zählt|zählen} als {converted} {priced_unit}",
    },
    "allowance": {
        "en": "{quantity} {unit} of {allowance} included: free",
        "sv": "{quantity} {unit} av {allowance} som ingår: utan kostnad",
        "de": "{quantity} {unit} von {allowance} enthaltenen: kostenlos",
    },
    "negative_free": {
        "en": "{quantity} {unit}: below zero, not charged",
        "sv": "{quantity} {unit}: under noll, debiteras inte",
        "de": "{quantity} {unit}: unter null, nicht berechnet",
    },
    "discount": {
        "en": "{percent}% discount on {base}: {amount}",
        "sv": "{percent}\u00a0% rabatt på {base}: {amount}",
        "de": "{percent}\u00a0% Rabatt auf {base}: {amount}",
    },
    "maximum": {
        "en": "Never more than {maximum}: {amount}",
        "sv": "Aldrig mer än {maximum}: {amount}",
        "de": "Nie mehr als {maximum}: {amount}",
    },
    "minimum": {
        "en": "At least {minimum}: {amount}",
        "sv": "Minst {minimum}: {amount}",
        "de": "Mindestens {minimum}: {amount}",
    },
}

_OTHER: Mapping[str, str] = dict.fromkeys(LANGUAGES, "{quantity} × {unit_amount} = {amount}")


_FROM = {"en": "From {day}", "sv": "Från {day}", "de": "Ab {day}"}
"""How a part is called that is in force from a day on."""

_SO_MANY_TIMES = {
    "en": ", {quantity} {quantity:time|times} = {amount}",
    "sv": ", {quantity} {quantity:gång|gånger} = {amount}",
    "de": ", {quantity}-mal = {amount}",
}
_TOLD_PLAINLY = {
    **dict.fromkeys(("first_tier", "next_tier", "volume", "volume_open", "overage"), "per_unit"),
    **dict.fromkeys(("first_percent_tier", "next_percent_tier"), "percentage"),
    **dict.fromkeys(("first_tier_blocks", "next_tier_blocks", "volume_blocks"), ""),
}
"""Steps of several windows put together are of no tier's first units: told by what they cost."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def explain(
    step: Step,
    locale: str,
    format_number: Callable[[Decimal], str],
    format_amount: Callable[[Decimal], str],
    *,
    unit: str = "",
) -> str:
    """A step of a working by itself as a sentence. `unit` names what is counted, such as tokens."""
    writing = Writing(language_of(locale), format_number, format_amount)
    return sentence_of(step, writing, unit=unit)


def sentence_of(
    step: Step,
    writing: Writing,
    *,
    unit: str = "",
    of_several: bool = False,
) -> str:
    """A step of a working as a sentence.

    `of_several` says that it stands for the same step of several windows. A step of a kind that is
    not known here, written by a later version, is told by its figures.
    """
    language = writing.language
    figures = {
        "quantity": step.quantity,
        "count": abs(step.quantity),
        "base": step.quantity,
        "unit_amount": step.unit_amount,
        "amount": step.amount,
        **step.terms,
    }
    words: dict[str, object] = {
        name: Figure(number, writing, is_money=name in _AMOUNTS) for name, number in figures.items()
    }
    counted = step.terms.get("units", step.quantity)
    words["unit"] = UnitWord(unit, counted, figures, writing)
    converted = step.terms.get("converted", step.terms.get("peak", counted))
    priced = step.labels.get("priced_unit", "")
    words["priced_unit"] = UnitWord(priced, converted, figures, writing)
    for name, label in step.labels.items():
        words.setdefault(name, label)
    if "at" in step.labels:
        words["at"] = writing.moment(step.labels["at"])
    template = _template(step, language, of_several=of_several)
    try:
        sentence = template.format_map(words)
    except KeyError:  # steps put together have lost the terms in which they differed
        sentence = _OTHER[language].format_map(words)
    part = _part(step.labels.get("part", ""), writing)
    return f"{part}: {sentence}" if part else sentence


def explain_working(working: Sequence[Step], writing: Writing, *, unit: str = "") -> list[str]:
    """A sentence for each step.

    After a conversion the units are those that are priced; after a peak those that it is in, up to
    the next one.
    """
    sentences = []
    of_several = False
    measured = counted = unit
    for step in working:
        if step.code in {"peak", "no_demand"}:
            counted = measured
        if step.code == "peak":
            counted = step.labels.get("priced_unit", measured)
        sentences.append(sentence_of(step, writing, unit=counted, of_several=of_several))
        if step.code == "conversion":
            measured = counted = step.labels.get("priced_unit", "")
        of_several = of_several or (step.code.startswith("each_") and step.quantity != 1)
    return sentences


def _template(step: Step, language: str, *, of_several: bool) -> str:
    if not of_several:
        return sentences_of(step.code, language)
    template = sentences_of(_TOLD_PLAINLY.get(step.code, step.code), language)
    is_single = "{quantity" not in template and "{base" not in template and step.quantity != 1
    if not is_single:
        return template
    return template.replace("{amount}", "{unit_amount}") + _SO_MANY_TIMES[language]


def _part(part: str, writing: Writing) -> str:
    """A part's name; the day that one is in force from is written as the reader writes days."""
    first, comma, rest = part.strip().partition(", ")
    if _DAY.fullmatch(first):
        first = _FROM[writing.language].format(day=writing.day(first))
    return first + comma + rest


def sentences_of(code: str, language: str) -> str:
    """The sentence of a kind of step, as it is before its figures are put in."""
    return _SENTENCES.get(code, _OTHER)[language]


def _models(union: Any) -> Iterator[Any]:
    for member in get_args(union):
        yield from _models(member) if get_args(member) else (member,)


def _gathered() -> Sentences:
    """The sentences of every model and of the adjustments. A code is told in one way only."""
    gathered = {**_ADJUSTMENTS, **SHARES, **IN_FORCE, **GIVEN_BACK, **CONDITIONS}
    for model in _models(AnyRule):
        for code, sentences in model.sentences.items():
            assert gathered.setdefault(code, sentences) == sentences, f"{code} is told in two ways"
    return gathered


_SENTENCES = _gathered()
CODES = frozenset(_SENTENCES)
"""Every code that is told by a sentence of its own."""
