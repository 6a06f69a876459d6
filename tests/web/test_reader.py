"""Figures, money and times as one reader writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tallybook.domain.kernel.instants import Span
from tallybook.web.labels import LABELS
from tallybook.web.reader import Reader


def _plain(text: str) -> str:
    """With ordinary spaces and no marks of direction."""
    return " ".join(text.replace("\u200f", "").replace("\u2009", " ").split())


@pytest.mark.parametrize(
    ("locale", "minor", "currency", "written", "why"),
    [
        ("en-US", 123456, "USD", "$1,234.56", "the sign first, a comma between thousands"),
        ("sv-SE", 123456, "SEK", "1 234,56 kr", "a hard space between thousands"),
        ("de-DE", -5, "EUR", "-0,05 €", "less than nothing"),
        ("en", 1234, "JPY", "¥1,234", "a currency without decimals gets none"),
        ("en", 1234567, "KWD", "KWD 1,234.567", "a currency with three gets three"),
        ("en", 100, "EUR", "€1.00", "decimals are printed though they are zero"),
        ("tlh", 100, "EUR", "€1.00", "an unknown locale reads English"),
    ],
)
def test_money(locale: str, minor: int, currency: str, written: str, why: str) -> None:
    assert _plain(Reader(locale).money(minor, currency)) == written, why


@pytest.mark.parametrize(
    ("amount", "written", "why"),
    [
        ("67702.064516129032", "€67,702.064516129032", "as many decimals as prices have"),
        (f"{10**26 - 1}.999999999999", f"€{10**26 - 1:,}.999999999999", "the most that a price is"),
        (str(10**76), f"€{10**76:,}.00", "the most that many make"),
    ],
)
def test_an_exact_amount_has_every_digit_of_a_price(amount: str, written: str, why: str) -> None:
    reader = Reader("en")
    assert reader.exact(Decimal(amount), "EUR") == written, why
    assert reader.number(Decimal(amount)) == written.removeprefix("€").removesuffix(".00"), why
    assert reader.money(10**76, "JPY") == f"¥{10**76:,}"


@pytest.mark.parametrize(
    ("locale", "amount", "written", "why"),
    [
        ("en", "67702.064516129032258064516129", "€67,702.064516…", "17/31 of a fee"),
        ("sv_SE", "67702.064516929032258064516129", "67 702,064516… €", "cut, not rounded"),
        ("de", "-0.333333333333333333333333", "-0,333333… €", "a third given back"),
    ],
)
def test_an_amount_that_goes_on_is_cut(locale: str, amount: str, written: str, why: str) -> None:
    assert _plain(Reader(locale).exact(Decimal(amount), "EUR")) == written, why


@pytest.mark.parametrize(
    ("locale", "count", "told", "why"),
    [
        ("en", 1, "Counted from 1 event", "one"),
        ("en", 1200, "Counted from 1,200 events", "several"),
        ("sv", 1, "Räknat från 1 händelse", ""),
        ("de", 2, "Aus 2 Ereignissen gezählt", "in the case that the sentence asks for"),
        ("fi", 2, "Counted from 2 events", "told in English"),
    ],
)
def test_words_agree_with_counts(locale: str, count: int, told: str, why: str) -> None:
    assert Reader(locale).told("evidence", count=count) == told, why


@pytest.mark.parametrize(
    ("zone", "starts", "ends", "written", "why"),
    [
        (
            "UTC",
            "2026-03-01",
            "2026-04-01",
            "Mar 1 – 31, 2026",
            "the last day is named, not the end",
        ),
        ("Europe/Stockholm", "2026-03-01", "2026-04-01", "Mar 1 – 31, 2026", "over a lost hour"),
        ("UTC", "2026-12-15", "2027-01-15", "Dec 15, 2026 – Jan 14, 2027", "over a year"),
        ("UTC", "2026-03-01", "2026-03-02", "March 1, 2026", "a single day"),
        ("UTC", "2026-03-01T09:30", "2026-04-01", "Mar 1 – 31, 2026", "begun within a day"),
        (
            "UTC",
            "2026-03-01T09:30",
            "2026-04-01T09:30",
            "Mar 1, 2026, 9:30:00 AM – Apr 1, 2026, 9:30:00 AM",
            "an end within a day, which the next period shares",
        ),
    ],
)
def test_periods(zone: str, starts: str, ends: str, written: str, why: str) -> None:
    span = Span(
        *(
            datetime.fromisoformat(edge).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
            for edge in (starts, ends)
        )
    )
    assert _plain(Reader("en", zone).period(span)) == written, why


def test_every_language_has_every_word() -> None:
    names = {language: set(words) for language, words in LABELS.items()}
    assert all(words == names["en"] for words in names.values())
    for language, words in LABELS.items():
        for name, text in words.items():
            fields, english = (
                set(re.findall(r"{(\w+)", said)) for said in (text, LABELS["en"][name])
            )
            assert fields == english, f"{language} {name}"
