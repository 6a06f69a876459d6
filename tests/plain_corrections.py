"""What corrections mean, said plainly: a list of facts, gone through anew for each question."""

from __future__ import annotations

from dataclasses import dataclass, field

from tallybook.domain.events.event import UsageEvent


@dataclass(frozen=True)
class Fact:
    """A correction: the positions that it voids and adds, and the one that it reverts, if any."""

    id: str
    position: int
    voided: frozenset[int] = frozenset()
    added: frozenset[int] = frozenset()
    reverts: str = ""


@dataclass
class Ledger:
    """One organization's events by position, and its corrections in order."""

    events: dict[int, UsageEvent] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)

    def is_in_force(self, fact: Fact, as_of: int) -> bool:
        """Made by then, and not reverted by one in force by then."""
        return fact.position <= as_of and not any(
            other.reverts == fact.id and self.is_in_force(other, as_of) for other in self.facts
        )

    def live(self, as_of: int) -> dict[int, UsageEvent]:
        """The events that count as of a position."""
        found = {position: e for position, e in self.events.items() if position <= as_of}
        for fact in self.facts:
            gone = fact.voided if self.is_in_force(fact, as_of) else fact.added
            for position in gone:
                found.pop(position, None)
        return found

    def base(self, fact: Fact) -> Fact:
        """The correction that a chain of reverts is about."""
        while fact.reverts:
            fact = next(other for other in self.facts if other.id == fact.reverts)
        return fact

    def leaving(self, fact: Fact) -> frozenset[int]:
        """The events that leave the count if `fact` is reverted."""
        base = self.base(fact)
        return base.added if self.is_in_force(base, 2**62) else base.voided
