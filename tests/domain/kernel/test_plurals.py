"""Words that agree with numbers, as Unicode's plural rules say."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.plurals import (
    LANGUAGES,
    UnitForms,
    agreeing,
    check_unit_names,
    form_for,
    language_of,
    unit_for,
)

FORMS = ("one", "other")


@pytest.mark.parametrize("language", LANGUAGES)
@given(st.one_of(st.integers(-300, 300).map(Decimal), st.decimals(-20, 20, places=3)))
def test_forms_are_those_of_unicode(language: str, number: Decimal) -> None:
    """Of a number as it is written: with every decimal that it has and no others."""
    written = Decimal(plain(number))
    assert FORMS[form_for(number, language)] == Locale(language).plural_form(written)


def test_every_form_that_unicode_tells_apart_is_told_apart() -> None:
    for language in LANGUAGES:
        assert Locale(language).plural_form.tags | {"other"} == set(FORMS), language


@pytest.mark.parametrize(
    ("unit", "number", "told", "why"),
    [
        ("calls", "1", "call", "named in the plural"),
        ("call", "2", "calls", "named in the singular"),
        ("call", "1", "call", ""),
        ("calls", "0", "calls", "none is told as several"),
        ("hours", "0.5", "hours", "so is a part of one"),
        ("calls", "-1", "call", "and one given back is one"),
        ("API calls", "1", "API call", "the last word is counted"),
        ("GPU-hours", "1", "GPU-hour", ""),
        ("Calls", "1", "Call", "as it is written"),
        ("queries", "1", "query", ""),
        ("boxes", "1", "box", ""),
        ("people", "1", "person", ""),
        ("thousand tokens", "1", "thousand tokens", "one thousand is many"),
        ("1k requests", "1", "1k requests", ""),
        ("1,000 calls", "1", "1,000 calls", ""),
        ("GB", "2", "GB", "a symbol has one form"),
        ("kWh", "1", "kWh", ""),
        ("anrop", "1", "anrop", "words of other languages stand as they are"),
        ("plats", "1", "plats", "also where they end as English plurals do"),
        ("class", "2", "class", "what is not known is not guessed"),
        ("", "1", "", ""),
    ],
)
def test_a_unit_with_one_name(unit: str, number: str, told: str, why: str) -> None:
    for language in LANGUAGES:
        assert unit_for(Decimal(number), unit, {}, language) == told, why


def test_a_unit_with_names_is_told_by_those_of_the_language() -> None:
    names = {
        "sv": UnitForms(one="plats", other="platser"),
        "de": UnitForms(one="Platz", other="Plätze"),
    }
    assert unit_for(Decimal(1), "seats", names, "sv") == "plats"
    assert unit_for(Decimal(3), "seats", names, "de") == "Plätze"
    assert unit_for(Decimal(1), "seats", names, "en") == "seat"


@pytest.mark.parametrize(
    ("language", "one", "field"),
    [("fi", "kutsu", "names/fi"), ("sv", " ", "names/sv/one")],
)
def test_names_that_nobody_reads_are_refused(language: str, one: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_unit_names({language: UnitForms(one=one, other="x")})
    assert refused.value.field == field
    assert refused.value.mend


def test_languages_of_locales() -> None:
    assert [language_of(each) for each in ("sv_SE", "de-CH", "EN", "fi")] == [
        *("sv", "de", "en"),
        "en",
    ]
    assert agreeing(Decimal(2), "anrop|anrop", "sv") == "anrop"
