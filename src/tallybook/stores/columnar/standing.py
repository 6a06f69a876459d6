"""Which events stand as of a position: the one rule that every reader of events obeys.

A correction is rows of the table of events, under an organization of its own (`marks_of`), which no
question of a customer reaches: a mark for each event it voids, with that event's type, customer and
time and its position as the id, then one row that says what it is, at the correction's position.
With the events it adds they are one block, so it is there whole or not at all. See decision 13.

What corrections there are is kept in memory. So an organization, or a type of events, that no
correction has touched pays nothing.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tallybook.domain.events.correction import Correction, CorrectionKind, out_of_force
from tallybook.domain.events.event import EventQuery
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.parameters import Parameters, from_microseconds

_MARKS = "corrections/"
_AFTER_MARKS = "corrections0"  # the first text after all that begin so


def marks_of(organization_id: str) -> str:
    """The organization that an organization's corrections are rows of."""
    return _MARKS + organization_id


def corrected_by(marks: str) -> str:
    """The organization that `marks_of` made this one of; any other one is itself."""
    return marks.removeprefix(_MARKS)


@dataclass(frozen=True, slots=True)
class Standing:
    """What does not hold as of a position: corrections, and the positions they added."""

    out_of_force: tuple[str, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()

    def conditions(self, organization_id: str, where: Sequence[str], bind: Parameters) -> list[str]:
        """What a row of events must be to stand.

        `where` are conditions on the rows asked for that hold for the marks of these rows as well:
        on type, customer, time and position. They keep the marks few.
        """
        marks = [f"organization_id = {bind.text(marks_of(organization_id))}", "type != ''", *where]
        if self.out_of_force:
            marks.append(f"NOT has({bind.texts(list(self.out_of_force))}, source)")
        found = [f"position NOT IN (SELECT toUInt64(id) FROM events WHERE {' AND '.join(marks)})"]
        for first, last in self.ranges:
            outside = f"position < {bind.position(first)} OR position > {bind.position(last)}"
            found.append(f"({outside})")
        return found


@dataclass(slots=True)
class _Known:
    """The corrections of one organization, in order of position."""

    corrections: list[Correction] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    by_id: dict[str, Correction] = field(default_factory=dict)
    reverts: list[Correction] = field(default_factory=list)
    reverted_by: dict[str, str] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)
    """Types of events, each with the first position of a correction of such events."""

    def add(self, correction: Correction) -> None:
        self.corrections.append(correction)
        self.positions.append(correction.position)
        self.by_id[correction.id] = correction
        if correction.reverts:
            self.reverts.append(correction)
            self.reverted_by[correction.reverts] = correction.id
        for type_ in correction.types:
            self.touched.setdefault(type_, correction.first)

    def standing(self, as_of: int) -> Standing:
        reverts = [each for each in self.reverts if each.position <= as_of]
        out = [self.by_id[each] for each in sorted(out_of_force(reverts))]
        # One that `as_of` lies within is not there yet.
        later = bisect_right(self.positions, as_of)
        if later < len(self.corrections) and self.corrections[later].first <= as_of:
            out.append(self.corrections[later])
        return Standing(
            tuple(each.id for each in out if each.voided),
            tuple(each.added_positions for each in out if each.added),
        )


