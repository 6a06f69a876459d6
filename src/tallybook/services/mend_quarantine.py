"""What is done with events that wait: looked at, mended, replayed, discarded.

Each of these goes through the events in stretches, a transaction each. One that is cut short leaves
the stretches before it done and the others waiting; asked again it goes on with those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tallybook.domain.events.event import SentEvent, Verdict
from tallybook.domain.events.mending import Step, checked_steps, mended
from tallybook.domain.events.quarantined import (
    Act,
    ActKind,
    Held,
    HeldCount,
    HeldQuery,
    State,
    checked_author,
)
from tallybook.domain.events.rules import NO_RULES, Cause, Reason
from tallybook.domain.kernel.errors import Refusal
from tallybook.services.ports import Appended, NotTaken, Records, Wiring

STRETCH = 1000
MAX_AT_ONCE = 10_000
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of the events that wait an act is for: `limit` of them after number `after`."""

    wanted: HeldQuery
    after: int = 0
    limit: int = MAX_AT_ONCE


class Mended(msgspec.Struct, frozen=True, kw_only=True):
    """An event before and after a mapping, and why it still does not pass, if it does not."""

    held: Held
    after: SentEvent
    reason: Reason | None


class Outcome(msgspec.Struct, kw_only=True):
    """What an act came to. `counts` are of events, by what became of them.

    Mending: `passes`, `still_held`, `not_mendable`. Replaying: `accepted`, `duplicate` (it was in
    the log already), `still_held`, `conflict`. Discarding: `discarded`, `duplicate`.

    `next` is the number to go on after, None if all were looked at. `shown` are some of a dry run.
    """

    act: Act | None
    counts: dict[str, int] = {}
    next: int | None = None
    shown: list[Mended] = []

    def add(self, what: str, number: int = 1) -> None:
        """Count events."""
        self.counts[what] = self.counts.get(what, 0) + number


def list_held(
    wiring: Wiring, organization_id: str, wanted: HeldQuery, *, before: int | None, limit: int
) -> tuple[list[Held], dict[str, Act]]:
    """Held events, the last held first, and the acts that they name, by id."""
    with wiring.books.begin(organization_id) as records:
        held = records.quarantine.page(wanted, before=before, limit=limit)
        return held, dict(records.quarantine.acts({each.act_id for each in held if each.act_id}))


def count_held(wiring: Wiring, organization_id: str, wanted: HeldQuery) -> list[HeldCount]:
    """How many events are held, by type, cause and state."""
    with wiring.books.begin(organization_id) as records:
        return records.quarantine.counts(wanted)


def mend_held(
    wiring: Wiring,
    organization_id: str,
    chosen: Chosen,
    steps: Sequence[Step],
    *,
    by: str,
    why: str = "",
    is_dry: bool = False,
) -> Outcome:
    """Apply a mapping to events that wait; a dry run shows what that would come to.

    Those that pass now wait to be replayed. One that a step refuses stays as it is.
    """
    checked_steps(steps)
    by, why = ("", "") if is_dry else checked_author(by, why, needs_why=False)
    told: list[dict[str, Any]] = [msgspec.to_builtins(step) for step in steps]
    act = _act(wiring, ActKind.MEND, by, why, steps=told)
    outcome = Outcome(act=None if is_dry else act)
    rules = wiring.event_rules.of(organization_id) or NO_RULES

    def mend(records: Records, stretch: list[Held]) -> None:
        changed = []
        for held in stretch:
            try:
                event = mended(held.event, steps)
            except Refusal as refusal:
                outcome.add("not_mendable")
                _show(outcome, held, held.event, _reason_of(refusal, held.reason))
                continue
            reason = rules.reason_for(event, arrived_at=held.held_at)
            outcome.add("still_held" if reason else "passes")
            _show(outcome, held, event, reason)
            kept = reason or _passes(held.reason)
            changed.append(msgspec.structs.replace(held, event=event, reason=kept, act_id=act.id))
        if not is_dry:
            records.quarantine.replace_many(changed)
            _record(records, outcome, len(changed))

    outcome.next = _through(wiring, organization_id, chosen, mend, locked=not is_dry)
    return outcome


def discard_held(
    wiring: Wiring,
    organization_id: str,
    chosen: Chosen,
    *,
    by: str,
    why: str,
) -> Outcome:
    """Decide that events that wait never count. They stay on record, with who and why.

    One that counts already, after a replay that was cut short or because its sender sent it again
    when the rule was gone, is settled as replayed instead: out of the count it comes by a void.
    """
    by, why = checked_author(by, why, needs_why=True)
    act = _act(wiring, ActKind.DISCARD, by, why)
    outcome = Outcome(act=act)

    def discard(records: Records, stretch: list[Held]) -> None:
        in_log = _in_log(wiring, organization_id, stretch)
        settled = [
            _settled(held, State.REPLAYED if held.identity in in_log else State.DISCARDED, act)
            for held in stretch
        ]
        records.quarantine.replace_many(settled)
        discarded = sum(each.state is State.DISCARDED for each in settled)
        _record(records, outcome, discarded)
        outcome.add("discarded", discarded)
        outcome.add("duplicate", len(settled) - discarded)

    outcome.next = _through(wiring, organization_id, chosen, discard, locked=True)
    return outcome


