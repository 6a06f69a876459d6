"""Currency cases: rounding, minor units, splitting."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tallybook.domain.kernel.currencies import MINOR_DIGITS, NUMERIC_CODES, PROVIDER_DIGITS
from tallybook.domain.kernel.money import (
    Leftover,
    Rounding,
    allocate_units,
    from_units,
    minor_digits,
    round_decimal,
    to_units,
)
from vectors.run import NotSupported

MODES = {
    "half_up_away": Rounding.HALF_UP,
    "half_up": Rounding.HALF_UP,
    "half_away": Rounding.HALF_UP,
    "half_down": Rounding.HALF_DOWN,
    "half_even": Rounding.HALF_EVEN,
    "bankers": Rounding.HALF_EVEN,
    "up": Rounding.UP,
    "down": Rounding.DOWN,
    "truncate": Rounding.DOWN,
    "ceil": Rounding.CEILING,
    "ceiling": Rounding.CEILING,
    "floor": Rounding.FLOOR,
}


def answer(given: Mapping[str, Any]) -> dict[str, Any]:
    match given["kind"]:
        case "round":
            return {"amount": round_decimal(Decimal(given["amount"]), _digits(given), _mode(given))}
        case "to_minor":
            return {"minor": to_units(Decimal(given["amount"]), _digits(given), _mode(given))}
        case "allocate":
            return {"parts": _split(given)}
        case "minor_units":
            code = given["currency"]
            return {"minor_units": minor_digits(code), "numeric": NUMERIC_CODES[code]}
        case "minor_units_table":
            return {"table": MINOR_DIGITS}
        case "zero_decimal_list":
            return {"currencies": [code for code, n in PROVIDER_DIGITS.items() if n == 0]}
    raise NotSupported(f"currency {given['kind']}")


def _digits(given: Mapping[str, Any]) -> int:
    return int(given["scale"]) if "scale" in given else minor_digits(given["currency"])


def _mode(given: Mapping[str, Any]) -> Rounding:
    return MODES[given.get("mode", "half_up_away")]


def _split(given: Mapping[str, Any]) -> list[Decimal]:
    digits = _digits(given)
    policy = given.get("policy", "largest_remainder_then_first")
    leftover = Leftover.LARGEST_REMAINDER if "largest" in policy else Leftover.IN_ORDER
    weights = [Decimal(weight) for weight in given["weights"]]
    parts = allocate_units(to_units(Decimal(given["total"]), digits), weights, leftover)
    return [from_units(part, digits) for part in parts]
