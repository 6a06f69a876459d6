"""Words that agree with a number: 1 call, 2 calls.

Of the languages there are, all tell one from all other numbers, as in Unicode's plural rules
(CLDR): exactly one, above zero or below, written without decimals. A language that tells more forms
apart is a line in `_FORMS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from tallybook.domain.kernel.errors import Invalid


class UnitForms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a unit is called in one language: `one` call, any `other` number of calls."""

    one: str
    other: str


UnitNames = Mapping[str, UnitForms]
"""What a unit is called, by language: en, sv, de."""

NO_NAMES: UnitNames = {}


def _one_or_other(number: Decimal) -> int:
    return 0 if abs(number) == 1 else 1


_FORMS: Mapping[str, Callable[[Decimal], int]] = {
    "en": _one_or_other,
    "sv": _one_or_other,
    "de": _one_or_other,
}
LANGUAGES = tuple(_FORMS)
"""The languages in which customers are spoken to; any other is spoken to in English."""


def language_of(locale: str) -> str:
    """The language to speak to a locale in: `sv` for `sv_SE`."""
    language = locale[:2].lower()
    return language if language in LANGUAGES else "en"


def form_for(number: Decimal, language: str) -> int:
    """Which form of a word goes with a number, from 0 for one."""
    return _FORMS[language](number)


def agreeing(number: Decimal, forms: str, language: str) -> str:
    """Of `call|calls` the one that goes with a number.

    >>> agreeing(Decimal(2), "call|calls", "en")
    'calls'
    """
    return forms.split("|")[form_for(number, language)]


def so_many(number: int, forms: str) -> str:
    """A count with its word, in English: for who works with the program, not for customers.

    >>> so_many(1, "event|events"), so_many(1234, "event|events")
    ('1 event', '1,234 events')
    """
    return f"{number:,} {agreeing(Decimal(number), forms, 'en')}"


def check_unit_names(names: UnitNames) -> None:
    """Names of a unit in languages that are spoken here, none of them empty."""
    for language, forms in names.items():
        if language not in LANGUAGES:
            raise Invalid(
                "unknown_language",
                f"No invoice is written in {language!r}.",
                field=f"names/{language}",
                mend=f"Name units in {', '.join(LANGUAGES)}.",
            )
        for form in ("one", "other"):
            if not getattr(forms, form).strip():
                raise Invalid(
                    "no_name",
                    f"The unit has no name for {form}.",
                    field=f"names/{language}/{form}",
                    mend="Send both: one, such as call, and other, such as calls.",
                )


def unit_for(number: Decimal, unit: str, names: UnitNames, language: str) -> str:
    """What a unit is called with a number.

    By its names in that language. Where it has none, by `unit`, the one name that it was given:
    well-known English words are told in both forms, all others as they stand.
    """
    forms = names.get(language)
    if forms is not None:
        return (forms.one, forms.other)[form_for(number, language)]
    return _well_known(unit, form_for(number, "en"))


_ONE = (
    "account action agent box byte call character check contact conversation core credit day"
    " delivery device document email event execution file gigabyte hour image invocation item job"
    " key kilobyte kilometer kilometre label license lookup megabyte member message meter metre"
    " mile millisecond minute month node operation order page participant payment person pixel"
    " point process project query record reply request resolution row run scan search seat second"
    " session site sms step subscriber task terabyte test ticket token train transaction trip unit"
    " user vehicle view visit week word year"
)
_IRREGULAR = {"box": "boxes", "person": "people", "sms": "sms", "search": "searches"}


def _many(one: str) -> str:
    if one in _IRREGULAR:
        return _IRREGULAR[one]
    ends_in_y = one.endswith("y") and one[-2] not in "aeiou"
    if ends_in_y:
        return f"{one[:-1]}ies"
    return f"{one}es" if one.endswith(("s", "x", "ch", "sh")) else f"{one}s"


_PAIRS = {one: (one, _many(one)) for one in _ONE.split()}
_WELL_KNOWN = _PAIRS | {many: pair for pair in _PAIRS.values() for many in pair}
_MULTIPLES = ("thousand", "million", "billion", "hundred", "dozen")


def _well_known(unit: str, form: int) -> str:
    """An English unit in one of its two forms: `API calls`, `GPU-hours`; 1 thousand tokens."""
    cut = max(unit.rfind(" "), unit.rfind("-")) + 1
    before, last = unit[:cut], unit[cut:]
    forms = _WELL_KNOWN.get(last.lower())
    if forms is None or _is_multiple(before):
        return unit
    chosen = forms[form]
    is_capital = last[:1].isupper()
    return before + (chosen.capitalize() if is_capital else chosen)


def _is_multiple(before: str) -> bool:
    """Whether the unit is so many of something: thousand tokens, 1,000 calls, 1k requests."""
    first = before.split(" ", maxsplit=1)[0].lower()
    return first in _MULTIPLES or first[:1].isdigit()
