"""Which corrections are in force, what an added event is called, what belongs to a backfill."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tallybook.domain.events.correction import (
    Amendment,
    Backfill,
    Correction,
    CorrectionKind,
    amended,
    check_belongs,
    checked_query,
    checked_reason,
    identity_within,
    out_of_force,
)
from tallybook.domain.events.event import EventQuery, SentEvent, StoredEvent
from tallybook.domain.kernel.errors import Invalid

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


def revert(id_: str, of: str, position: int) -> Correction:
    return Correction(
        id=id_,
        kind=CorrectionKind.REVERT,
        position=position,
        made_at=MARCH,
        made_by="key_1",
        reason="r",
        reverts=of,
    )


@pytest.mark.parametrize(
    ("reverts", "out", "why"),
    [
        ([], set(), "nothing was reverted"),
        ([("R", "A")], {"A"}, ""),
        ([("R", "A"), ("S", "R")], {"R"}, "A is in force again"),
        ([("R", "A"), ("S", "R"), ("T", "S")], {"A", "S"}, "and out of it again"),
        ([("R", "A"), ("S", "B")], {"A", "B"}, "each by itself"),
    ],
)
def test_out_of_force(reverts: list[tuple[str, str]], out: set[str], why: str) -> None:
    made = [revert(id_, of, position) for position, (id_, of) in enumerate(reverts, 1)]
    assert out_of_force(made) == out, why
    assert out_of_force(reversed(made)) == out, "in whatever order they are told"


def test_where_a_correction_lies() -> None:
    correction = msgspec.structs.replace(revert("A", "", 20), voided=3, added=5)
    assert correction.first == 12
    assert correction.added_positions == (12, 16), "then three marks, then itself"
    void = msgspec.structs.replace(correction, added=0)
    assert void.added_positions == (17, 16), "none"


@pytest.mark.parametrize(
    ("length", "is_allowed", "why"), [(250, True, "256 with @cor_a"), (251, False, "257")]
)
def test_the_id_of_an_added_event(length: int, is_allowed: bool, why: str) -> None:
    if is_allowed:
        assert identity_within("x" * length, "cor_a") == "x" * length + "@cor_a", why
        return
    with pytest.raises(Invalid, match="257"):
        identity_within("x" * length, "cor_a")


EVENT = StoredEvent(
    type="call",
    customer="ann",
    id="r1",
    occurred_at=MARCH,
    source="web",
    actor="key-1",
    properties={"tokens": "1.10", "model": "large"},
    received_at=MARCH,
    position=7,
)


@pytest.mark.parametrize(
    ("changes", "becomes", "why"),
    [
        ({}, {}, "all but the id stays"),
        ({"customer": "bob"}, {"customer": "bob"}, ""),
        ({"new_id": "r1-b"}, {"id": "r1-b"}, "the id that is given"),
        ({"actor": ""}, {"actor": ""}, "an empty actor is none"),
        ({"properties": {"tokens": msgspec.Raw(b"2.50")}}, {"properties": {"tokens": 2.50}},
         "properties replace all of them"),
        ({"time": "2026-04-01T00:00:00Z"}, {"time": "2026-04-01T00:00:00Z"}, "as it is written"),
    ],
)  # fmt: skip
def test_amended(changes: dict[str, Any], becomes: dict[str, Any], why: str) -> None:
    plain = {
        "type": "call",
        "customer": "ann",
        "id": "r1@cor_a",
        "source": "web",
        "time": MARCH.isoformat(),
        "actor": "key-1",
        "properties": {"tokens": "1.10", "model": "large"},
    }
    made = amended(EVENT, Amendment(id="r1", source="web", **changes), "cor_a")
    assert msgspec.json.decode(msgspec.json.encode(made)) == plain | becomes, why


@pytest.mark.parametrize(
    ("changes", "field", "told", "why"),
    [
        ({}, "", "", "the first instant is of it"),
        ({"type": "seat"}, "type", "of 'call'", "another type"),
        ({"customer": "bob"}, "customer", "of the customer 'ann'", "another customer"),
        ({"occurred_at": APRIL}, "time", "until 2026-04-01T00:00:00Z", "the end is not of it"),
    ],
)
def test_what_belongs_to_a_backfill(
    changes: dict[str, Any], field: str, told: str, why: str
) -> None:
    backfill = Backfill(
        id="cor_a",
        type="call",
        starts=MARCH,
        ends=APRIL,
        customer="ann",
        opened_at=MARCH,
        opened_by="key_1",
    )
    event = msgspec.structs.replace(SentEvent("call", "ann", "web", "r1", "", MARCH, {}), **changes)
    if not field:
        check_belongs(event, backfill)
        return
    with pytest.raises(Invalid) as refusal:
        check_belongs(event, backfill)
    assert refusal.value.field == field, why
    assert told in refusal.value.message


@pytest.mark.parametrize(
    ("reason", "code", "why"),
    [("", "no_reason", ""), (" \n", "no_reason", "blank"), ("x" * 1001, "too_long", "")],
)
def test_a_reason_is_required(reason: str, code: str, why: str) -> None:
    with pytest.raises(Invalid) as refusal:
        checked_reason(reason)
    assert refusal.value.code == code, why


def test_nobody_voids_everything_at_once() -> None:
    with pytest.raises(Invalid, match="which events"):
        checked_query(EventQuery())
    assert checked_query(EventQuery(customer="ann")) == EventQuery(customer="ann")
