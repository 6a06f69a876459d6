"""How the share of a fee is told: of what is charged, and of what is given back."""

from __future__ import annotations

from collections.abc import Mapping

from tallybook.domain.catalog.working import Sentences
from tallybook.domain.subscriptions.proration import CountedIn

_TIMES: Mapping[CountedIn, Mapping[str, str]] = {
    CountedIn.DAYS: {"en": "days", "sv": "dagar", "de": "Tagen"},
    CountedIn.SECONDS: {"en": "seconds", "sv": "sekunder", "de": "Sekunden"},
    CountedIn.MICROSECONDS: {"en": "microseconds", "sv": "mikrosekunder", "de": "Mikrosekunden"},
}
_CHARGED = {
    "en": "{parts} of {of_parts} TIMES of {whole}: {amount}",
    "sv": "{parts} av {of_parts} TIMES av {whole}: {amount}",
    "de": "{parts} von {of_parts} TIMES von {whole}: {amount}",
}
_GIVEN_BACK = {
    "en": "Given back, {parts} of {of_parts} TIMES of {whole}: {amount}",
    "sv": "Återbetalas, {parts} av {of_parts} TIMES av {whole}: {amount}",
    "de": "Zurückerstattet, {parts} von {of_parts} TIMES von {whole}: {amount}",
}
_ALL_GIVEN_BACK = {
    "en": "Given back in full: {amount}",
    "sv": "Återbetalas helt: {amount}",
    "de": "Ganz zurückerstattet: {amount}",
}


def share_code(counted_in: CountedIn | None, *, is_credit: bool) -> str:
    """The kind of step that a share is; without a unit, of all that is given back."""
    if counted_in is None:
        return "given_back_in_full"
    code = "given_back" if is_credit else "prorated"
    return code if counted_in is CountedIn.DAYS else f"{code}_{counted_in.value}"


def _gathered() -> Sentences:
    gathered = {share_code(None, is_credit=True): _ALL_GIVEN_BACK}
    for unit, words in _TIMES.items():
        for is_credit, sentences in ((False, _CHARGED), (True, _GIVEN_BACK)):
            gathered[share_code(unit, is_credit=is_credit)] = {
                language: sentence.replace("TIMES", words[language])
                for language, sentence in sentences.items()
            }
    return gathered


SENTENCES = _gathered()