class CorrectionIndex:
    """The corrections in the event store, by organization. Safe for many threads."""

    def __init__(self, columnar: Columnar) -> None:
        self._columnar = columnar
        self._known: dict[str, _Known] = {}
        self._position = 0
        self._is_loaded = False
        self._lock = threading.Lock()

    def learn(self) -> None:
        """Read the corrections that have been written since."""
        with self._lock:
            for organization_id, correction in self._written_since():
                self._known.setdefault(organization_id, _Known()).add(correction)
                self._position = correction.position
            self._is_loaded = True

    def standing(self, organization_id: str, type_: str | None, as_of: int) -> Standing | None:
        """What stands of the events of a type, or of all; None where no correction touches any."""
        known = self._of(organization_id)
        if known is None:
            return None
        if type_ is not None:
            first = known.touched.get(type_)
            if first is None or as_of < first:
                return None
        return known.standing(as_of)

    def by_id(self, organization_id: str, correction_id: str) -> Correction | None:
        """The correction of that id."""
        known = self._of(organization_id)
        return known.by_id.get(correction_id) if known else None

    def page(self, organization_id: str, *, before: int, limit: int) -> list[Correction]:
        """The last corrections first, those at positions before `before`."""
        known = self._of(organization_id)
        if known is None:
            return []
        end = bisect_right(known.positions, before - 1)
        return known.corrections[max(0, end - limit) : end][::-1]

    def reverted_by(self, organization_id: str, correction_id: str) -> str:
        """The correction that reverts this one, in force or not; "" if there is none."""
        known = self._of(organization_id)
        return known.reverted_by.get(correction_id, "") if known else ""

    def out_of_force(self, organization_id: str) -> frozenset[str]:
        """The ids of the corrections that are not in force now."""
        known = self._of(organization_id)
        return out_of_force(known.reverts) if known else frozenset()

    def chain(self, organization_id: str, correction_id: str) -> list[Correction]:
        """The correction that this one reverts, directly or by others, first; then those; then it.

        Of one that reverts nothing, itself.
        """
        known = self._of(organization_id)
        assert known is not None, "a correction that is found is known"
        found = [known.by_id[correction_id]]
        while found[0].reverts:
            found.insert(0, known.by_id[found[0].reverts])
        return found

    def adding(self, organization_id: str, position: int) -> Correction | None:
        """The correction that added the event at this position."""
        known = self._of(organization_id)
        if known is None:
            return None
        number = bisect_right(known.positions, position)
        if number == len(known.positions):
            return None
        first, last = known.corrections[number].added_positions
        return known.corrections[number] if first <= position <= last else None

    def _of(self, organization_id: str) -> _Known | None:
        if not self._is_loaded:
            self.learn()
        return self._known.get(organization_id)

    def _written_since(self) -> list[tuple[str, Correction]]:
        bind = Parameters()
        with self._columnar.client() as client:
            rows = client.query(
                "SELECT organization_id, id, position, toUnixTimestamp64Micro(occurred_at), "
                "properties FROM events "
                f"WHERE organization_id >= {bind.text(_MARKS)} "
                f"AND organization_id < {bind.text(_AFTER_MARKS)} AND type = '' "
                f"AND position > {bind.position(self._position)} ORDER BY position",
                parameters=bind.values,
            ).result_rows
        return [(row[0].removeprefix(_MARKS), _correction(*row[1:])) for row in rows]


def header_of(correction: Correction) -> dict[str, Any]:
    """What the row that says what a correction is keeps of it, as properties."""
    kept: dict[str, Any] = {
        "kind": correction.kind.value,
        "made_by": correction.made_by,
        "reason": correction.reason,
        "voided": str(correction.voided),
        "added": str(correction.added),
        "types": msgspec.json.encode(correction.types).decode(),
    }
    if correction.reverts:
        kept["reverts"] = correction.reverts
    if correction.wanted is not None:
        kept["wanted"] = msgspec.json.encode(correction.wanted).decode()
    return kept


def _correction(id_: str, position: int, made_us: int, kept: dict[str, str]) -> Correction:
    wanted = kept.get("wanted")
    return Correction(
        id=id_,
        kind=CorrectionKind(kept["kind"]),
        position=position,
        made_at=from_microseconds(made_us),
        made_by=kept["made_by"],
        reason=kept["reason"],
        voided=int(kept["voided"]),
        added=int(kept["added"]),
        types=msgspec.json.decode(kept["types"], type=tuple[str, ...]),
        wanted=msgspec.json.decode(wanted, type=EventQuery) if wanted else None,
        reverts=kept.get("reverts", ""),
    )
