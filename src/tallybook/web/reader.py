"""How figures, money and times are written for one reader: a locale, a time zone, a language."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_interval
from babel.numbers import format_decimal

from tallybook.domain.catalog.unit import UnitWords
from tallybook.domain.kernel.decimals import widely
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import Money, minor_digits, to_major_units
from tallybook.domain.kernel.plurals import language_of
from tallybook.domain.rating.figures import Figure, Writing
from tallybook.services.explain_working import (
    amount_text,
    locale_of,
    number_text,
    spaced,
    unit_text,
)
from tallybook.web.labels import labels_of


@dataclass(frozen=True)
class Reader:
    """Whom a page is written for. An unknown locale reads English."""

    locale_name: str = "en"
    timezone: str = "UTC"
    unit_words: UnitWords = field(default_factory=dict, hash=False)

    @cached_property
    def locale(self) -> Locale:
        return locale_of(self.locale_name)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def labels(self) -> dict[str, str]:
        """The fixed words of a page, by name."""
        return labels_of(self.locale.language)

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return str(self.locale.text_direction)

    @property
    def language_tag(self) -> str:
        """The locale as HTML names it."""
        return str(self.locale).replace("_", "-")

    def money(self, minor: int, currency: str) -> str:
        """A printed amount, with all the decimals of its currency and no others."""
        digits = minor_digits(currency)
        pattern = copy(self.locale.currency_formats["standard"])
        pattern.frac_prec = (digits, digits)
        amount = to_major_units(Money(minor, currency))
        with widely():
            written = pattern.apply(amount, self.locale, currency=currency, currency_digits=False)
        return spaced(written)

    def exact(self, amount: Decimal, currency: str) -> str:
        """An amount that is not rounded, with every decimal it has."""
        return amount_text(amount, currency, self.locale)

    def number(self, number: Decimal) -> str:
        """A quantity, with every decimal it has."""
        return number_text(number, self.locale)

    def unit(self, number: Decimal, unit: str) -> str:
        """What a unit is called beside a number."""
        return unit_text(number, unit, locale=self.locale_name, unit_words=self.unit_words)

    def told(self, label: str, **counts: int) -> str:
        """A sentence with counts in it, its words agreeing with them."""
        writing = Writing(language_of(self.locale.language), self.number, str)
        figures = {name: Figure(Decimal(count), writing) for name, count in counts.items()}
        return self.labels[label].format(**figures)

    def count(self, count: int) -> str:
        """A whole number."""
        return str(format_decimal(count, locale=self.locale))

    def day(self, instant: datetime, length: Literal["long", "medium"] = "long") -> str:
        """The reader's day."""
        return str(format_date(instant.astimezone(self.zone), length, locale=self.locale))

    def moment(self, instant: datetime) -> str:
        """The reader's time of day, to the second, with its date."""
        return str(format_datetime(instant, "medium", tzinfo=self.zone, locale=self.locale))

    def period(self, span: Span) -> str:
        """The reader's days from the first to the last, if it ends at midnight; else its instants.

        Someone who signs up at noon is billed for that day: only an end within a day, which the
        next period shares, needs its time of day to be told.
        """
        starts, ends = (edge.astimezone(self.zone) for edge in (span.starts, span.ends))
        if ends.time() != time.min or starts == ends:
            return f"{self.moment(span.starts)} – {self.moment(span.ends)}"
        last = ends.date() - timedelta(days=1)
        if last == starts.date():
            return self.day(span.starts)
        return str(format_interval(starts.date(), last, "yMMMMd", locale=self.locale))
