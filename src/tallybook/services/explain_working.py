"""Put a working into words with the numbers and currency of the reader's locale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal

from tallybook.domain.catalog.unit import NO_WORDS, UnitWords
from tallybook.domain.catalog.working import Step
from tallybook.domain.kernel.decimals import SCALE, plain, widely
from tallybook.domain.kernel.money import Rounding, round_decimal
from tallybook.domain.kernel.plurals import NO_NAMES, language_of, unit_for
from tallybook.domain.rating.figures import Writing
from tallybook.domain.rating.wording import explain_working

_LAST_DIGIT = re.compile(r"\d(?=\D*$)")
_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")


def sentences_of(
    working: Sequence[Step],
    *,
    currency: str,
    locale: str = "en",
    unit: str = "",
    unit_words: UnitWords = NO_WORDS,
) -> list[str]:
    """A sentence for each step, nothing rounded: 0.0000025 USD is said with all its decimals."""
    known = locale_of(locale)
    writing = Writing(
        language_of(known.language),
        lambda number: number_text(number, known),
        lambda amount: amount_text(amount, currency, known),
        lambda day: format_date(date.fromisoformat(day), "long", locale=known),
        lambda at: moment_text(datetime.fromisoformat(at), known),
        unit_words,
    )
    return explain_working(working, writing, unit=unit)


def unit_text(number: Decimal, unit: str, *, locale: str, unit_words: UnitWords = NO_WORDS) -> str:
    """What a unit is called beside a number."""
    language = language_of(locale_of(locale).language)
    return unit_for(number, unit, unit_words.get(unit, NO_NAMES), language)


def number_text(number: Decimal, locale: Locale) -> str:
    """A number with the locale's separators and every decimal that it has."""
    with widely():
        return format_decimal(Decimal(plain(number)), locale=locale, decimal_quantization=False)


def moment_text(at: datetime, locale: Locale) -> str:
    """A day and the time of it, to the minute."""
    day = format_date(at.date(), "medium", locale=locale)
    return f"{day}, {format_time(at.time(), 'short', locale=locale)}"


def amount_text(amount: Decimal, currency: str, locale: Locale) -> str:
    """An amount with the currency's sign, its usual decimals, and more where it has more.

    A share of a fee may go on for longer than anybody reads, as a third of 10 does: more decimals
    than prices may have are cut to half as many, and what is left out is marked: 3.333333…
    """
    number = Decimal(plain(amount))
    if -int(number.as_tuple().exponent) > SCALE:
        with widely():
            cut = round_decimal(number, SCALE // 2, Rounding.DOWN)
            written = format_currency(cut, currency, locale=locale, decimal_quantization=False)
        return spaced(_LAST_DIGIT.sub("\\g<0>…", written))
    with widely():  # the usual context would write 28 digits and round the others away
        written = format_currency(number, currency, locale=locale, decimal_quantization=False)
    return spaced(written)


def spaced(amount: str) -> str:
    """A hard space between a currency's letters and the digits, where the locale forgot it."""
    return _LETTER_BEFORE_DIGIT.sub("\u00a0", amount)


@lru_cache(maxsize=256)
def locale_of(text: str) -> Locale:
    """The locale of that name, `sv`, `sv_SE` or `sv-SE`; English where it is not known."""
    try:
        return Locale.parse(text.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        return Locale("en")
