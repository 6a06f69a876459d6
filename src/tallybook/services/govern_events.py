"""Apply an organization's rules to events on their way in: what breaks them is held, not lost.

Events that are in order go into the log as ever. The others are written down before the request is
answered, each once by its identity; see decision 12.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, datetime

from tallybook.domain.events.event import SentEvent, Verdict
from tallybook.domain.events.quality import Happening
from tallybook.domain.events.quarantined import Held, State
from tallybook.domain.events.rules import Reason, Rules
from tallybook.domain.events.sameness import difference
from tallybook.services.ports import Appended, NotTaken, Wiring

_COUNTED = {
    Verdict.DUPLICATE: Happening.DUPLICATE,
    Verdict.CONFLICT: Happening.CONFLICT,
    Verdict.REJECTED: Happening.REJECTED,
}


def append_governed(
    wiring: Wiring, organization_id: str, events: Sequence[SentEvent], texts: Sequence[bytes]
) -> Future[Appended]:
    """Let events wait for the next block of the log, and those that break a rule for quarantine.

    Does not wait itself. Where there are no rules it is the log's `append` and nothing more.
    """
    now = wiring.now()
    rules = wiring.event_rules.of(organization_id)
    if rules is None:
        return wiring.event_log.append(organization_id, events, texts, received_at=now)
    judgement = rules.judge(events, arrived_at=now)
    if not judgement.held:
        pending = wiring.event_log.append(organization_id, events, texts, received_at=now)
    else:
        broken = _Broken(rules, judgement.held, now)
        pending = _parted(wiring, organization_id, events, texts, broken)
    if judgement.warned:
        warned = [(number, events[number]) for number in judgement.warned]
        pending.add_done_callback(
            lambda done: _count_warned(wiring, organization_id, warned, now.date(), done)
        )
    return pending


@dataclass(frozen=True, slots=True)
class _Broken:
    """Which events of a request break which rules."""

    rules: Rules
    held: frozenset[int]
    arrived_at: datetime

    def reason(self, event: SentEvent) -> Reason:
        """Why an event of them is held."""
        reason = self.rules.reason_for(event, arrived_at=self.arrived_at)
        assert reason is not None, "what is held breaks a rule"
        return reason


def _parted(
    wiring: Wiring,
    organization_id: str,
    events: Sequence[SentEvent],
    texts: Sequence[bytes],
    broken: _Broken,
) -> Future[Appended]:
    """Those held into quarantine, the others into the log, and one promise about all."""
    held, now = broken.held, broken.arrived_at
    passed = [number for number in range(len(events)) if number not in held]
    into_log: Future[Appended] = Future()
    if passed:
        into_log = wiring.event_log.append(
            organization_id,
            [events[number] for number in passed],
            [texts[number] for number in passed],
            received_at=now,
        )
    else:
        into_log.set_result(Appended(wiring.event_log.acknowledged(), {}))

    def hold() -> Appended:
        waiting = {
            number: Held(
                sent=events[number],
                event=events[number],
                reason=broken.reason(events[number]),
                held_at=now,
            )
            for number in sorted(held)
        }
        not_taken = hold_events(wiring, organization_id, waiting)
        appended = into_log.result()
        exceptions = {passed[number]: why for number, why in appended.exceptions.items()}
        return Appended(appended.position, exceptions | not_taken)

    return wiring.workers.start(sum(len(texts[number]) for number in held), hold)


def hold_events(
    wiring: Wiring, organization_id: str, held: Mapping[int, Held]
) -> dict[int, NotTaken]:
    """Keep events that break a rule, and tell what to answer on each.

    One that is in the log already, from before there was the rule, is the duplicate or conflict
    that it would be without. One that was held before is not kept twice. Where no more may wait,
    one that is new is rejected.
    """
    numbers = list(held)
    stored = wiring.traffic.stored(organization_id, [held[number].sent for number in numbers])
    in_log = {numbers[place]: kept for place, kept in stored.items()}
    with wiring.books.begin(organization_id) as records:
        most = records.event_types.settings().max_held
        room = records.quarantine.room(most)
        before = records.quarantine.by_identities({each.identity for each in held.values()})
        new: dict[tuple[str, str], Held] = {}  # the first of a request, where it has two of one
        for number, each in held.items():
            if number not in in_log and each.identity not in before:
                new.setdefault(each.identity, each)
        kept = dict(itertools.islice(new.items(), room))
        records.quarantine.add(list(kept.values()))
    answers: dict[int, NotTaken] = {}
    for number, each in held.items():
        known = kept.get(each.identity) or before.get(each.identity)
        if known is each:
            answers[number] = _waits(each.reason)
        elif number in in_log and (known is None or known.state is State.WAITING):
            answers[number] = _known(difference(in_log[number], each.sent.kept()))
        elif known is not None:
            answers[number] = _met_again(known, each)
        else:
            answers[number] = _full(each.reason, most)
    return answers


def count_exceptions(
    wiring: Wiring,
    organization_id: str,
    events: Sequence[SentEvent],
    exceptions: Mapping[int, NotTaken],
    rejected: int,
) -> None:
    """Count, for the report on quality, what leaves no event behind."""
    happened = [
        (events[number].type, events[number].source, kind)
        for number, why in exceptions.items()
        if (kind := _COUNTED.get(why.verdict)) is not None
    ]
    happened += [("", "", Happening.REJECTED)] * rejected
    wiring.event_counts.add(organization_id, wiring.now().date(), happened)


def _count_warned(
    wiring: Wiring,
    organization_id: str,
    warned: Sequence[tuple[int, SentEvent]],
    day: date,
    done: Future[Appended],
) -> None:
    """Count the violations of those that were taken; one that fails is sent again and counts then.

    Runs in the thread that writes the log, after its answer.
    """
    if done.exception() is not None:
        return
    exceptions = done.result().exceptions
    wiring.event_counts.add(
        organization_id,
        day,
        [
            (event.type, event.source, Happening.VIOLATION)
            for number, event in warned
            if number not in exceptions
        ],
    )


def _waits(reason: Reason) -> NotTaken:
    return NotTaken(Verdict.QUARANTINED, reason.field, reason.reason, reason.mend)


def _full(reason: Reason, most: int) -> NotTaken:
    return NotTaken(
        Verdict.REJECTED,
        reason.field,
        f"Quarantine is full, {most:,} events wait in it; and {reason.reason}",
        f"{reason.mend} Or mend, replay or discard what waits, or raise `max_held` in the event "
        "settings; then send it again.",
        code="quarantine_full",
    )


def _known(differs: str) -> NotTaken:
    return NotTaken(Verdict.CONFLICT if differs else Verdict.DUPLICATE, differs)


def _met_again(before: Held, again: Held) -> NotTaken:
    """What to answer on an event whose identity was held before."""
    differs = difference(before.sent.kept(), again.sent.kept())
    if differs:
        return _known(differs)
    match before.state:
        case State.WAITING:
            return _waits(before.reason)
        case State.REPLAYED:
            return _known("")
        case State.DISCARDED:
            return NotTaken(
                Verdict.REJECTED,
                before.reason.field,
                f"It was discarded from quarantine. {before.reason.reason}",
                before.reason.mend,
            )
