"""`package`: units are sold by the package."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Self

import msgspec

from tallybook.domain.catalog.in_force import InForce
from tallybook.domain.catalog.models.rule import Rule, check_amount, check_positive
from tallybook.domain.catalog.models.tiers import started
from tallybook.domain.catalog.working import ZERO, RatedLine, Sentences, Step


class Remainder(StrEnum):
    """What a package that is only partly used costs: a whole one, or nothing."""

    UP = "up"
    DOWN = "down"


class Package(Rule, frozen=True, tag="package"):
    """Units after `free_units` are sold by the package, a started one in full.

    With `remainder: down` a package is owed only once it is full.
    """

    package_size: Decimal
    package_amount: Decimal
    free_units: Decimal = Decimal(0)
    remainder: Remainder = Remainder.UP

    sentences: ClassVar[Sentences] = {
        "packages": {
            "en": (
                "{quantity} {quantity:package|packages} of {package_size} ({units} {unit}) at "
                "{unit_amount}{quantity:| each} = {amount}"
            ),
            "sv": "{quantity} paket om {package_size} ({units} {unit}) à {unit_amount} = {amount}",
            "de": (
                "{quantity} {quantity:Paket|Pakete} zu {package_size} ({units} {unit}) "
                "für{quantity:| je} {unit_amount} = {amount}"
            ),
        },
        "packages_after_free": {
            "en": (
                "{quantity} {quantity:package|packages} of {package_size} ({units} {unit}, "
                "{free_units} of them free) at {unit_amount}{quantity:| each} = {amount}"
            ),
            "sv": (
                "{quantity} paket om {package_size} ({units} {unit}, varav {free_units} utan "
                "kostnad) à {unit_amount} = {amount}"
            ),
            "de": (
                "{quantity} {quantity:Paket|Pakete} zu {package_size} ({units} {unit}, davon "
                "{free_units} kostenlos) für{quantity:| je} {unit_amount} = {amount}"
            ),
        },
    }

    def check(self) -> None:
        check_positive(self.package_size, "package_size", "A package size")
        check_amount(self.package_amount, "package_amount")
        check_amount(self.free_units, "free_units")

    def prorated(self, within: InForce) -> Self:
        return msgspec.structs.replace(self, free_units=within.units(self.free_units))

    def rate(self, quantity: Decimal) -> RatedLine:
        paid = max(quantity - self.free_units, ZERO)
        if self.remainder is Remainder.UP:
            packages = started(paid, self.package_size)
        else:
            packages = paid // self.package_size
        terms = {"package_size": self.package_size, "units": quantity}
        code = "packages"
        if self.free_units:
            terms["free_units"] = min(self.free_units, quantity)
            code = "packages_after_free"
        amount = packages * self.package_amount
        step = Step(code, packages, self.package_amount, amount, terms)
        return RatedLine(quantity, amount, (step,))
