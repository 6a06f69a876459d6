"""What a meter may be, and what may be asked of it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tallybook.domain.kernel.calendar import checked_timezone
from tallybook.domain.kernel.decimals import bounded
from tallybook.domain.kernel.errors import Conflicting, Invalid, Refusal
from tallybook.domain.kernel.identifiers import checked_key
from tallybook.domain.metering.aggregations.aggregation import Column
from tallybook.domain.metering.counting import misfit
from tallybook.domain.metering.expressions.check import checked
from tallybook.domain.metering.expressions.nodes import Kind, refusal
from tallybook.domain.metering.expressions.parser import parse_path
from tallybook.domain.metering.expressions.sense import check_sense as check_expression
from tallybook.domain.metering.meter import Meter, UsageQuery
from tallybook.domain.metering.windows import checked_window

MOST_DIMENSIONS = 20
LONGEST_NAME = 200
LARGEST_SCALE = 12

_WHO_AND_WHEN = ("id", "version", "created_at")


def checked_meter(meter: Meter) -> Meter:
    """`meter` if it can be measured; `Invalid` names the field, and of an expression the column."""
    checked_key(meter.key)
    _check_text(meter.name, "name", "a name")
    _check_text(meter.event_type, "event_type", "the type of the events that it counts")
    if len(meter.unit) > LONGEST_NAME:
        raise _too_long("unit")
    if meter.filter:
        _within("filter", lambda: checked(meter.filter, Kind.TRUTH))
    for field, column in meter.aggregation.columns.items():
        _within(
            f"aggregation/{field}",
            lambda column=column: checked(column.expression, column.kind),  # type: ignore[misc]
        )
    _within("aggregation", meter.aggregation.check)
    _check_dimensions(meter)
    _check_unit(meter)
    return meter


def check_sense(meter: Meter) -> None:
    """Refuse what no event could be counted by, in a definition that is new.

    `Invalid` names the field and the column. A meter that is kept already is measured as ever.
    """
    if meter.filter:
        _within("filter", lambda: check_expression(meter.filter, Kind.TRUTH))
    for name, column in meter.aggregation.columns.items():
        _within(f"aggregation/{name}", lambda name=name, column=column: _check_value(name, column))  # type: ignore[misc]


def _check_value(name: str, column: Column) -> None:
    value = check_expression(column.expression, column.kind)
    never = None if value is None else misfit(name, column, value)
    if never is not None:
        raise refusal(column.expression, 1, f"No event would count: {never.sentence}")


def is_same(kept: Meter, wanted: Meter) -> bool:
    """Whether two versions of a meter say the same."""
    return _difference(kept, wanted) is None


def refuse_another(kept: Meter, wanted: Meter) -> None:
    """Pass if `wanted` is the meter that is kept already; `Conflicting` names what differs."""
    field = _difference(kept, wanted)
    if field is not None:
        raise Conflicting(
            "meter_exists",
            f"There is a meter {kept.key!r} already, with another {field}.",
            field=field,
            mend=f"Choose another key, or change the meter by PUT /v1/meters/{kept.key}.",
        )


def check_change(before: Meter, after: Meter) -> None:
    """A version keeps the unit and the dimensions of the one before: prices stand on them."""
    if after.unit != before.unit:
        raise Invalid(
            "unit_changed",
            f"The meter counts in {before.unit!r}: prices for that cannot mean {after.unit!r}.",
            field="unit",
            mend="Keep the unit, or define another meter.",
        )
    missing = [name for name in before.dimensions if name not in after.dimensions]
    if missing:
        raise Invalid(
            "dimension_dropped",
            f"Prices may go by the dimension {missing[0]!r}.",
            field="dimensions",
            mend="Keep every dimension; more may be added.",
        )


def _difference(kept: Meter, wanted: Meter) -> str | None:
    """The first field of the definition in which two meters differ."""
    fields = (field for field in Meter.__struct_fields__ if field not in _WHO_AND_WHEN)
    return next((f for f in fields if getattr(kept, f) != getattr(wanted, f)), None)


def check_query(meter: Meter, query: UsageQuery) -> None:
    """Refuse to split or narrow usage by what is not a dimension of the meter."""
    for field, names in (("group_by", query.group_by), ("match", tuple(query.match))):
        for name in names:
            if name not in meter.dimensions:
                known = ", ".join(meter.dimensions) or "none"
                raise Invalid(
                    "unknown_dimension",
                    f"{name[:60]!r} is not a dimension of the meter {meter.key!r}.",
                    field=field,
                    mend=f"Its dimensions are: {known}.",
                )
    if len(set(query.group_by)) < len(query.group_by):
        raise Invalid(
            "dimension_twice",
            "A dimension is named twice.",
            field="group_by",
            mend="Name each dimension once.",
        )
    if query.window is not None:
        checked_window(query.window)
    checked_timezone(query.timezone)


def _check_text(text: str, field: str, what: str) -> None:
    if not text.strip():
        raise Invalid(f"no_{field}", f"The meter lacks {what}.", field=field, mend=f"Send {what}.")
    if len(text) > LONGEST_NAME:
        raise _too_long(field)


def _too_long(field: str) -> Invalid:
    return Invalid(
        "too_long",
        f"The {field} is longer than {LONGEST_NAME} characters.",
        field=field,
        mend="Shorten it.",
    )


def _check_dimensions(meter: Meter) -> None:
    if len(meter.dimensions) > MOST_DIMENSIONS:
        raise Invalid(
            "too_many_dimensions",
            f"The meter has {len(meter.dimensions)} dimensions; {MOST_DIMENSIONS} is the most.",
            field="dimensions",
            mend="Keep those that usage is split by.",
        )
    if len(set(meter.dimensions)) < len(meter.dimensions):
        raise Invalid(
            "dimension_twice",
            "A dimension is named twice.",
            field="dimensions",
            mend="Name each dimension once.",
        )
    for number, name in enumerate(meter.dimensions):
        _within(f"dimensions/{number}", lambda name=name: parse_path(name))  # type: ignore[misc]


def _check_unit(meter: Meter) -> None:
    if meter.conversion is not None:
        for field, factor in msgspec.structs.asdict(meter.conversion).items():
            bounded(factor, field=f"conversion/{field}")
            if factor <= 0:
                raise Invalid(
                    "not_positive",
                    f"A factor of {factor} converts into nothing.",
                    field=f"conversion/{field}",
                    mend="Send a number above 0.",
                )
    if meter.rounding is not None and abs(meter.rounding.scale) > LARGEST_SCALE:
        raise Invalid(
            "bad_scale",
            f"A quantity cannot be rounded to {meter.rounding.scale} decimal places.",
            field="rounding/scale",
            mend=f"Send a scale from -{LARGEST_SCALE} to {LARGEST_SCALE}.",
        )


def _within(field: str, check: Callable[[], object]) -> None:
    """Run the check of a part; what it refuses is named from the whole."""
    try:
        check()
    except Refusal as refused:
        raise refused.at(field) from None
