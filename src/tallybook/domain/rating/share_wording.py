"""How the share of a fee is told: of what is charged, and of what is given back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tallybook.domain.catalog.working import Sentences
from tallybook.domain.subscriptions.proration import CountedIn

_TIMES: Mapping[CountedIn, Mapping[str, str]] = {
    CountedIn.DAYS: {"en": "day|days", "sv": "dag|dagar", "de": "Tag|Tagen"},
    CountedIn.SECONDS: {"en": "second|seconds", "sv": "sekund|sekunder", "de": "Sekunde|Sekunden"},
    CountedIn.MICROSECONDS: {
        "en": "microsecond|microseconds",
        "sv": "mikrosekund|mikrosekunder",
        "de": "Mikrosekunde|Mikrosekunden",
    },
}
_SHARE = {
    "en": "{parts} of {of_parts} {of_parts:TIMES}",
    "sv": "{parts} av {of_parts} {of_parts:TIMES}",
    "de": "{parts} von {of_parts} {of_parts:TIMES}",
}
_CHARGED = {
    "en": "SHARE of {whole}: {amount}",
    "sv": "SHARE av {whole}: {amount}",
    "de": "SHARE von {whole}: {amount}",
}
_GIVEN_BACK = {
    "en": "Given back, SHARE of {whole}: {amount}",
    "sv": "Återbetalas, SHARE av {whole}: {amount}",
    "de": "Erstattet, SHARE von {whole}: {amount}",
}
_ALL_GIVEN_BACK = {
    "en": "Given back in full, {whole}: {amount}",
    "sv": "Återbetalas helt, {whole}: {amount}",
    "de": "Ganz erstattet, {whole}: {amount}",
}
_SEVERAL = "{units} × {each} = {whole}"
"""The whole, where it is a fee so many times."""


def share_code(counted_in: CountedIn | None, *, is_credit: bool, is_several: bool = False) -> str:
    """The kind of step that a share is; without a unit, of all that is given back.

    `is_several` says that the whole is a fee so many times, as of seats.
    """
    if counted_in is None:
        code = "given_back_in_full"
    else:
        code = "given_back" if is_credit else "prorated"
        if counted_in is not CountedIn.DAYS:
            code = f"{code}_{counted_in.value}"
    return f"{code}{SEVERAL}" if is_several else code


SEVERAL = "_of_several"
"""What the code of a share ends in where the whole is a fee so many times."""


def _codes() -> Iterator[tuple[str, Mapping[str, str]]]:
    yield share_code(None, is_credit=True), _ALL_GIVEN_BACK
    for unit, words in _TIMES.items():
        for is_credit, sentences in ((False, _CHARGED), (True, _GIVEN_BACK)):
            yield (
                share_code(unit, is_credit=is_credit),
                {
                    language: sentence.replace(
                        "SHARE", _SHARE[language].replace("TIMES", words[language])
                    )
                    for language, sentence in sentences.items()
                },
            )


def _gathered() -> Sentences:
    gathered = dict(_codes())
    for code, sentences in tuple(gathered.items()):
        gathered[code + SEVERAL] = {
            language: sentence.replace("{whole}", _SEVERAL)
            for language, sentence in sentences.items()
        }
    return gathered


SENTENCES = _gathered()
