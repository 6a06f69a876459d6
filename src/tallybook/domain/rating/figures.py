"""The figures of a sentence: written for the reader, and with the words that agree with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.unit import UnitWords
from tallybook.domain.kernel.plurals import NO_NAMES, agreeing, unit_for

_UNITS = {"en": "unit|units", "sv": "enhet|enheter", "de": "Einheit|Einheiten"}


class Writing(msgspec.Struct, frozen=True):
    """How a reader's language writes figures: numbers, amounts of money, days, times of day.

    `day` and `moment` are given a local time as `2026-03-01` and `2026-03-01 17:00`. `unit_words`
    are the names of units that have any.
    """

    language: str
    number: Callable[[Decimal], str]
    amount: Callable[[Decimal], str]
    day: Callable[[str], str] = str
    moment: Callable[[str], str] = str
    unit_words: UnitWords = {}


class Figure:
    """A number in a sentence.

    `{quantity}` writes it, `{quantity:money}` as an amount, and `{quantity:call|calls}` is the word
    that goes with it.
    """

    def __init__(self, number: Decimal, writing: Writing, *, is_money: bool = False) -> None:
        self.number = number
        self._writing = writing
        self._is_money = is_money

    def __format__(self, how: str) -> str:
        if "|" in how:
            return agreeing(self.number, how, self._writing.language)
        write = self._writing.amount if how == "money" or self._is_money else self._writing.number
        return write(self.number)


class UnitWord:
    """A unit's name: `{unit}` for the number that the step counts, `{unit:peak}` for another."""

    def __init__(
        self, unit: str, counted: Decimal, figures: Mapping[str, Decimal], writing: Writing
    ) -> None:
        self._unit = unit
        self._counted = counted
        self._figures = figures
        self._writing = writing

    def __format__(self, figure: str) -> str:
        number = self._figures[figure] if figure else self._counted
        language = self._writing.language
        if not self._unit:
            return agreeing(number, _UNITS[language], language)
        names = self._writing.unit_words.get(self._unit, NO_NAMES)
        return unit_for(number, self._unit, names, language)
