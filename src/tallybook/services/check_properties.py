"""JSON Schemas of properties, compiled: checked when saved, and applied to events as they arrive.

Numbers are judged by their digits as they were sent and stay as they are: what is made of them here
is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import jsonschema_rs
import msgspec
from jsonschema_rs import Draft202012Validator, RegexOptions

from tallybook.domain.events.event_type import (
    MAX_SCHEMA_BYTES,
    EventSettings,
    EventType,
    Strictness,
    checked_type,
)
from tallybook.domain.events.number_limits import NumberLimits, number_limits
from tallybook.domain.events.rules import Cause, Reason, SchemaCheck
from tallybook.domain.events.schema_size import check_parts
from tallybook.domain.kernel.errors import Invalid

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PATTERNS = RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 22)
"""Patterns run in linear time: no text can make one take long."""

_LONGEST_REASON = 300
_RAW = msgspec.Raw
_MIXED = frozenset({_RAW, dict, list})


def compiled(event_type: EventType) -> SchemaCheck:
    """The check of a type that was saved."""
    validator = _validator(event_type.schema)
    return SchemaCheck(
        event_type.strictness,
        _keeping(validator, event_type.schema),
        _breaking(validator, event_type.key),
    )


def checked_event_type(event_type: EventType, settings: EventSettings) -> EventType:
    """The type, if it can be saved: a schema that is one, and examples that keep it."""
    checked_type(event_type, settings)
    validator = _validator(event_type.schema)
    for number, example in enumerate(event_type.examples):
        error = next(validator.iter_errors(example), None)
        if error is not None:
            raise Invalid(
                "example_breaks_schema",
                f"The example does not keep the schema: {error.message[:_LONGEST_REASON]}.",
                field=_path("examples", number, *error.instance_path),
                mend="Change the example, or the schema at " + _path("schema", *error.schema_path),
            )
    return event_type


def compile_strict(event_types: list[EventType]) -> dict[str, SchemaCheck]:
    """The checks of those types whose events are looked at, by key."""
    return {
        each.key: compiled(each) for each in event_types if each.strictness is not Strictness.OFF
    }


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    if len(msgspec.json.encode(schema)) > MAX_SCHEMA_BYTES:
        raise Invalid(
            "schema_too_large",
            f"The schema has more than {MAX_SCHEMA_BYTES:,} bytes.",
            field="schema",
            mend="Describe what is measured or told apart by.",
        )
    if schema.get("$schema", _DIALECT) != _DIALECT:
        raise Invalid(
            "other_dialect",
            "Schemas are read as JSON Schema 2020-12.",
            field="schema/$schema",
            mend=f"Leave $schema out, or send {_DIALECT}",
        )
    check_parts(schema)
    try:
        return Draft202012Validator(
            schema, offline=True, pattern_options=_PATTERNS, validate_formats=True
        )
    except jsonschema_rs.ValidationError as error:
        raise Invalid(
            "not_a_schema",
            f"This is no JSON Schema: {error.message[:_LONGEST_REASON]}.",
            field=_path("schema", *error.instance_path),
            mend="See JSON Schema 2020-12. References stay within the schema; patterns have no "
            "look-around and no back-references.",
        ) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise Invalid(
            "not_a_schema",
            f"This is no JSON Schema: {str(error)[:_LONGEST_REASON]}.",
            field="schema",
            mend="See JSON Schema 2020-12.",
        ) from None


def _keeping(
    validator: Draft202012Validator, schema: Mapping[str, Any]
) -> Callable[[Mapping[str, Any]], bool]:
    """Whether properties keep the schema. The hot path: a microsecond, as a rule."""
    is_valid = validator.is_valid
    limits = number_limits(schema)

    def keeps(properties: Mapping[str, Any]) -> bool:
        changed: dict[str, Any] | None = None
        for name, value in properties.items():
            if type(value) in _MIXED:
                changed = changed or dict(properties)
                changed[name] = _judged_quickly(value, limits.get(name))
        return is_valid(changed or properties)

    return keeps


def _judged_quickly(value: Any, limits: NumberLimits | None) -> Any:
    """As `judged`; or, of a number within limits that are all it is asked, one like it."""
    number = judged(value)
    if limits is not None and type(number) is Decimal and limits.keep(number):
        return limits.inside
    return number


def _breaking(
    validator: Draft202012Validator, key: str
) -> Callable[[Mapping[str, Any]], Reason | None]:
    def breaks(properties: Mapping[str, Any]) -> Reason | None:
        read = {name: judged(value) for name, value in properties.items()}
        error = next(validator.iter_errors(read), None)
        if error is None:
            return None
        return Reason(
            Cause.SCHEMA,
            _path("properties", *error.instance_path),
            f"{error.message[:_LONGEST_REASON]}.",
            f"Send what the type {key!r} says at {_path('schema', *error.schema_path)}.",
        )

    return breaks


def judged(value: Any) -> Any:
    """A property's value as the library reads it: a number with all its digits."""
    kind = type(value)
    if kind is _RAW:
        text = bytes(value).decode()
        try:
            return Decimal(text)
        except InvalidOperation:  # an exponent of more than 18 digits
            return text
    if kind is dict:
        return {name: judged(inner) for name, inner in value.items()}
    if kind is list:
        return [judged(inner) for inner in value]
    return value


def _path(*parts: str | int) -> str:
    return "/".join(map(str, parts))
