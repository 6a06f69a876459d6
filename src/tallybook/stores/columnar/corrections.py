"""Corrections written to the log, and read from it. What they mean is said in `standing.py`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from tallybook.domain.events.correction import (
    MOST_VOIDED,
    Backfill,
    Correction,
    CorrectionKind,
    out_of_force,
    stage_changed,
)
from tallybook.domain.events.event import EventQuery, SentEvent, StoredEvent, Verdict
from tallybook.domain.kernel.errors import Conflicting, TooLarge
from tallybook.domain.metering.meter import Meter, Usage, UsageQuery
from tallybook.services.correction_ports import EventSet, Replacement, Shown, Staged
from tallybook.services.ports import Appended
from tallybook.stores.columnar.block import Appending, identity_of
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.parameters import Parameters, from_microseconds
from tallybook.stores.columnar.stage import Stage
from tallybook.stores.columnar.standing import CorrectionIndex, header_of, marks_of
from tallybook.stores.columnar.stored import STORED, stored_event
from tallybook.stores.columnar.usage import ColumnarUsage
from tallybook.stores.columnar.wanted import placed, told_apart

_CUSTOMERS_SHOWN = 100
_MONTHS_SHOWN = 240


@dataclass(frozen=True, slots=True)
class _Voided:
    """An event that is to be voided, as its mark tells it."""

    position: int
    type: str
    customer: str
    occurred_at: datetime
    content: int
    replaced_by: str = ""

    def mark(self, correction_id: str) -> SentEvent:
        kept = {"replaced_by": self.replaced_by} if self.replaced_by else {}
        position = str(self.position)
        return SentEvent(
            self.type, self.customer, correction_id, position, "", self.occurred_at, kept
        )


class ColumnarCorrections:
    """The `CorrectionStore` port. Of one event store, one at a time, like its event log."""

    def __init__(
        self,
        columnar: Columnar,
        log: ColumnarEventLog,
        index: CorrectionIndex,
        usage: ColumnarUsage,
    ) -> None:
        self._columnar = columnar
        self._log = log
        self._index = index
        self._usage = usage
        self._stage = Stage(columnar)
        self._lock = threading.Lock()

    # What would be corrected.

    def find_set(self, organization_id: str, wanted: EventQuery, *, as_of: int) -> EventSet:
        """The events wanted that count as of a position."""
        bind = Parameters()
        where = self._standing_where(organization_id, wanted, as_of, bind)
        [(count, checksum, first, last, types, customers)] = self._rows(
            "SELECT count(), sumWithOverflow(content), toUnixTimestamp64Micro(min(occurred_at)), "
            "toUnixTimestamp64Micro(max(occurred_at)), arraySort(groupUniqArray(100)(type)), "
            f"uniqExact(customer) FROM events WHERE {where}",
            bind,
        )
        by_customer = self._rows(
            f"SELECT customer, count() AS events FROM events WHERE {where} GROUP BY customer "
            f"ORDER BY events DESC, customer LIMIT {_CUSTOMERS_SHOWN}",
            bind,
        )
        by_month = self._rows(
            "SELECT formatDateTime(occurred_at, '%Y-%m') AS month, count() FROM events "
            f"WHERE {where} GROUP BY month ORDER BY month LIMIT {_MONTHS_SHOWN}",
            bind,
        )
        return EventSet(
            as_of,
            count,
            checksum,
            from_microseconds(first) if count else None,
            from_microseconds(last) if count else None,
            tuple(types),
            customers,
            dict(map(tuple, by_customer)),
            dict(map(tuple, by_month)),
        )

    def measure_without(
        self,
        organization_id: str,
        meter: Meter,
        query: UsageQuery,
        wanted: EventQuery,
        *,
        backfill_id: str = "",
    ) -> list[Usage]:
        """Usage as it would be without the events wanted, and with what a backfill has staged."""
        staged = self._stage.staged(organization_id, backfill_id).count if backfill_id else 0
        return self._usage.measure_supposed(
            organization_id, meter, query, wanted, backfill_id=backfill_id, staged=staged
        )

    # Facts.

    def record_void(
        self, organization_id: str, drafted: Correction, wanted: EventQuery, shown: Shown
    ) -> Correction:
        """Void the events wanted that counted as of what was shown, and no other ones."""
        with self._lock:
            if (known := self._index.by_id(organization_id, drafted.id)) is not None:
                return known
            voided = self._shown(organization_id, wanted, shown)
            return self._record(organization_id, drafted, voided)

    def record_amendment(
        self, organization_id: str, drafted: Correction, replacements: Sequence[Replacement]
    ) -> Correction:
        """Void events and add others in their places."""
        ids = {each.position: each.event.id for each in replacements}
        added = Appending(
            organization_id,
            [each.event for each in replacements],
            [each.text for each in replacements],
            drafted.made_at,
        )
        with self._lock:
            bind = Parameters()
            positions = bind.wholes(list(ids))
            among = f"position IN (SELECT arrayJoin({positions}))"
            voided = self._voided(organization_id, EventQuery(), bind, among)
            if len(voided) != len(ids):
                raise _changed()
            named = [replace(each, replaced_by=ids[each.position]) for each in voided]
            return self._record(organization_id, drafted, named, added)

    def record_backfill(
        self,
        organization_id: str,
        drafted: Correction,
        backfill: Backfill,
        shown: Shown,
        staged: Staged,
    ) -> Correction:
        """Void the events shown that a backfill replaces, and add those staged then."""
        with self._lock:
            if (known := self._index.by_id(organization_id, drafted.id)) is None:
                voided = self._shown(organization_id, backfill.wanted, shown)
                added = self._stage.appending(organization_id, backfill.id, drafted.made_at)
                if Staged(len(added), int(added.contents.sum())) != staged:
                    raise stage_changed()
                known = self._record(organization_id, drafted, voided, added)
        self._stage.drop(organization_id, backfill.id)
        return known

    def record_revert(self, organization_id: str, drafted: Correction) -> Correction:
        """Put the correction that is reverted out of force."""
        with self._lock:
            if (known := self._index.by_id(organization_id, drafted.id)) is not None:
                return known
            self._check_revert(organization_id, drafted)
            return self._record(organization_id, drafted, [])

    def _record(
        self,
        organization_id: str,
        drafted: Correction,
        voided: Sequence[_Voided],
        added: Appending | None = None,
    ) -> Correction:
        """One block: what is added, a mark for each event voided, and what the correction is."""
        types = {each.type for each in voided} | set(drafted.types)
        if added is not None:
            types |= {event.type for event in added.events}
        correction = msgspec.structs.replace(
            drafted,
            voided=len(voided),
            added=len(added) if added is not None else 0,
            types=tuple(sorted(types)),
        )
        header = SentEvent("", "", "", correction.id, "", correction.made_at, header_of(correction))
        marks = [*(each.mark(correction.id) for each in voided), header]
        own = Appending(
            marks_of(organization_id),
            marks,
            [mark.canonical() for mark in marks],
            correction.made_at,
        )
        parts = [added, own] if added is not None and len(added) else [own]
        answers = self._log.append_whole(parts)
        recorded = self._index.by_id(organization_id, correction.id)
        if recorded is None:  # else it is there, by this request or by one that got no answer
            assert added is not None, "only what is added can be known already"
            raise _known_identity(added, answers[0])
        return recorded

    def _shown(self, organization_id: str, wanted: EventQuery, shown: Shown) -> list[_Voided]:
        """The events that were shown, if all of them still count."""
        if shown.count > MOST_VOIDED:
            raise TooLarge(
                "too_many_events",
                f"One correction voids at most {MOST_VOIDED:,} events; these are {shown.count:,}.",
                mend="Make several, each of a shorter time or of fewer customers.",
            )
        bind = Parameters()
        reached = f"position <= {bind.position(shown.as_of)}"
        voided = self._voided(organization_id, wanted, bind, reached)
        checksum = sum(each.content for each in voided) % 2**64
        if (len(voided), checksum) != (shown.count, shown.checksum):
            raise _changed()
        return voided

    def _voided(
        self, organization_id: str, wanted: EventQuery, bind: Parameters, further: str
    ) -> list[_Voided]:
        """Events that count now, by position."""
        where = self._standing_where(organization_id, wanted, self._log.position(), bind)
        rows = self._rows(
            "SELECT position, type, customer, toUnixTimestamp64Micro(occurred_at), content "
            f"FROM events WHERE {where} AND {further} ORDER BY position LIMIT {MOST_VOIDED + 1}",
            bind,
        )
        return [
            _Voided(position, type_, customer, from_microseconds(occurred_us), content)
            for position, type_, customer, occurred_us, content in rows
        ]

    def _check_revert(self, organization_id: str, drafted: Correction) -> None:
        """`Conflicting` unless what the revert takes out of the count is all in it now."""
        known = self._index.chain(organization_id, drafted.reverts)
        base = known[0]
        bind = Parameters()
        if base.id in out_of_force([*known, msgspec.structs.replace(drafted, position=2**63)]):
            first, last = base.added_positions
            which = f"position BETWEEN {bind.position(first)} AND {bind.position(last)}"
            expected = base.added
        else:
            which = f"position IN ({self._marked(organization_id, base, bind)})"
            expected = base.voided
        if not expected:
            return
        position = self._log.position()
        where = self._standing_where(organization_id, EventQuery(), position, bind)
        [(count,)] = self._rows(f"SELECT count() FROM events WHERE {where} AND {which}", bind)
        if count != expected:
            raise Conflicting(
                "corrected_since",
                f"{expected - count:,} of the events that this would take out of the count are "
                "out of it by another correction.",
                field="correction_id",
                mend="Revert that one first: GET /v1/corrections lists the last ones first.",
            )

    # What was corrected.

    def by_id(self, organization_id: str, correction_id: str) -> Correction | None:
        """The correction of that id."""
        return self._index.by_id(organization_id, correction_id)

    def reverted_by(self, organization_id: str, correction_id: str) -> str:
        """The correction that reverts this one, whether in force or not; "" if none does."""
        return self._index.reverted_by(organization_id, correction_id)

    def out_of_force(self, organization_id: str) -> frozenset[str]:
        """The ids of the corrections that are not in force now."""
        return self._index.out_of_force(organization_id)

    def page(self, organization_id: str, *, before: int, limit: int) -> list[Correction]:
        """The last corrections first, those at positions before `before`."""
        return self._index.page(organization_id, before=before, limit=limit)

    def events_of(
        self, organization_id: str, correction: Correction, *, after: int, limit: int
    ) -> list[StoredEvent]:
        """The events that it voids and adds, by position, those after position `after`."""
        bind = Parameters()
        first, last = map(bind.position, correction.added_positions)
        rows = self._rows(
            f"SELECT {STORED} FROM events WHERE organization_id = {bind.text(organization_id)} "
            f"AND has({bind.texts(list(correction.types))}, type) "
            f"AND position > {bind.position(after)} AND (position BETWEEN {first} AND {last} "
            f"OR position IN ({self._marked(organization_id, correction, bind)})) "
            f"ORDER BY position LIMIT {bind.whole(limit)}",
            bind,
        )
        return self.annotated(organization_id, [stored_event(row) for row in rows])

    def found(
        self, organization_id: str, identities: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], StoredEvent]:
        """Events by source and id."""
        self._log.position()
        bind = Parameters()
        bind.values["identities"] = [identity_of(organization_id, *each) for each in identities]
        rows = self._rows(
            f"SELECT {STORED} FROM events WHERE organization_id = {bind.text(organization_id)} "
            "AND identity IN (SELECT arrayJoin({identities:Array(UInt64)}))",
            bind,
        )
        events = self.annotated(organization_id, [stored_event(row) for row in rows])
        return {(event.source, event.id): event for event in events}

    def annotated(self, organization_id: str, events: Sequence[StoredEvent]) -> list[StoredEvent]:
        """The events, each with what corrections have made of it by now."""
        if not events or not self._index.page(organization_id, before=2**63, limit=1):
            return list(events)
        out = self._index.out_of_force(organization_id)
        marks = {
            position: (correction_id, replaced_by)
            for position, correction_id, replaced_by in self._marks(organization_id, events)
            if correction_id not in out
        }
        added = {
            each.position: self._index.adding(organization_id, each.position) for each in events
        }
        replaced = self._replaced(organization_id, events, added)
        annotated = []
        for event in events:
            voided_by, replaced_by = marks.get(event.position, ("", ""))
            adding = added[event.position]
            if adding is not None and adding.id in out:
                voided_by = self._index.reverted_by(organization_id, adding.id)
            annotated.append(
                msgspec.structs.replace(
                    event,
                    voided_by=voided_by,
                    replaced_by=replaced_by,
                    added_by=adding.id if adding else "",
                    replaces=replaced.get(event.id, "") if adding else "",
                )
            )
        return annotated

    def _marks(
        self, organization_id: str, events: Sequence[StoredEvent]
    ) -> Sequence[Sequence[Any]]:
        """Position, correction and replacement of the marks of events."""
        bind = Parameters()
        first = bind.instant(min(event.occurred_at for event in events))
        last = bind.instant(max(event.occurred_at for event in events))
        return self._rows(
            "SELECT toUInt64(id), source, properties['replaced_by'] FROM events "
            f"WHERE organization_id = {bind.text(marks_of(organization_id))} "
            f"AND has({bind.texts(sorted({event.type for event in events}))}, type) "
            f"AND occurred_at >= {first} AND occurred_at <= {last} "
            f"AND has({bind.texts([str(event.position) for event in events])}, id)",
            bind,
        )

    def _replaced(
        self,
        organization_id: str,
        events: Sequence[StoredEvent],
        added: Mapping[int, Correction | None],
    ) -> dict[str, str]:
        """By the id of an event that an amendment added: the id of the one it replaces."""
        by = {
            each.id: each
            for each in added.values()
            if each is not None and each.kind is CorrectionKind.AMENDMENT
        }
        if not by:
            return {}
        bind = Parameters()
        types = sorted({type_ for each in by.values() for type_ in each.types})
        marks = self._rows(
            "SELECT toUInt64(id), properties['replaced_by'] FROM events "
            f"WHERE organization_id = {bind.text(marks_of(organization_id))} "
            f"AND has({bind.texts(types)}, type) AND has({bind.texts(sorted(by))}, source) "
            f"AND has({bind.texts([event.id for event in events])}, properties['replaced_by'])",
            bind,
        )
        replacements: dict[int, str] = dict(map(tuple, marks))
        bind = Parameters()
        originals = self._rows(
            f"SELECT position, id FROM events "
            f"WHERE organization_id = {bind.text(organization_id)} "
            f"AND has({bind.wholes(list(replacements))}, position)",
            bind,
        )
        return {replacements[position]: id_ for position, id_ in originals}

    # The stage of backfills.

    def open_backfill(self, organization_id: str, backfill: Backfill) -> None:
        """Keep what a backfill is about."""
        self._stage.open(organization_id, backfill)

    def backfill(self, organization_id: str, backfill_id: str) -> Backfill | None:
        """The backfill of that id, if it is open."""
        return self._stage.find(organization_id, backfill_id)

    def backfills(self, organization_id: str) -> list[Backfill]:
        """Those that are open."""
        return self._stage.opened(organization_id)

    def stage(
        self,
        organization_id: str,
        backfill: Backfill,
        events: Sequence[SentEvent],
        received_at: datetime,
    ) -> Mapping[int, Verdict]:
        """Stage events; by number the verdict on those that were not: duplicate or conflict."""
        return self._stage.add(organization_id, backfill, events, received_at)

    def staged(self, organization_id: str, backfill_id: str) -> Staged:
        """How many events are staged, and their checksum."""
        return self._stage.staged(organization_id, backfill_id)

    def staged_events(self, organization_id: str, backfill_id: str) -> Iterator[SentEvent]:
        """The events that are staged, a portion at a time."""
        return self._stage.events(organization_id, backfill_id)

    def drop_backfill(self, organization_id: str, backfill_id: str) -> None:
        """Forget a backfill and what is staged for it."""
        self._stage.drop(organization_id, backfill_id)

    def _standing_where(
        self, organization_id: str, wanted: EventQuery, as_of: int, bind: Parameters
    ) -> str:
        """Wanted, there as of a position, and standing then."""
        shared = [*placed(wanted, bind), f"position <= {bind.position(as_of)}"]
        where = [f"organization_id = {bind.text(organization_id)}", *shared]
        standing = self._index.standing(organization_id, wanted.type, as_of)
        if standing is not None:
            where += standing.conditions(organization_id, shared, bind)
        return " AND ".join(where + told_apart(organization_id, wanted, bind))

    def _marked(self, organization_id: str, correction: Correction, bind: Parameters) -> str:
        """The positions of the events that a correction voids, as a SELECT."""
        return (
            "SELECT toUInt64(id) FROM events "
            f"WHERE organization_id = {bind.text(marks_of(organization_id))} "
            f"AND has({bind.texts(list(correction.types))}, type) "
            f"AND source = {bind.text(correction.id)}"
        )

    def _rows(self, statement: str, bind: Parameters) -> Sequence[Sequence[Any]]:
        with self._columnar.client() as client:
            rows: Sequence[Sequence[Any]] = client.query(
                statement, parameters=bind.values
            ).result_rows
            return rows


def _changed() -> Conflicting:
    return Conflicting(
        "events_changed",
        "These are not the events that were shown, or some of them do not count any more.",
        field="token",
        mend="Ask again what would be corrected, and send the token of that answer.",
    )


def _known_identity(added: Appending, answer: Appended) -> Conflicting:
    number = min(answer.exceptions)
    event = added.events[number]
    return Conflicting(
        "identity_known",
        f"The log has an event {event.id[:60]!r} of the source {event.source[:60]!r} already.",
        field="id",
        mend="Give what is added an id that no event has had.",
    )
