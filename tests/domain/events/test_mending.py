"""Mappings that mend events, naming rules, and limits of time, each by a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallybook.domain.events.event import SentEvent, kept_text
from tallybook.domain.events.event_type import EventSettings, Naming, checked_settings
from tallybook.domain.events.mending import Step, mended
from tallybook.domain.events.rules import Cause, rules_of
from tallybook.domain.kernel.errors import Invalid

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(**properties: Any) -> SentEvent:
    return SentEvent("call", "acme", "api", "1", "", AT, properties)


def steps_of(*steps: dict[str, Any]) -> list[Step]:
    return msgspec.convert(steps, list[Step])


def raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


RENAME = {"do": "rename", "property": "a", "to": "b"}
DEFAULT = {"do": "default", "property": "a", "value": "x"}


@pytest.mark.parametrize(
    ("step", "before", "after", "why"),
    [
        (RENAME, {"a": 1, "c": 2}, {"b": "1", "c": "2"}, "another name, the same value"),
        (RENAME, {"c": 2}, {"c": "2"}, "nothing to rename"),
        (DEFAULT, {}, {"a": "x"}, "where there is none"),
        (DEFAULT, {"a": 1}, {"a": "1"}, "what is there stays"),
        ({"do": "drop", "property": "a"}, {"a": 1, "b": 2}, {"b": "2"}, "left out"),
        ({"do": "cast", "property": "a", "to": "number"}, {"a": " 1.10 "}, {"a": "1.10"}, "digits"),
        ({"do": "cast", "property": "a", "to": "integer"}, {"a": "12"}, {"a": "12"}, "whole"),
        ({"do": "cast", "property": "a", "to": "integer"}, {"a": raw("3.00")}, {"a": "3"}, "it is"),
        ({"do": "cast", "property": "a", "to": "text"}, {"a": raw("1.10")}, {"a": "1.10"}, "text"),
        ({"do": "cast", "property": "a", "to": "boolean"}, {"a": "Yes"}, {"a": "true"}, "said so"),
        ({"do": "cast", "property": "a", "to": "boolean"}, {"a": 0}, {"a": "false"}, "0 is no"),
        ({"do": "cast", "property": "a", "to": "number"}, {}, {}, "nothing to cast"),
    ],
)
def test_a_step_changes_what_it_says(
    step: dict[str, Any], before: dict[str, Any], after: dict[str, str], why: str
) -> None:
    found = mended(event(**before), steps_of(step))
    assert found.kept().properties == after, why
    assert (found.source, found.id) == ("api", "1"), "the same event"


@pytest.mark.parametrize(
    ("to", "value", "is_number", "why"),
    [
        ("integer", "12", True, "a number in JSON, too"),
        ("text", 12, False, "a text in JSON, too"),
    ],
)
def test_a_cast_changes_the_kind_in_json(to: str, value: Any, is_number: bool, why: str) -> None:
    cast = {"do": "cast", "property": "a", "to": to}
    found = mended(event(a=value), steps_of(cast)).properties["a"]
    assert isinstance(found, int) is is_number, why


@pytest.mark.parametrize(
    ("step", "before", "field", "why"),
    [
        (RENAME, {"a": 1, "b": 2}, "properties/b", "one of two would be lost"),
        ({"do": "cast", "property": "a", "to": "integer"}, {"a": "1.5"}, "properties/a", "half"),
        ({"do": "cast", "property": "a", "to": "number"}, {"a": "many"}, "properties/a", "no"),
        ({"do": "cast", "property": "a", "to": "number"}, {"a": "1_0"}, "properties/a", "no"),
        ({"do": "cast", "property": "a", "to": "boolean"}, {"a": "maybe"}, "properties/a", "no"),
        ({"do": "shift_time", "seconds": 10**12}, {}, "time", "beyond all years"),
        ({"do": "shift_time", "seconds": -(10**10)}, {}, "time", "before 1970"),
        ({"do": "set_type", "to": ""}, {}, "type", "an event has a type"),
        ({"do": "set_customer", "to": "a\nb"}, {}, "customer", "a key is readable"),
        ({"do": "default", "property": "", "value": 1}, {}, "properties/", "a name has a letter"),
        ({"do": "default", "property": "a", "value": "x" * 9000}, {}, "properties/a", "too long"),
    ],
)
def test_a_step_that_cannot_be_done_refuses_the_event(
    step: dict[str, Any], before: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(Invalid) as refused:
        mended(event(**before), steps_of(step))
    assert refused.value.field == field, why


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"do": "delete"}, "no such step"),
        ({"do": "rename", "property": "a"}, "to what"),
        ({"do": "default", "property": "a", "value": 1.5}, "a float has lost digits already"),
        ({"do": "cast", "property": "a", "to": "date"}, "no such kind"),
        ({"do": "drop", "property": "a", "too": 1}, "misspelt"),
    ],
)
def test_a_step_that_means_nothing_is_none(step: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        pytest.fail(f"{why}: {steps_of(step)}")


def test_time_is_shifted() -> None:
    found = mended(event(), steps_of({"do": "shift_time", "seconds": -3600}))
    assert found.occurred_at == AT - timedelta(hours=1)


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.integers() | st.text(max_size=5) | st.booleans(), max_size=3
    )
)
def test_steps_with_nothing_to_do_leave_every_value(properties: dict[str, Any]) -> None:
    nothing: list[dict[str, Any]] = [
        {"do": "rename", "property": "z", "to": "y"},
        {"do": "drop", "property": "z"},
        {"do": "shift_time", "seconds": 0},
    ]
    found = mended(event(**properties), steps_of(*nothing))
    assert found.kept().properties == {n: kept_text(v) for n, v in properties.items()}


@pytest.mark.parametrize(
    ("naming", "fits", "breaks"),
    [
        (Naming.OFF, ["Any Thing"], []),
        (Naming.SNAKE_CASE, ["call", "api_call2"], ["Call", "api-call", "_a", "a__b", "api.call"]),
        (Naming.KEBAB_CASE, ["call", "api-call"], ["api_call", "-a", "A"]),
        (Naming.CAMEL_CASE, ["call", "apiCall"], ["ApiCall", "api_call"]),
        (Naming.DOTTED, ["api.call", "llm.tokens_in"], ["call", "api.", ".call", "api.Call"]),
    ],
)
def test_naming_rules(naming: Naming, fits: list[str], breaks: list[str]) -> None:
    assert [name for name in fits + breaks if naming.fits(name)] == fits


@pytest.mark.parametrize(
    ("offset", "cause", "why"),
    [
        (-timedelta(days=7), None, "the limit itself is taken"),
        (-timedelta(days=7, microseconds=1), Cause.TOO_OLD, "a moment older is not"),
        (timedelta(seconds=60), None, "the limit ahead is taken, too"),
        (timedelta(seconds=60, microseconds=1), Cause.TOO_FAR_AHEAD, "a moment further is not"),
    ],
)
def test_limits_of_time(offset: timedelta, cause: Cause | None, why: str) -> None:
    rules = rules_of(EventSettings(max_age_days=7, max_ahead_seconds=60), {})
    arrived = AT - offset
    reason = rules.reason_for(event(), arrived_at=arrived)
    assert (reason and reason.cause) == cause, why


@pytest.mark.parametrize(
    "settings", [EventSettings(max_age_days=0), EventSettings(max_ahead_seconds=-1)]
)
def test_limits_that_are_none(settings: EventSettings) -> None:
    with pytest.raises(Invalid):
        checked_settings(settings)
