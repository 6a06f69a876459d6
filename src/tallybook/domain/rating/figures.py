"""The figures of a sentence: written for the reader, and with the words that agree with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from tallybook.domain.kernel.plurals import UnitNames, agreeing, unit_for

_UNITS = {"en": "unit|units", "sv": "enhet|enheter", "de": "Einheit|Einheiten"}


class Writing(msgspec.Struct, frozen=True):
    """How a reader's language writes figures: numbers, amounts of money, days, times of day.

    `day` and `moment` are given a local time as `2026-03-01` and `2026-03-01 17:00`.
    """

    language: str
    number: Callable[[Decimal], str]
    amount: Callable[[Decimal], str]
    day: Callable[[str], str] = str
    moment: Callable[[str], str] = str


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


class Unit:
    """A unit's name: `{unit}` for the number that the step counts, `{unit:peak}` for another."""

    def __init__(
        self,
        name: str,
        names: UnitNames,
        counted: Decimal,
        terms: Mapping[str, Decimal],
        language: str,
    ) -> None:
        self._name = name
        self._names = names
        self._counted = counted
        self._terms = terms
        self._language = language

    def __format__(self, term: str) -> str:
        number = self._terms[term] if term else self._counted
        if not self._name:
            return agreeing(number, _UNITS[self._language], self._language)
        return unit_for(number, self._name, self._names, self._language)
