"""How it is told that a price was in force for a part of its period, and what shrank with it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tallybook.domain.catalog.in_force import InForce, Prorates
from tallybook.domain.catalog.working import ZERO, Sentences, Step

_IN_FORCE = {
    "en": "In force for {parts} of {of_parts} {of_parts:TIMES}: WHAT in that share",
    "sv": "Gäller i {parts} av {of_parts} {of_parts:TIMES}: WHAT i den andelen",
    "de": "In Kraft für {parts} von {of_parts} {of_parts:TIMES}: WHAT zu diesem Anteil",
}
_SHRUNK: Mapping[Prorates, Mapping[str, str]] = {
    Prorates.UNITS: {
        "en": "included units and tiers",
        "sv": "enheter och nivåer som ingår",
        "de": "enthaltene Einheiten und Staffeln",
    },
    Prorates.ALL: {
        "en": "included units, tiers, flat fees and limits",
        "sv": "enheter som ingår, nivåer, fasta avgifter och gränser",
        "de": "enthaltene Einheiten, Staffeln, Festbeträge und Grenzen",
    },
}
_DAYS = {"en": "day|days", "sv": "dag|dagar", "de": "Tag|Tagen"}
_PARTS = {"en": "part|parts", "sv": "del|delar", "de": "Teil|Teilen"}


def in_force_step(within: InForce) -> Step:
    """The step that says for how much of its period a price is in force, and what shrinks."""
    share = within.share
    terms = {"parts": Decimal(share.numerator), "of_parts": Decimal(share.denominator)}
    code = _code(within.prorates, is_by_day=within.is_by_day)
    return Step(code, ZERO, ZERO, ZERO, terms)


def _code(prorates: Prorates, *, is_by_day: bool) -> str:
    code = f"in_force_{prorates.value}"
    return code if is_by_day else f"{code}_parts"


_USED_UNTIL = {
    "en": "Of it {charged} for usage until {at}, when the plan was another",
    "sv": "Därav {charged} för användning till {at}, då planen var en annan",
    "de": "Davon {charged} für Nutzung bis {at}, als der Plan ein anderer war",
}

SENTENCES: Sentences = {
    "used_until": _USED_UNTIL,
} | {
    _code(prorates, is_by_day=is_by_day): {
        language: sentence.replace("TIMES", words[language]).replace("WHAT", shrunk[language])
        for language, sentence in _IN_FORCE.items()
    }
    for prorates, shrunk in _SHRUNK.items()
    for is_by_day, words in ((True, _DAYS), (False, _PARTS))
}
