"""Void events and put others in their places, linked, as one fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from tallybook.domain.events.correction import (
    MOST_AMENDED,
    Amendment,
    Correction,
    CorrectionKind,
    amended,
    checked_reason,
)
from tallybook.domain.events.event import SentEvent, StoredEvent
from tallybook.domain.events.explaining import read_carefully
from tallybook.domain.events.forms import Form
from tallybook.domain.kernel.errors import Conflicting, Invalid, Missing, Refusal, TooLarge
from tallybook.services.check_corrected import count_violations, refuse_violation, rules_for
from tallybook.services.correction_ports import Replacement
from tallybook.services.ports import Wiring


class AmendVerdict(StrEnum):
    """What became of one amendment."""

    AMENDED = "amended"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AmendAnswer:
    """The verdict on the amendment at `index`; `new_id` if amended, else what is wrong with it."""

    index: int
    id: str
    verdict: AmendVerdict
    new_id: str = ""
    code: str = ""
    field: str = ""
    reason: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Amended:
    """The correction, None if no amendment was in order, and an answer on each one sent."""

    correction: Correction | None
    answers: list[AmendAnswer]


def amend_events(
    wiring: Wiring,
    organization_id: str,
    amendments: Sequence[Amendment],
    *,
    reason: str,
    by: str,
) -> Amended:
    """Amend events. Those in order are one fact together; every other one is refused by itself.

    Replacements are held to their event types: what a strict one would keep out is refused, and
    what is only warned of is counted.
    """
    why = checked_reason(reason)
    correction_id = wiring.new_id("cor")
    judged = _judge(wiring, organization_id, amendments, correction_id)
    if not judged.replacements:
        return Amended(None, judged.answers)
    drafted = Correction(
        id=correction_id,
        kind=CorrectionKind.AMENDMENT,
        position=0,
        made_at=wiring.now(),
        made_by=by,
        reason=why,
    )
    recorded = wiring.corrections.record_amendment(organization_id, drafted, judged.replacements)
    count_violations(wiring, organization_id, judged.warned)
    return Amended(recorded, judged.answers)


def preview_amendments(
    wiring: Wiring, organization_id: str, amendments: Sequence[Amendment]
) -> list[AmendAnswer]:
    """What `amend_events` would answer on each, changing nothing. Ids it would derive are ""."""
    answers = _judge(wiring, organization_id, amendments, wiring.new_id("cor")).answers
    return [
        replace(answer, new_id=amendments[answer.index].new_id or "") if answer.new_id else answer
        for answer in answers
    ]


@dataclass(frozen=True, slots=True)
class _Judged:
    """An answer on each amendment, what those in order put in, and what of that is warned of."""

    answers: list[AmendAnswer]
    replacements: list[Replacement]
    warned: list[SentEvent]


def _judge(
    wiring: Wiring, organization_id: str, amendments: Sequence[Amendment], correction_id: str
) -> _Judged:
    _check_number(amendments)
    rules = rules_for(wiring, organization_id)
    originals = wiring.corrections.found(
        organization_id, [(each.source, each.id) for each in amendments]
    )
    wanted_ids = [(each.source, each.new_id) for each in amendments if each.new_id]
    taken = wiring.corrections.found(organization_id, wanted_ids) if wanted_ids else {}
    answers: list[AmendAnswer] = []
    warned: list[SentEvent] = []
    replacements: dict[tuple[str, str], Replacement] = {}
    for index, amendment in enumerate(amendments):
        try:
            replacement = _replacement(amendment, originals, taken, replacements, correction_id)
            violation = rules.violation_as_kept(replacement.event)
            refuse_violation(violation)
        except Refusal as refusal:
            answers.append(_refused(index, amendment, refusal))
            continue
        replacements[replacement.event.source, replacement.event.id] = replacement
        answers.append(AmendAnswer(index, amendment.id, AmendVerdict.AMENDED, replacement.event.id))
        if violation is not None:
            warned.append(replacement.event)
    return _Judged(answers, list(replacements.values()), warned)


def _check_number(amendments: Sequence[Amendment]) -> None:
    if not amendments:
        raise Invalid(
            "no_amendments", "The list is empty.", field="amendments", mend="Send at least one."
        )
    if len(amendments) > MOST_AMENDED:
        raise TooLarge(
            "too_many_amendments",
            f"One request amends at most {MOST_AMENDED:,} events.",
            field="amendments",
            mend="Send several requests.",
        )


def _replacement(
    amendment: Amendment,
    originals: Mapping[tuple[str, str], StoredEvent],
    taken: Mapping[tuple[str, str], StoredEvent],
    earlier: Mapping[tuple[str, str], Replacement],
    correction_id: str,
) -> Replacement:
    """The event that takes the place of another; a refusal says what is wrong."""
    original = originals.get((amendment.source, amendment.id))
    if original is None:
        raise Missing(
            "no_such_event",
            f"There is no event {amendment.id[:60]!r} of the source {amendment.source[:60]!r}.",
            field="id",
            mend="Send the source and id of one that GET /v1/events lists.",
        )
    if original.voided_by or any(each.position == original.position for each in earlier.values()):
        raise Conflicting(
            "event_is_void",
            f"The event does not count: it is voided by {original.voided_by or 'this request'}.",
            field="id",
            mend="Amend what replaced it, or revert that correction first.",
        )
    written = msgspec.json.encode(amended(original, amendment, correction_id))
    read = read_carefully(written, Form.JSON)
    if not isinstance(read, SentEvent):
        raise read[0]
    if (read.source, read.id) in taken or (read.source, read.id) in earlier:
        raise Conflicting(
            "identity_known",
            f"There is an event {read.id[:60]!r} of this source already.",
            field="new_id",
            mend="Send an id that no event has had, or none for a derived one.",
        )
    return Replacement(original.position, read, read.canonical())


def _refused(index: int, amendment: Amendment, refusal: Refusal) -> AmendAnswer:
    return AmendAnswer(
        index,
        amendment.id,
        AmendVerdict.REFUSED,
        code=refusal.code,
        field=refusal.field,
        reason=refusal.message,
        mend=refusal.mend,
    )
