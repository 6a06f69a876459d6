"""Put a working into words with the numbers and currency of the reader's locale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, format_decimal

from tallybook.domain.catalog.working import Step
from tallybook.domain.kernel.decimals import plain, widely
from tallybook.domain.rating.wording import explain_working

_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")


def sentences_of(
    working: Sequence[Step], *, currency: str, locale: str = "en", unit: str = ""
) -> list[str]:
    """A sentence for each step, nothing rounded: 0.0000025 USD is said with all its decimals."""
    known = locale_of(locale)
    return explain_working(
        working,
        known.language,
        lambda number: number_text(number, known),
        lambda amount: amount_text(amount, currency, known),
        unit=unit,
    )


def number_text(number: Decimal, locale: Locale) -> str:
    """A number with the locale's separators and every decimal that it has."""
    with widely():
        return format_decimal(Decimal(plain(number)), locale=locale, decimal_quantization=False)


def amount_text(amount: Decimal, currency: str, locale: Locale) -> str:
    """An amount with the currency's sign, its usual decimals, and more where it has more."""
    number = Decimal(plain(amount))
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
