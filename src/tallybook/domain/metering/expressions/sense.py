"""What of an expression has no value whatever the event: refused before anybody waits for it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from tallybook.domain.events.event import UsageEvent
from tallybook.domain.metering.expressions.check import checked
from tallybook.domain.metering.expressions.evaluate import Unknown, Value, evaluate
from tallybook.domain.metering.expressions.nodes import (
    Application,
    Attribute,
    Expression,
    Kind,
    Literal,
    Reading,
    refusal,
)
from tallybook.domain.metering.expressions.primitives import (
    CEIL_TO,
    DIVIDE,
    FLOOR_TO,
    REMAINDER,
    ROUND_TO,
)

_DIVIDING = frozenset({DIVIDE, REMAINDER})
_STEPPED = frozenset({CEIL_TO, FLOOR_TO, ROUND_TO})
_NONE = UsageEvent(
    type="", customer="", id="", occurred_at=datetime(1970, 1, 1, tzinfo=UTC), properties={}
)
"""An event to compute by what reads nothing of any."""


def check_sense(text: str, wanted: Kind) -> Value | None:
    """`Invalid` names the column of the first part that has no value for any event.

    That is a division by a zero that is written there, a step that is not larger than 0, a result
    of what is written that is too large: wherever it stands, also in a branch seldom taken. What is
    computed from nothing but itself is answered: the value that it has for every event.
    """
    return _constant(text, checked(text, wanted))


def _constant(text: str, expression: Expression) -> Value | None:
    """The value that a part has for every event, or None if it depends on the event."""
    match expression:
        case Literal(value):
            return value
        case Reading() | Attribute():
            return None
        case Application(primitive, operands):
            values = [_constant(text, operand) for operand in operands]
            last = values[-1]
            if isinstance(last, Decimal):
                if primitive in _DIVIDING and not last:
                    raise refusal(text, operands[-1].column, "This is zero, and divides")
                if primitive in _STEPPED and last <= 0:
                    raise refusal(text, operands[-1].column, "A step is larger than 0")
            if None in values:
                return None
            found = evaluate(expression, _NONE)
            if isinstance(found, Unknown):
                raise refusal(text, expression.column, f"This never has a value: {found.sentence}")
            return found
