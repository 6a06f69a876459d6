"""Take events out of the count: shown first, then with who and why."""

from __future__ import annotations

from tallybook.domain.events.correction import (
    Correction,
    CorrectionKind,
    checked_query,
    checked_reason,
)
from tallybook.domain.events.event import EventQuery
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.identifiers import derived_id
from tallybook.services.ports import Wiring
from tallybook.services.preview_correction import CorrectionPreview, preview, read_token


def preview_void(wiring: Wiring, organization_id: str, wanted: EventQuery) -> CorrectionPreview:
    """The events that would be voided, what they touch, and the token to void exactly them."""
    return preview(wiring, organization_id, checked_query(wanted))


def void_events(
    wiring: Wiring,
    organization_id: str,
    wanted: EventQuery,
    *,
    token: str,
    reason: str,
    by: str,
) -> Correction:
    """Void the events that `token` was told for; the same request again answers the same fact.

    `Conflicting` if one of them does not count any more. Events that came since are not touched.
    """
    shown = read_token(token)
    if not shown.count:
        raise Invalid(
            "no_events",
            "No event was shown, so there is none to void.",
            field="token",
            mend="Ask for a preview of events that are there.",
        )
    checked_query(wanted)
    drafted = Correction(
        id=derived_id("cor", organization_id, "void", token),
        kind=CorrectionKind.VOID,
        position=0,
        made_at=wiring.now(),
        made_by=by,
        reason=checked_reason(reason),
        wanted=wanted,
    )
    return wiring.corrections.record_void(organization_id, drafted, wanted, shown)
