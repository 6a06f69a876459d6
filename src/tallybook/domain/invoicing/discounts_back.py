"""What coupons took off a charge that is given back: it is taken back in the same share.

Who paid nothing of a fee is given nothing of it back. Rules: docs/semantics/conditions.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.given_back import Billed, given_back_in
from tallybook.domain.catalog.working import ZERO
from tallybook.domain.invoicing.invoice import Invoice, LineKind
from tallybook.domain.kernel.decimals import exactly, widely
from tallybook.domain.kernel.instants import Span
from tallybook.domain.kernel.money import from_units, minor_digits, round_decimal
from tallybook.domain.rating.rated_line import Step

TAKEN_BACK = "coupon_taken_back"
"""The step that takes back what a coupon took off a charge that is given back."""


class Discount(msgspec.Struct, frozen=True, gc=False):
    """What a coupon, by its redemption and its name, took off one line; in major units.

    A percentage is of `base`: of the line less what its bill gave back. An amount has none.
    """

    redemption_id: str
    name: str
    amount: Decimal
    base: Decimal | None = None


class PrintedLine(msgspec.Struct, frozen=True, gc=False):
    """A line of a price on a bill, below zero where it gives back; and what came off it."""

    price_key: str
    service_period: Span
    amount: Decimal
    discounts: tuple[Discount, ...] = ()


class GivenBack(msgspec.Struct, frozen=True, gc=False):
    """Of what a line gives back: the discounts on it, and how much was charged without any."""

    discounts: tuple[Discount, ...]
    undiscounted: Decimal


class _Charged:
    """A line that was charged, and how much of it was given back so far."""

    def __init__(self, line: PrintedLine) -> None:
        self.line = line
        self.given = ZERO

    def give(self, amount: Decimal, digits: int) -> Iterator[Discount]:
        """Give back so much more of it; its discounts in the same share.

        Shares are rounded as sums so far, so that the parts come to the whole discount.
        """
        before, after = self.given, self.given + amount
        self.given = after
        for each in self.line.discounts:
            back = self._share(each, after, digits) - self._share(each, before, digits)
            if back:
                yield msgspec.structs.replace(each, amount=back)

    def _share(self, discount: Discount, given: Decimal, digits: int) -> Decimal:
        with widely():
            whole = discount.base or self.line.amount
            return round_decimal(discount.amount * given / whole, digits)


def given_back(
    printed: Iterable[Sequence[PrintedLine]], lines: Sequence[PrintedLine], digits: int
) -> dict[int, GivenBack]:
    """For each of `lines` that gives back, by its place, what becomes of the discounts on it.

    `printed` are the bills before, in order. A line gives back of what was charged last for the
    same price and time.
    """
    charged: list[_Charged] = []
    for bill in printed:
        for line in bill:
            if line.amount < 0:
                _give(charged, line, digits)
        charged += [_Charged(line) for line in bill if line.amount > 0]
    return {
        place: _give(charged, line, digits)
        for place, line in enumerate(lines)
        if line.amount < 0 and charged
    }


def _give(charged: Sequence[_Charged], line: PrintedLine, digits: int) -> GivenBack:
    left, undiscounted = -line.amount, ZERO
    discounts: list[Discount] = []
    for each in reversed(charged):
        if not left:
            break
        if each.line.price_key != line.price_key or not _meet(each.line, line):
            continue
        part = min(left, each.line.amount - each.given)
        left -= part
        if not each.line.discounts:
            undiscounted += part
        discounts += each.give(part, digits)
    return GivenBack(tuple(discounts), undiscounted + left)


def _meet(one: PrintedLine, other: PrintedLine) -> bool:
    first, second = one.service_period, other.service_period
    return first.starts < second.ends and second.starts < first.ends


def billed_before(printed: Iterable[Sequence[PrintedLine]], price_key: str) -> tuple[Billed, ...]:
    """What bills charged by a price for each time, less what was given back of it since."""
    charged: list[_Charged] = []
    for bill in printed:
        own = [line for line in bill if line.price_key == price_key]
        for line in own:
            if line.amount < 0:
                _give(charged, line, 0)
        charged += [_Charged(line) for line in own if line.amount > 0]
    left: dict[Span, Decimal] = {}
    for each in charged:
        span = each.line.service_period
        left[span] = left.get(span, ZERO) + each.line.amount - each.given
    return tuple(Billed(span, amount) for span, amount in left.items())


def printed_usage(
    number: int, line: PrintedLine, working: Iterable[Step], digits: int
) -> Iterator[tuple[int, PrintedLine]]:
    """A line of usage that may give back of earlier ones: what it charged, and what it gave back,
    each of its own time."""
    charged = line.amount
    for span, amount in given_back_in(working).items():
        given = round_decimal(amount, digits)
        charged += given
        yield 0, PrintedLine(line.price_key, span, -given)
    yield number, msgspec.structs.replace(line, amount=charged)


class CouponWorking(msgspec.Struct, frozen=True, gc=False):
    """A coupon's line on a bill: whose, and its steps."""

    redemption_id: str
    name: str
    working: tuple[Step, ...]


def printed_lines(
    priced: Iterable[tuple[int, PrintedLine]], coupons: Iterable[CouponWorking]
) -> list[PrintedLine]:
    """The lines of one bill, by their numbers, with what its coupons took off each."""
    steps = [
        (int(step.terms["line"]), coupon, step)
        for coupon in coupons
        for step in coupon.working
        if step.code != TAKEN_BACK and "line" in step.terms
    ]
    bases: dict[int, Decimal] = {}
    for number, _, step in steps:
        bases[number] = max(step.terms["of"], bases.get(number, ZERO))
    taken: dict[int, list[tuple[CouponWorking, Step]]] = {}
    for number, coupon, step in steps:
        taken.setdefault(number, []).append((coupon, step))
    return [
        msgspec.structs.replace(
            line,
            discounts=tuple(_discounts(line, bases.get(number, ZERO), taken.get(number, ()))),
        )
        for number, line in priced
    ]


def _discounts(
    line: PrintedLine, base: Decimal, taken: Iterable[tuple[CouponWorking, Step]]
) -> Iterator[Discount]:
    """What coupons took off a line; of one of which its bill left nothing, what they would have."""
    left = line.amount
    for coupon, step in taken:
        amount, percent = -step.amount, step.terms.get("percent")
        if percent is not None and not base:
            with exactly():
                amount = left * percent.scaleb(-2)
                left -= amount
        whole = None if percent is None else base or line.amount
        yield Discount(coupon.redemption_id, coupon.name, amount, whole)


def printed_on(invoice: Invoice, usage_of: Collection[str] = ()) -> list[PrintedLine]:
    """The lines of a bill as later ones give them back: fees, and usage by the prices named."""
    digits = minor_digits(invoice.currency)
    priced: list[tuple[int, PrintedLine]] = []
    for line in invoice.lines:
        if line.kind is not LineKind.PRICE:
            continue
        amount = from_units(line.amount_minor, digits)
        printed = PrintedLine(line.price_key, line.service_period, amount)
        if line.proof is None:
            priced.append((line.number, printed))
        elif line.price_key in usage_of:
            priced += printed_usage(line.number, printed, line.working, digits)
    coupons = [
        CouponWorking(line.price_key, line.name, line.working)
        for line in invoice.lines
        if line.kind is LineKind.COUPON
    ]
    return printed_lines(priced, coupons)
