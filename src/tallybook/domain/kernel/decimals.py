"""Exact decimals: how a number is read, calculated with, and printed.

Python's default context keeps 28 digits and rounds silently beyond. Everything that multiplies or
adds quantities and amounts runs under `exactly()`, which keeps 100 digits and raises instead.
"""

from __future__ import annotations

import decimal
import re
from contextlib import AbstractContextManager
from decimal import Decimal

from tallybook.domain.kernel.errors import Invalid

SCALE = 12
"""Decimal places that a quantity or a unit amount may have."""

INTEGER_DIGITS = 26
"""Digits before the point that a quantity or an amount may have: with SCALE, a Decimal128."""

_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")

_EXACT = decimal.Context(
    prec=100,
    rounding=decimal.ROUND_HALF_UP,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.Inexact],
)
_WIDE = decimal.Context(
    prec=100,
    rounding=decimal.ROUND_HALF_UP,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)


def exactly() -> AbstractContextManager[decimal.Context]:
    """Calculate with 100 digits; anything that would lose one raises `decimal.Inexact`."""
    return decimal.localcontext(_EXACT)


def widely() -> AbstractContextManager[decimal.Context]:
    """Calculate with 100 digits, keeping that many of a quotient that does not end."""
    return decimal.localcontext(_WIDE)


def parse_decimal(text: str, *, field: str = "") -> Decimal:
    """Read a number in plain or scientific notation, within `INTEGER_DIGITS` and `SCALE`.

    NaN, infinities, blanks, thousands separators and digits beyond the bounds are refused: a
    quantity that cannot be kept exactly is never kept approximately.
    """
    if not _PLAIN.fullmatch(text):
        raise Invalid(
            "not_a_number",
            f"{text[:40]!r} is not a decimal number.",
            field=field,
            mend='Send digits with an optional point, such as "12.5".',
        )
    number = _WIDE.create_decimal(text)
    return bounded(number, field=field)


def bounded(number: Decimal, *, field: str = "") -> Decimal:
    """`number` if it is finite and within `INTEGER_DIGITS` and `SCALE`; else a refusal."""
    if not number.is_finite():
        raise Invalid(
            "not_a_number",
            f"{number} is not a finite number.",
            field=field,
            mend="Send a finite decimal number.",
        )
    _, digits, exponent = number.normalize(_WIDE).as_tuple()
    assert isinstance(exponent, int)
    if -exponent > SCALE:
        raise Invalid(
            "too_precise",
            f"{number} has more than {SCALE} decimal places.",
            field=field,
            mend=f"Send at most {SCALE} decimal places.",
        )
    if number and len(digits) + exponent > INTEGER_DIGITS:
        raise Invalid(
            "too_large",
            f"{number} has more than {INTEGER_DIGITS} digits before the point.",
            field=field,
            mend=f"Send at most {INTEGER_DIGITS} digits before the point.",
        )
    return number


def plain(number: Decimal) -> str:
    """The shortest plain notation: no exponent, no trailing zeros, no negative zero.

    >>> plain(Decimal("1E+3")), plain(Decimal("0.50")), plain(Decimal("-0"))
    ('1000', '0.5', '0')
    """
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
