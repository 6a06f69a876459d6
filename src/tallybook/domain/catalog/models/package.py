"""`package`: units are sold by the package."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from tallybook.domain.catalog.models.rule import Rule, check_amount, check_positive
from tallybook.domain.catalog.models.tiers import started
from tallybook.domain.catalog.working import ZERO, RatedLine, Step


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

    def check(self) -> None:
        check_positive(self.package_size, "package_size", "A package size")
        check_amount(self.package_amount, "package_amount")
        check_amount(self.free_units, "free_units")

    def rate(self, quantity: Decimal) -> RatedLine:
        paid = max(quantity - self.free_units, ZERO)
        if self.remainder is Remainder.UP:
            packages = started(paid, self.package_size)
        else:
            packages = paid // self.package_size
        terms = {"package_size": self.package_size, "units": quantity}
        code = "packages"
        if self.free_units:
            terms["free_units"] = self.free_units
            code = "packages_after_free"
        amount = packages * self.package_amount
        step = Step(code, packages, self.package_amount, amount, terms)
        return RatedLine(quantity, amount, (step,))
