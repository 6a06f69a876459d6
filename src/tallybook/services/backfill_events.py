"""Replace the events of one type and time, of a customer or of all, by those of a file.

A backfill is opened, its events are staged in as many requests as it takes, what would change is
shown, and then it is committed as one fact or dropped. Until then nothing of it counts.
"""

from __future__ import annotations

from datetime import datetime

from tallybook.domain.events.correction import (
    Backfill,
    Correction,
    CorrectionKind,
    check_belongs,
    checked_reason,
    stage_changed,
    within,
)
from tallybook.domain.events.event import Answer, SentEvent, Verdict
from tallybook.domain.events.forms import form_of
from tallybook.domain.events.limits import MAX_LENGTHS
from tallybook.domain.events.reading import read_events
from tallybook.domain.events.rules import Reason
from tallybook.domain.kernel.errors import Conflicting, Invalid, Missing, Refusal
from tallybook.domain.kernel.instants import to_utc
from tallybook.services.check_corrected import count_violations, refuse_violation, rules_for
from tallybook.services.ingest_events import Receipt
from tallybook.services.ports import Wiring
from tallybook.services.preview_correction import (
    CorrectionPreview,
    preview,
    read_token,
    token_of,
)


def open_backfill(
    wiring: Wiring,
    organization_id: str,
    *,
    type_: str,
    starts: datetime,
    ends: datetime,
    customer: str | None,
    by: str,
) -> Backfill:
    """Open a backfill of the events of a type in `[starts, ends)`, of one customer or of all."""
    if not type_ or len(type_) > MAX_LENGTHS["type"]:
        raise Invalid(
            "no_type", "A backfill is of one type of events.", field="type", mend="Send its name."
        )
    first, last = to_utc(starts, field="from"), to_utc(ends, field="to")
    if first >= last:
        raise Invalid(
            "empty_span",
            "The span ends before it begins.",
            field="to",
            mend="Send a `to` that is later than `from`; it is not part of the span itself.",
        )
    backfill = Backfill(
        id=wiring.new_id("cor"),
        type=type_,
        customer=customer,
        starts=first,
        ends=last,
        opened_at=wiring.now(),
        opened_by=by,
    )
    wiring.corrections.open_backfill(organization_id, backfill)
    return backfill


def found_backfill(wiring: Wiring, organization_id: str, backfill_id: str) -> Backfill:
    """The open backfill of that id; `Conflicting` where it is committed, else `Missing`."""
    backfill = wiring.corrections.backfill(organization_id, backfill_id)
    committed = wiring.corrections.by_id(organization_id, backfill_id)
    if committed is not None:
        raise Conflicting(
            "backfill_committed",
            "The backfill has been committed.",
            field="backfill_id",
            mend="Open another one. To take this one back, revert the correction of the same id.",
        )
    if backfill is None:
        raise Missing(
            "no_such_backfill",
            f"There is no open backfill {backfill_id[:60]!r}.",
            field="backfill_id",
            mend="Send the id of one that GET /v1/backfills lists.",
        )
    return backfill


def stage_events(
    wiring: Wiring, organization_id: str, backfill_id: str, body: bytes, content_type: str
) -> Receipt:
    """Stage the events of a body, each known by its source and id: sent again, it is a duplicate.

    Rejected are those that are not of the backfill's type, customer and time, and those that its
    event type would keep out of the log. An event is kept by
    the id it is sent with and the backfill's behind it, so it never meets one that it replaces.
    """
    backfill = found_backfill(wiring, organization_id, backfill_id)
    reading = read_events(body, form_of(content_type))
    rules = rules_for(wiring, organization_id)
    answers = list(reading.rejected)
    events: list[SentEvent] = []
    indexes: list[int] = []
    for index, event in zip(reading.indexes, reading.events, strict=True):
        try:
            check_belongs(event, backfill)
            refuse_violation(rules.violation_of(event))
            events.append(within(event, backfill_id))
            indexes.append(index)
        except Refusal as refusal:
            answers.append(_rejected(index, event.id, refusal))
    if events:
        stage = wiring.corrections.stage(organization_id, backfill, events, wiring.now())
        answers += [
            Answer(indexes[number], reading_id(events[number], backfill_id), verdict)
            if verdict is Verdict.DUPLICATE
            else _conflict(indexes[number], reading_id(events[number], backfill_id))
            for number, verdict in stage.items()
        ]
    answers.sort(key=lambda answer: answer.index)
    counts = dict.fromkeys(Verdict, 0)
    for answer in answers:
        counts[answer.verdict] += 1
    counts[Verdict.ACCEPTED] = len(reading.events) + len(reading.rejected) - len(answers)
    staged = wiring.corrections.staged(organization_id, backfill_id)
    return Receipt(counts, staged.count, answers)


