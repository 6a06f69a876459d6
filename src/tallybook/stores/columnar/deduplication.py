"""Which events of a block are new, which are duplicates, which contradict what is kept.

Nearly all events are new, and one look into the index says so. An identity that is known with the
same content is a duplicate. Any other meeting of hashes is looked into: the events themselves are
compared, so that neither two ways of writing one number nor two identities of one hash are taken
for what they are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tallybook.domain.events.event import UsageEvent, Verdict
from tallybook.domain.events.sameness import difference
from tallybook.services.ports import NotTaken
from tallybook.stores.columnar.block import Block
from tallybook.stores.columnar.identity_index import Hashes

Kept = tuple[str, UsageEvent]
"""An organization's event in the log."""

Finder = Callable[[Hashes], tuple[npt.NDArray[np.bool_], Hashes]]
"""Tells which identities (in ascending order) are known, and the content each came with."""

Loader = Callable[[Sequence[int]], Mapping[int, Sequence[Kept]]]
"""Finds the events in the log by the hash of their identity."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Which events are taken, and by number in the block the verdict on each other."""

    accepted: npt.NDArray[np.bool_]
    exceptions: dict[int, NotTaken] = field(default_factory=dict)

    def as_a_whole(self) -> Decided:
        """All events, or none where there is an exception."""
        if not self.exceptions:
            return self
        return Decided(np.zeros(len(self.accepted), np.bool_), self.exceptions)


def decide(block: Block, find: Finder, load: Loader) -> Decided:
    """The verdict on each event of `block`, as if they came one after another."""
    accepted = np.ones(len(block), np.bool_)
    order = np.argsort(block.identities, kind="stable")
    wanted = block.identities[order]
    known, contents = find(wanted)
    repeats = wanted[1:] == wanted[:-1]
    if not known.any() and not repeats.any():
        return Decided(accepted)
    suspect = known.copy()
    suspect[1:] |= repeats
    suspect[:-1] |= repeats
    differing = wanted[known & (contents != block.contents[order])]
    looking = _Looking(
        block=block,
        known=_by_identity(wanted[known], contents[known]),
        kept=load(np.unique(differing).tolist()) if len(differing) else {},
    )
    exceptions: dict[int, NotTaken] = {}
    for number in np.sort(order[suspect]).tolist():
        verdict = looking.verdict(number)
        if verdict is not None:
            exceptions[number] = verdict
            accepted[number] = False
    return Decided(accepted, exceptions)


def _by_identity(identities: Hashes, contents: Hashes) -> dict[int, int]:
    return dict(zip(identities.tolist(), contents.tolist(), strict=True))


@dataclass(slots=True)
class _Looking:
    block: Block
    known: Mapping[int, int]
    kept: Mapping[int, Sequence[Kept]]
    taken: dict[int, list[int]] = field(default_factory=dict)
    """Of suspect identities, the numbers in this block that were taken."""

    def verdict(self, number: int) -> NotTaken | None:
        """Why the event is not taken; None if it is new."""
        identity = int(self.block.identities[number])
        content = int(self.block.contents[number])
        taken = self.taken.setdefault(identity, [])
        if self.known.get(identity) == content or any(
            int(self.block.contents[other]) == content for other in taken
        ):
            return NotTaken(Verdict.DUPLICATE)
        organization_id, sent = self.block.event(number)
        candidates = list(self.kept.get(identity, ()))
        for other in taken:
            owner, earlier = self.block.event(other)
            candidates.append((owner, earlier.kept()))
        for owner, event in candidates:
            if (owner, event.source, event.id) == (organization_id, sent.source, sent.id):
                differs = difference(event, sent.kept())
                return NotTaken(Verdict.CONFLICT if differs else Verdict.DUPLICATE, differs)
        taken.append(number)
        return None
