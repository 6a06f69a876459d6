"""Drafts: terms of a plan that are worked on and that nobody can subscribe to yet."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tallybook.domain.catalog.plan import PlanTerms, PlanVersion
from tallybook.domain.kernel.errors import Conflicting


class PlanDraft(msgspec.Struct, frozen=True, kw_only=True):
    """The one draft that a plan may have. `based_on` is the version that was the latest then."""

    terms: PlanTerms
    based_on: int | None = None
    saved_at: datetime


class DraftWarning(msgspec.Struct, frozen=True):
    """What would be refused if the draft were published."""

    code: str
    message: str
    field: str
    mend: str


def check_current(draft: PlanDraft, latest: PlanVersion | None) -> None:
    """Refuse a draft begun from a version that is not the latest any more."""
    now = None if latest is None else latest.version
    if draft.based_on != now:
        raise Conflicting(
            "draft_overtaken",
            f"Version {now} of plan {draft.terms.plan_key!r} was published since the draft was "
            "saved.",
            mend="Compare the draft with it, save the draft again, and publish.",
        )