def reading_id(event: SentEvent, backfill_id: str) -> str:
    """The id as it was sent."""
    return event.id.removesuffix(f"@{backfill_id}")


def preview_backfill(wiring: Wiring, organization_id: str, backfill_id: str) -> CorrectionPreview:
    """The events that would be replaced, how many by, and quantities over the backfill's time.

    `Conflicting` if what is staged breaks a schema that has become strict since.
    """
    backfill = found_backfill(wiring, organization_id, backfill_id)
    _warned(wiring, organization_id, backfill)
    return preview(
        wiring, organization_id, backfill.wanted, span=backfill.span, backfill_id=backfill_id
    )


def commit_backfill(
    wiring: Wiring, organization_id: str, backfill_id: str, *, token: str, reason: str, by: str
) -> Correction:
    """Replace what was shown by what was staged then; the same request again answers the same.

    `Conflicting` if what is staged is another set by now or breaks a schema that has become strict
    since, or an event shown does not count any more. What is only warned of is counted. Events of
    the time that came after the preview stay.
    """
    why = checked_reason(reason)
    committed = wiring.corrections.by_id(organization_id, backfill_id)
    if committed is not None:
        wiring.corrections.drop_backfill(organization_id, backfill_id)  # if that was cut short
        return committed
    backfill = found_backfill(wiring, organization_id, backfill_id)
    shown = read_token(token)
    staged = wiring.corrections.staged(organization_id, backfill_id)
    if token != token_of(shown, staged):
        raise stage_changed()
    if not shown.count and not staged.count:
        raise Invalid(
            "no_events",
            "There is nothing to replace, and nothing is staged.",
            field="token",
            mend="Stage the events that should have been there.",
        )
    warned = _warned(wiring, organization_id, backfill)
    drafted = Correction(
        id=backfill_id,
        kind=CorrectionKind.BACKFILL,
        position=0,
        made_at=wiring.now(),
        made_by=by,
        reason=why,
        types=(backfill.type,),
        wanted=backfill.wanted,
    )
    recorded = wiring.corrections.record_backfill(organization_id, drafted, backfill, shown, staged)
    count_violations(wiring, organization_id, warned)
    return recorded


def _warned(wiring: Wiring, organization_id: str, backfill: Backfill) -> list[SentEvent]:
    """The staged events that break the schema of their type, which only warns.

    `Conflicting` if it is strict: it was changed since they were staged. Where the type has no
    schema that is looked at, they are not read.
    """
    rules = rules_for(wiring, organization_id)
    if backfill.type not in rules.checks:
        return []
    warned: list[SentEvent] = []
    for event in wiring.corrections.staged_events(organization_id, backfill.id):
        violation = rules.violation_of(event)
        if violation is None:
            continue
        if violation.is_refused:
            raise _breaks_schema(reading_id(event, backfill.id), violation.reason)
        warned.append(event)
    return warned


def drop_backfill(wiring: Wiring, organization_id: str, backfill_id: str) -> None:
    """Forget an open backfill, and what is staged for it."""
    found_backfill(wiring, organization_id, backfill_id)
    wiring.corrections.drop_backfill(organization_id, backfill_id)


def _breaks_schema(event_id: str, reason: Reason) -> Conflicting:
    return Conflicting(
        "staged_breaks_schema",
        f"The staged event {event_id[:60]!r} breaks its type's schema as it is by now: "
        f"{reason.reason}",
        field=reason.field,
        mend=f"{reason.mend} Drop the backfill and stage it mended, or change the type.",
    )


def _rejected(index: int, event_id: str, refusal: Refusal) -> Answer:
    return Answer(index, event_id, Verdict.REJECTED, refusal.field, refusal.message, refusal.mend)


def _conflict(index: int, event_id: str) -> Answer:
    return Answer(
        index,
        event_id,
        Verdict.CONFLICT,
        field="id",
        reason="An event of this source and id is staged with another content.",
        mend="Give another event another id, or drop the backfill and stage it anew.",
    )
