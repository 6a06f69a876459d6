"""Event types: what an organization says that its events look like, and how strictly it holds.

Rules: docs/semantics/events.md
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.identifiers import checked_key

MAX_SCHEMA_BYTES = 64 * 1024
MAX_EXAMPLES = 10
_MAX_DESCRIPTION = 2000
_MAX_OWNER = 200
_MAX_DAYS = 36_525
_MAX_HELD = 100_000_000


class Status(StrEnum):
    """Where in its life a type is. It changes nothing about its events; reports go by it."""

    DRAFT = "draft"
    ACTIVE = "active"
    DEPRECATED = "deprecated"


class Strictness(StrEnum):
    """What becomes of an event that breaks its type's schema."""

    OFF = "off"
    """It is taken, unseen."""
    WARN = "warn"
    """It is taken, and counted as a violation."""
    QUARANTINE = "quarantine"
    """It waits in quarantine, with the reason."""


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    """A type of events, by version. `key` is what events of it have as their `type`.

    `schema` is a JSON Schema (2020-12) of an event's properties; an empty one allows everything.
    """

    key: str
    description: str = ""
    owner: str = ""
    status: Status = Status.DRAFT
    schema: dict[str, Any] = {}
    examples: list[dict[str, Any]] = []
    strictness: Strictness = Strictness.OFF
    version: int = 1
    created_at: datetime

    def says_the_same_as(self, other: EventType) -> bool:
        """Whether the two differ in nothing but version and time."""
        return self == msgspec.structs.replace(
            other, version=self.version, created_at=self.created_at
        )


class Naming(StrEnum):
    """How names are to be spelt."""

    OFF = "off"
    SNAKE_CASE = "snake_case"
    KEBAB_CASE = "kebab-case"
    CAMEL_CASE = "camelCase"
    DOTTED = "dotted"
    """Words in snake_case with dots between, at least two: `api.call`."""

    def fits(self, name: str) -> bool:
        """Whether `name` is spelt so."""
        pattern = _SPELLINGS.get(self)
        return pattern is None or pattern.fullmatch(name) is not None


_SPELLINGS = {
    Naming.SNAKE_CASE: re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*"),
    Naming.KEBAB_CASE: re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*"),
    Naming.CAMEL_CASE: re.compile(r"[a-z][a-zA-Z0-9]*"),
    Naming.DOTTED: re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)+"),
}
_LIKE = {
    Naming.SNAKE_CASE: "api_call",
    Naming.KEBAB_CASE: "api-call",
    Naming.CAMEL_CASE: "apiCall",
    Naming.DOTTED: "api.call",
}


class EventSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an organization demands of all events. At first nothing.

    `max_age_days`: what happened longer ago when it arrives goes to quarantine; None is no limit.
    `max_ahead_seconds`: so does what is to happen later than so far ahead of our clock.
    `max_held`: while so many events wait in quarantine, others that break a rule are rejected.
    `type_naming` and `property_naming` are asked of types when they are saved, not of events.
    """

    type_naming: Naming = Naming.OFF
    property_naming: Naming = Naming.OFF
    max_age_days: int | None = None
    max_ahead_seconds: int | None = None
    max_held: int = 1_000_000

    @property
    def max_age(self) -> timedelta | None:
        """How long ago an event may have happened."""
        return None if self.max_age_days is None else timedelta(days=self.max_age_days)

    @property
    def max_ahead(self) -> timedelta | None:
        """How far ahead an event may say that it happened."""
        if self.max_ahead_seconds is None:
            return None
        return timedelta(seconds=self.max_ahead_seconds)


def checked_settings(settings: EventSettings) -> EventSettings:
    """The settings, if their limits are any."""
    days, seconds = settings.max_age_days, settings.max_ahead_seconds
    if days is not None and not 1 <= days <= _MAX_DAYS:
        raise Invalid(
            "limit_out_of_range",
            f"{days} days is no limit of age.",
            field="max_age_days",
            mend=f"Send 1 to {_MAX_DAYS}, or null for no limit.",
        )
    if seconds is not None and not 0 <= seconds <= _MAX_DAYS * 86400:
        raise Invalid(
            "limit_out_of_range",
            f"{seconds} seconds is no limit of time ahead.",
            field="max_ahead_seconds",
            mend="Send seconds from 0 on, such as 300, or null for no limit.",
        )
    if not 0 <= settings.max_held <= _MAX_HELD:
        raise Invalid(
            "limit_out_of_range",
            f"{settings.max_held} is no number of events that may wait.",
            field="max_held",
            mend=f"Send 0 to {_MAX_HELD:,}.",
        )
    return settings


def checked_type(event_type: EventType, settings: EventSettings) -> EventType:
    """The type, if its key, texts and property names are in order.

    Whether its schema is one, and its examples keep it, is told where schemas are compiled.
    """
    checked_key(event_type.key)
    _check_naming(event_type.key, settings.type_naming, field="key")
    for name in declared_properties(event_type.schema):
        _check_naming(name, settings.property_naming, field=f"schema/properties/{name}")
    for field, longest in (("description", _MAX_DESCRIPTION), ("owner", _MAX_OWNER)):
        text = getattr(event_type, field)
        if len(text) > longest or "\0" in text:
            raise Invalid(
                "malformed_text",
                f"The {field} has {len(text):,} characters, or a NUL.",
                field=field,
                mend=f"Send at most {longest:,} characters.",
            )
    if len(event_type.examples) > MAX_EXAMPLES:
        raise Invalid(
            "too_many_examples",
            f"There are {len(event_type.examples)} examples.",
            field="examples",
            mend=f"Send at most {MAX_EXAMPLES}.",
        )
    return event_type


def declared_properties(schema: dict[str, Any]) -> list[str]:
    """The properties that a schema names at its top, in its order."""
    properties = schema.get("properties")
    return list(properties) if isinstance(properties, dict) else []


def _check_naming(name: str, naming: Naming, *, field: str) -> None:
    if not naming.fits(name):
        raise Invalid(
            "naming_rule",
            f"{name[:60]!r} is not spelt in {naming.value}, as this organization spells.",
            field=field,
            mend=f"Spell it like {_LIKE[naming]!r}, or change the rule in the event settings.",
        )
