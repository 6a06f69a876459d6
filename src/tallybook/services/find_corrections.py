"""Look corrections up, and take them back."""

from __future__ import annotations

from dataclasses import dataclass

from tallybook.domain.events.correction import (
    Correction,
    CorrectionKind,
    already_reverted,
    checked_reason,
)
from tallybook.domain.events.event import StoredEvent
from tallybook.domain.kernel.errors import Invalid, Missing
from tallybook.domain.kernel.identifiers import derived_id
from tallybook.services.ports import Wiring

_FAR = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Shown:
    """A correction, whether it is in force, and what reverts it, if anything."""

    correction: Correction
    is_in_force: bool
    reverted_by: str


def list_corrections(
    wiring: Wiring, organization_id: str, *, after: str, limit: int
) -> tuple[list[Shown], str | None]:
    """Corrections, the last one first, and the cursor to go on after, or None at the end."""
    before = _position(after) if after else _FAR
    found = wiring.corrections.page(organization_id, before=before, limit=limit + 1)
    out = wiring.corrections.out_of_force(organization_id)
    page = [_shown(wiring, organization_id, each, out) for each in found[:limit]]
    return page, str(found[limit - 1].position) if len(found) > limit else None


def find_correction(wiring: Wiring, organization_id: str, correction_id: str) -> Shown:
    """The correction of that id; `Missing` where there is none."""
    found = wiring.corrections.by_id(organization_id, correction_id)
    if found is None:
        raise Missing(
            "no_such_correction",
            f"There is no correction {correction_id[:60]!r}.",
            field="correction_id",
            mend="Send the id of one that GET /v1/corrections lists.",
        )
    out = wiring.corrections.out_of_force(organization_id)
    return _shown(wiring, organization_id, found, out)


def list_corrected_events(
    wiring: Wiring, organization_id: str, correction_id: str, *, after: str, limit: int
) -> tuple[list[StoredEvent], str | None]:
    """The events that a correction voided and added, by position; a revert's are its target's."""
    correction = find_correction(wiring, organization_id, correction_id).correction
    while correction.reverts:
        correction = find_correction(wiring, organization_id, correction.reverts).correction
    found = wiring.corrections.events_of(
        organization_id, correction, after=_position(after) if after else 0, limit=limit + 1
    )
    return found[:limit], str(found[limit - 1].position) if len(found) > limit else None


def revert_correction(
    wiring: Wiring, organization_id: str, correction_id: str, *, reason: str, by: str
) -> Correction:
    """Put a correction out of force; a revert reverted puts back what it had taken back.

    `Conflicting` if what would be taken out of the count is out of it by a later correction, or
    if the correction was reverted and is in force again by another revert.
    """
    shown = find_correction(wiring, organization_id, correction_id)
    drafted = Correction(
        id=derived_id("cor", organization_id, "revert", correction_id),
        kind=CorrectionKind.REVERT,
        position=0,
        made_at=wiring.now(),
        made_by=by,
        reason=checked_reason(reason),
        types=shown.correction.types,
        reverts=correction_id,
    )
    if shown.reverted_by and shown.is_in_force:
        raise already_reverted(correction_id, shown.reverted_by)
    return wiring.corrections.record_revert(organization_id, drafted)


def _shown(
    wiring: Wiring, organization_id: str, correction: Correction, out: frozenset[str]
) -> Shown:
    return Shown(
        correction,
        correction.id not in out,
        wiring.corrections.reverted_by(organization_id, correction.id),
    )


def _position(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 20):
        raise Invalid(
            "bad_cursor",
            "This is no cursor.",
            field="after",
            mend="Send `next` of the page before, as it was answered.",
        )
    return min(int(cursor), _FAR)
