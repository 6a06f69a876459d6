"""The working in words: a sentence for each step, in the reader's language.

Pure: how numbers and amounts look is given by two functions, so that a door may use a library of
locales. Languages: English, Swedish, German; any other is told in English.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, get_args

from tallybook.domain.catalog.price import AnyRule
from tallybook.domain.catalog.working import Sentences, Step
from tallybook.domain.rating.condition_wording import SENTENCES as CONDITIONS
from tallybook.domain.rating.in_force_wording import SENTENCES as IN_FORCE
from tallybook.domain.rating.share_wording import SENTENCES as SHARES

LANGUAGES = ("en", "sv", "de")

_UNITS = {"en": ("unit", "units"), "sv": ("enhet", "enheter"), "de": ("Einheit", "Einheiten")}

_AMOUNTS = frozenset(
    {"unit_amount", "amount", "cap", "maximum", "minimum", "whole", "promised", "charged", "of"}
)
"""The figures that are amounts of money; the others are numbers."""

_ADJUSTMENTS: Sentences = {
    "conversion": {
        "en": "{quantity} {unit} are charged as {converted} {priced_unit}",
        "sv": "{quantity} {unit} räknas som {converted} {priced_unit}",
        "de": "{quantity} {unit} gelten als {converted} {priced_unit}",
    },
    "allowance": {
        "en": "{quantity} {unit} of {allowance} included: free",
        "sv": "{quantity} {unit} av {allowance} som ingår: fritt",
        "de": "{quantity} {unit} von {allowance} enthaltenen: frei",
    },
    "negative_free": {
        "en": "{quantity} {unit}: below zero, nothing to pay",
        "sv": "{quantity} {unit}: under noll, inget att betala",
        "de": "{quantity} {unit}: unter null, nichts zu zahlen",
    },
    "discount": {
        "en": "{percent} % discount on {base}: {amount}",
        "sv": "{percent} % rabatt på {base}: {amount}",
        "de": "{percent} % Rabatt auf {base}: {amount}",
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


def explain(
    step: Step,
    locale: str,
    format_number: Callable[[Decimal], str],
    format_amount: Callable[[Decimal], str],
    *,
    unit: str = "",
) -> str:
    """A step of a working as a sentence. `unit` names what is counted, such as tokens.

    A step of a kind that is not known here, written by a later version, is told by its figures.
    """
    language = _language(locale)
    template = sentences_of(step.code, language)
    if isinstance(template, tuple):
        template = template[0 if step.quantity == 1 else 1]
    counted = step.terms.get("units", step.quantity)
    words: dict[str, str] = {
        "unit": unit or _UNITS[language][0 if abs(counted) == 1 else 1],
        "priced_unit": _UNITS[language][0 if step.terms.get("converted") == 1 else 1],
        "base": format_amount(step.quantity),
        "quantity": format_number(step.quantity),
        "unit_amount": format_amount(step.unit_amount),
        "amount": format_amount(step.amount),
    }
    for name, number in step.terms.items():
        words[name] = format_amount(number) if name in _AMOUNTS else format_number(number)
    words |= step.labels
    try:
        sentence = template.format_map(words)
    except KeyError:  # steps put together have lost the terms in which they differed
        sentence = _OTHER[language].format_map(words)
    return f"{words['part']}: {sentence}" if "part" in words else sentence


def explain_working(
    working: Sequence[Step],
    locale: str,
    format_number: Callable[[Decimal], str],
    format_amount: Callable[[Decimal], str],
    *,
    unit: str = "",
) -> list[str]:
    """A sentence for each step. After a conversion the units are those that are priced."""
    sentences = []
    for step in working:
        sentences.append(explain(step, locale, format_number, format_amount, unit=unit))
        if step.code == "conversion":
            unit = step.labels.get("priced_unit", "")
    return sentences


def sentences_of(code: str, language: str) -> str | tuple[str, str]:
    """The sentence of a kind of step, or the pair of them for one and for several."""
    return _SENTENCES.get(code, _OTHER)[language]


def _language(locale: str) -> str:
    language = locale[:2].lower()
    return language if language in LANGUAGES else "en"


def _models(union: Any) -> Iterator[Any]:
    for member in get_args(union):
        yield from _models(member) if get_args(member) else (member,)


def _gathered() -> Sentences:
    """The sentences of every model and of the adjustments. A code is told in one way only."""
    gathered = {**_ADJUSTMENTS, **SHARES, **IN_FORCE, **CONDITIONS}
    for model in _models(AnyRule):
        for code, sentences in model.sentences.items():
            assert gathered.setdefault(code, sentences) == sentences, f"{code} is told in two ways"
    return gathered


_SENTENCES = _gathered()
CODES = frozenset(_SENTENCES)
"""Every code that is told by a sentence of its own."""
