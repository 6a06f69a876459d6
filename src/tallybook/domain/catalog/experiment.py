"""Experiments: a plan sold in several arms, each customer in one of them for life.

Which arm is decided by a stable hash of the experiment's and the customer's keys, so that it can be
computed anywhere, and a customer meets the same prices on every page before anything is recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from tallybook.domain.kernel.errors import Conflicting, Invalid, Refusal
from tallybook.domain.kernel.identifiers import checked_key

MOST_ARMS = 20
MOST_WEIGHT = 1_000_000


class Arm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way in which the plan is sold: a version of it.

    `weight` is its share of the weights of all arms; one of weight zero takes nobody new.
    """

    key: str
    version: int
    weight: int = 1

    def check(self) -> None:
        """Refuse what could not be an arm."""
        checked_key(self.key)
        if not 0 <= self.weight <= MOST_WEIGHT:
            raise Invalid(
                "weight_out_of_range",
                f"An arm cannot weigh {self.weight}.",
                field="weight",
                mend=f"Send 0 to {MOST_WEIGHT:,}.",
            )


class ExperimentOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of an experiment: whose plan it is on, and its arms."""

    name: str
    plan: str
    arms: tuple[Arm, ...]


class Progress(StrEnum):
    """Whether an experiment still decides what those get who have met no arm of it."""

    RUNNING = "running"
    ENDED = "ended"


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment on a plan. Once it has ended, `winner` is the arm that did best, if any did."""

    key: str
    name: str
    plan: str
    arms: tuple[Arm, ...]
    progress: Progress = Progress.RUNNING
    winner: str = ""
    started_at: datetime
    ended_at: datetime | None = None

    def check(self) -> None:
        """Refuse what could not be assigned."""
        checked_key(self.key)
        checked_key(self.plan, field="plan")
        if not self.name.strip():
            raise Invalid(
                "no_name", "An experiment needs a name.", field="name", mend="Send a name."
            )
        if not 1 <= len(self.arms) <= MOST_ARMS:
            raise Invalid(
                "arm_count_out_of_range",
                f"The experiment has {len(self.arms)} arms.",
                field="arms",
                mend=f"Send 1 to {MOST_ARMS}.",
            )
        for index, arm in enumerate(self.arms):
            try:
                arm.check()
            except Refusal as refusal:
                raise refusal.at(f"arms/{index}") from None
            if arm.key in {other.key for other in self.arms[:index]}:
                raise Invalid(
                    "arm_twice",
                    f"Two arms are called {arm.key!r}.",
                    field=f"arms/{index}/key",
                    mend="Give each arm a key of its own.",
                )
        if not any(arm.weight for arm in self.arms):
            raise Invalid(
                "no_weight",
                "No arm weighs anything, so nobody could be in any.",
                field="arms",
                mend="Give one a weight above 0.",
            )

    def arm(self, key: str) -> Arm | None:
        """The arm of that key."""
        return next((arm for arm in self.arms if arm.key == key), None)


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """That a customer met an arm, first at `exposed_at`. Recorded once, and kept for life."""

    experiment: str
    customer: str
    arm: str
    exposed_at: datetime


def place(experiment_key: str, customer_key: str) -> int:
    """Where a customer stands in an experiment: a number from 0 to 2^64 − 1.

    The first eight bytes, most significant first, of SHA-256 over `experiment_key/customer_key` in
    UTF-8. Experiments hash apart from each other.
    """
    digest = hashlib.sha256(f"{experiment_key}/{customer_key}".encode()).digest()
    return int.from_bytes(digest[:8])


def assigned(experiment_key: str, arms: Sequence[Arm], customer_key: str) -> Arm:
    """The arm of a customer that has met none: its place, scaled to the weights, in order of arms.

    The arms share the numbers in stretches as long as their weights. Other weights move the edges,
    and so only those who have met no arm yet.
    """
    whole = sum(arm.weight for arm in arms)
    at = place(experiment_key, customer_key) * whole >> 64
    for arm in arms:
        if at < arm.weight:
            return arm
        at -= arm.weight
    raise AssertionError("weights add up to the whole")


def changed(kept: Experiment, wanted: Experiment) -> Experiment:
    """The experiment with other weights or name; what customers met cannot be another thing."""
    if kept.progress is Progress.ENDED:
        raise _ended(kept)
    sold = {arm.key: arm.version for arm in kept.arms}
    for index, arm in enumerate(wanted.arms):
        if sold.get(arm.key, arm.version) != arm.version:
            raise Conflicting(
                "arm_differs",
                f"Arm {arm.key!r} sells version {sold[arm.key]}.",
                field=f"arms/{index}/version",
                mend="Give the other version an arm of another key.",
            )
    missing = sold.keys() - {arm.key for arm in wanted.arms}
    if missing or wanted.plan != kept.plan:
        raise Conflicting(
            "arm_gone" if missing else "plan_differs",
            "Customers are pinned to the arms that there are.",
            field="arms" if missing else "plan",
            mend="Keep every arm, with weight 0 if it shall take nobody new.",
        )
    return msgspec.structs.replace(kept, name=wanted.name, arms=wanted.arms)


def ended(kept: Experiment, *, winner: str, now: datetime) -> Experiment:
    """The experiment after its end; ended again with the same winner it is as it was."""
    if kept.progress is Progress.ENDED:
        if kept.winner == winner:
            return kept
        raise _ended(kept)
    if winner and kept.arm(winner) is None:
        raise Invalid(
            "no_such_arm",
            f"There is no arm {winner!r}.",
            field="winner",
            mend=f"Name one of {', '.join(arm.key for arm in kept.arms)}, or none.",
        )
    return msgspec.structs.replace(kept, progress=Progress.ENDED, winner=winner, ended_at=now)


def by_precedence(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Of several on one plan the one that runs comes first, then what ended last."""
    return sorted(
        experiments,
        key=lambda each: (each.ended_at is None, each.ended_at or each.started_at, each.key),
        reverse=True,
    )


def _ended(kept: Experiment) -> Conflicting:
    return Conflicting(
        "experiment_ended",
        f"Experiment {kept.key!r} has ended.",
        mend="Begin another one.",
    )