def replay_held(
    wiring: Wiring,
    organization_id: str,
    chosen: Chosen,
    *,
    by: str,
    why: str = "",
    is_forced: bool = False,
) -> Outcome:
    """Put events that pass by now into the log, each once however often this is done.

    They go the way of every event, under their own identity. Cut short between log and record, an
    event is in the log and still waits: replayed again it is a duplicate there, and settled. Forced
    they pass whatever the rules say, and it takes a reason.
    """
    by, why = checked_author(by, why, needs_why=is_forced)
    act = _act(wiring, ActKind.REPLAY, by, why, is_forced=is_forced)
    outcome = Outcome(act=act)
    found = wiring.event_rules.of(organization_id)
    rules = NO_RULES if is_forced or found is None else found

    def replay(records: Records, stretch: list[Held]) -> None:
        passing: list[Held] = []
        changed: list[Held] = []
        for held in stretch:
            reason = rules.reason_for(held.event, arrived_at=held.held_at)
            if reason is None:
                passing.append(held)
            else:
                changed.append(msgspec.structs.replace(held, reason=reason))
        outcome.add("still_held", len(changed))
        if passing:
            appended = _append(wiring, organization_id, passing)
            for number, held in enumerate(passing):
                why_not = appended.exceptions.get(number)
                changed.append(_replayed(held, why_not, act, appended.position, outcome))
        records.quarantine.replace_many(changed)
        _record(records, outcome, sum(each.state is State.REPLAYED for each in changed))

    outcome.next = _through(wiring, organization_id, chosen, replay, locked=True)
    return outcome


def _in_log(wiring: Wiring, organization_id: str, stretch: list[Held]) -> set[tuple[str, str]]:
    """The identities of those that the log has, as they were sent or as they are by now."""
    events = [event for held in stretch for event in (held.sent, held.event)]
    stored = wiring.traffic.stored(organization_id, events)
    return {(each.source, each.id) for each in stored.values()}


def _append(wiring: Wiring, organization_id: str, held: Sequence[Held]) -> Appended:
    events = [each.event for each in held]
    texts = [event.canonical() for event in events]
    return wiring.event_log.append(
        organization_id, events, texts, received_at=wiring.now()
    ).result()


def _replayed(
    held: Held, why_not: NotTaken | None, act: Act, position: int, outcome: Outcome
) -> Held:
    """What becomes of a held event by what the log said of it."""
    verdict = Verdict.ACCEPTED if why_not is None else why_not.verdict
    outcome.add(verdict.value)
    if why_not is None or verdict is Verdict.DUPLICATE:
        return _settled(held, State.REPLAYED, act, position)
    conflict = Reason(
        Cause.CONFLICT,
        why_not.field,
        "The log has an event of this source and id with another content.",
        "Discard this one if the other is right; else correct the other.",
    )
    return msgspec.structs.replace(held, reason=conflict)


def _settled(held: Held, state: State, act: Act, position: int | None = None) -> Held:
    return msgspec.structs.replace(
        held, state=state, settled_at=act.at, act_id=act.id, position=position
    )


def _act(wiring: Wiring, kind: ActKind, by: str, why: str, **rest: Any) -> Act:
    return Act(id=wiring.new_id("qac"), kind=kind, at=wiring.now(), by=by, why=why, **rest)


def _record(records: Records, outcome: Outcome, events: int) -> None:
    """Write down that the act was for so many more events; the outcome tells all of them."""
    act = outcome.act
    if act is not None and events:
        records.quarantine.add_act(msgspec.structs.replace(act, events=events))
        outcome.act = msgspec.structs.replace(act, events=act.events + events)


def _through(
    wiring: Wiring,
    organization_id: str,
    chosen: Chosen,
    work: Callable[[Records, list[Held]], None],
    *,
    locked: bool,
) -> int | None:
    """Do `work` on events that wait, stretch by stretch; where to go on, None at the end."""
    after, left = chosen.after, min(chosen.limit, MAX_AT_ONCE)
    while left:
        with wiring.books.begin(organization_id) as records:
            stretch = records.quarantine.waiting(
                chosen.wanted, after=after, limit=min(STRETCH, left), locked=locked
            )
            if not stretch:
                return None
            work(records, stretch)
        after = stretch[-1].number
        left -= len(stretch)
    return after


def _show(outcome: Outcome, held: Held, after: SentEvent, reason: Reason | None) -> None:
    if outcome.act is None and len(outcome.shown) < _SHOWN:
        outcome.shown.append(Mended(held=held, after=after, reason=reason))


def _passes(before: Reason) -> Reason:
    """What is said of an event that was mended: still found by what it was held for."""
    return Reason(before.cause, "", "It keeps the rules since it was mended.", "Replay it.")


def _reason_of(refusal: Refusal, before: Reason) -> Reason:
    return Reason(before.cause, refusal.field, refusal.message, refusal.mend)
