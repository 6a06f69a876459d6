"""Locales: which tags are taken, how they are written, and that they can be."""

from __future__ import annotations

import pytest
from babel import Locale

from tallybook.domain.kernel.calendar import checked_timezone
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import zone
from tallybook.domain.kernel.locales import LANGUAGES, checked_locale


@pytest.mark.parametrize(
    ("text", "expected", "why"),
    [
        ("sv", "sv", "a language alone"),
        ("EN-gb", "en-GB", "the usual case"),
        ("zh-hant-tw", "zh-Hant-TW", "with a script"),
        ("es-419", "es-419", "a region of several countries"),
    ],
)
def test_locales_are_written_the_usual_way(text: str, expected: str, why: str) -> None:
    assert checked_locale(text) == expected, why


@pytest.mark.parametrize("text", ["", "xx", "sv_SE", "english", "en-GB-oxendict", "en-", "e"])
def test_what_is_no_locale_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_locale(text)
    assert (refusal.value.code, refusal.value.field) == ("unknown_locale", "locale")


def test_every_language_can_be_written() -> None:
    for language in LANGUAGES:
        assert Locale.parse(language).number_symbols, language


@pytest.mark.parametrize("name", ["localtime", "Factory", "right/UTC", "Mars/Olympus", "", "../x"])
def test_names_that_mean_another_thing_elsewhere_are_no_time_zones(name: str) -> None:
    with pytest.raises(Invalid):
        checked_timezone(name)


@pytest.mark.parametrize("name", ["UTC", "Europe/Stockholm", "Pacific/Apia", "Asia/Kolkata"])
def test_time_zones_taken_can_be_used(name: str) -> None:
    assert zone(checked_timezone(name)).key == name
