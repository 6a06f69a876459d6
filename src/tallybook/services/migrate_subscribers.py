"""Move the subscribers of a plan to another version: made, run in batches, gone on with, undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from tallybook.domain.catalog.plan import PlanVersion
from tallybook.domain.kernel.errors import Missing, Refusal
from tallybook.domain.subscriptions.course import Course
from tallybook.domain.subscriptions.migrating import moved, moved_back
from tallybook.domain.subscriptions.migration import (
    Member,
    MemberState,
    Migration,
    MigrationOrder,
    refuse_another,
)
from tallybook.services.ports import Records, Wiring
from tallybook.services.select_subscribers import (
    CHUNK,
    Subscriber,
    in_order,
    selection_of,
    subscribers_in_chunks,
    version_gone_to,
)
from tallybook.services.take_turns import agree_on_limits


class FullMigration(msgspec.Struct, frozen=True):
    """A migration, and how many of its members are in which state."""

    migration: Migration
    counts: Mapping[MemberState, int]

    @property
    def left(self) -> int:
        """How many it is still to decide about."""
        waiting = MemberState.MOVED if self.migration.is_undoing else MemberState.WAITING
        return self.counts[waiting]


def create_migration(wiring: Wiring, organization_id: str, order: MigrationOrder) -> FullMigration:
    """Settle on who is moved and where to. Nobody is moved yet: `run_migration` does that.

    The same again answers the migration that there is. Who subscribes later is not in it.
    """
    order = order.checked()
    with wiring.books.begin(organization_id) as records:
        records.plans.lock(order.plan)  # two who make it at one moment make one
        kept = records.plan_migrations.by_key(order.key, locked=True)
        if kept is not None:
            refuse_another(kept, order)
            return _in_full(records, kept)
        selection = selection_of(records, order)
        migration = Migration(
            key=order.key,
            order=order,
            to_plan=selection.target.plan_key,
            to_version=selection.target.version,
            to_version_id=selection.target.id,
            created_at=wiring.now_of(organization_id),
        )
        records.plan_migrations.put(migration)
        for chunk in subscribers_in_chunks(wiring, records, selection):
            records.plan_migrations.add_members(order.key, [_member(one) for one in chunk])
        return _in_full(records, migration)


def run_migration(
    wiring: Wiring, organization_id: str, key: str, *, limit: int = CHUNK
) -> FullMigration:
    """Move some of those that wait, or move them back; one transaction, to be asked for again.

    What is done is done and what is not is as before, so a run that was killed is gone on with, and
    two side by side share the work. A subscriber who cannot be moved is skipped, with the reason.
    """
    with wiring.books.begin(organization_id) as records:
        migration = _migration_of(records, key)
        if migration.is_undoing:
            _step(wiring, records, migration, limit=limit, state=MemberState.MOVED, decide=_back)
        else:
            agree_on_limits(records, [migration.to_plan])
            target = records.plans.version(migration.to_plan, migration.to_version)
            assert target is not None, "a version is never deleted"
            forth = _forth(records, migration, target)
            _step(wiring, records, migration, limit=limit, state=MemberState.WAITING, decide=forth)
        return _in_full(records, migration)


def undo_migration(wiring: Wiring, organization_id: str, key: str) -> FullMigration:
    """From now on its runs move everyone back who was moved, as if it had never been.

    Those who still wait stay where they are. Undone again, it stays undone.
    """
    with wiring.books.begin(organization_id) as records:
        migration = _migration_of(records, key, locked=True)
        if not migration.is_undoing:
            migration = msgspec.structs.replace(migration, is_undoing=True)
            records.plan_migrations.put(migration)
        return _in_full(records, migration)


def continue_migration(
    wiring: Wiring, organization_id: str, key: str, *, goes_on: bool
) -> FullMigration:
    """Have the server run it by itself from now on, until nobody is left; or have it stop that.

    Whoever asks for runs meanwhile shares the work. What was moved until it is stopped stays.
    """
    with wiring.books.begin(organization_id) as records:
        migration = _migration_of(records, key, locked=True)
        if migration.goes_on is not goes_on:
            migration = msgspec.structs.replace(migration, goes_on=goes_on)
            records.plan_migrations.put(migration)
        return _in_full(records, migration)


def continue_migrations(
    wiring: Wiring, organization_id: str, *, limit: int = CHUNK
) -> Iterator[FullMigration]:
    """Run what goes on by itself, batch by batch, each answered once it is recorded.

    One that somebody else has all of in hand, or that was stopped or undone, is left for later.
    """
    with wiring.books.begin(organization_id) as records:
        keys = records.plan_migrations.unfinished()
    for key in keys:
        before = find_migration(wiring, organization_id, key)
        while before.left and before.migration.goes_on:
            after = run_migration(wiring, organization_id, key, limit=limit)
            yield after
            if after.left >= before.left:
                break
            before = find_migration(wiring, organization_id, key)  # it may have been stopped


def find_migration(wiring: Wiring, organization_id: str, key: str) -> FullMigration:
    """The migration of that key, and how far it is."""
    with wiring.books.begin(organization_id) as records:
        return _in_full(records, _migration_of(records, key))


def list_migrations(
    wiring: Wiring, organization_id: str, *, after: str, limit: int
) -> list[FullMigration]:
    """Migrations in key order, those after key `after`."""
    with wiring.books.begin(organization_id) as records:
        page = records.plan_migrations.page(after=after, limit=limit)
        return [_in_full(records, migration) for migration in page]


def list_members(
    wiring: Wiring,
    organization_id: str,
    key: str,
    *,
    state: MemberState | None = None,
    after: str,
    limit: int,
) -> list[Member]:
    """Who is in a migration and what became of them, in order of subscription key."""
    with wiring.books.begin(organization_id) as records:
        _migration_of(records, key)
        return records.plan_migrations.members(key, state=state, after=after, limit=limit)


Decide = Callable[[Member, Subscriber], tuple[Member, Course]]
"""What becomes of a member, and the course with it; a refusal where nothing can."""


def _forth(records: Records, migration: Migration, target: PlanVersion) -> Decide:
    def decide(member: Member, one: Subscriber) -> tuple[Member, Course]:
        to = version_gone_to(records, one, target)
        course = moved(one.course, migration.order, to, plans=one.plans, now=one.now)
        added = course.changes[len(one.course.changes) :]
        numbers = tuple(change.number for change in added)
        return msgspec.structs.replace(member, state=MemberState.MOVED, changes=numbers), course

    return decide


def _back(member: Member, one: Subscriber) -> tuple[Member, Course]:
    course = moved_back(one.course, member, plans=one.plans, now=one.now)
    return msgspec.structs.replace(member, state=MemberState.UNDONE, reason=""), course


_STAYS = {MemberState.WAITING: MemberState.SKIPPED, MemberState.MOVED: MemberState.KEPT}


def _step(
    wiring: Wiring,
    records: Records,
    migration: Migration,
    *,
    limit: int,
    state: MemberState,
    decide: Decide,
) -> None:
    """Decide about some members in `state`, and record it."""
    members = records.plan_migrations.next_members(migration.key, state, limit)
    locked = records.subscriptions.locked([member.subscription_id for member in members])
    by_id = {
        one.course.subscription.id: one for one in in_order(wiring, records, list(locked.values()))
    }
    decided: list[Member] = []
    courses: list[tuple[Course, Course]] = []
    for member in members:
        one = by_id[member.subscription_id]
        try:
            after, course = decide(member, one)
        except Refusal as refusal:
            reason = f"{refusal.code}: {refusal.message}"
            after = msgspec.structs.replace(member, state=_STAYS[state], reason=reason)
        else:
            courses.append((one.course, course))
        decided.append(after)
    _keep(records, courses)
    records.plan_migrations.replace_members(migration.key, decided)


def _keep(records: Records, courses: Sequence[tuple[Course, Course]]) -> None:
    records.subscriptions.add_changes_of(
        {after.subscription.id: after.changes[len(before.changes) :] for before, after in courses}
    )
    records.subscriptions.replace_many([after.subscription for _, after in courses])


def _member(one: Subscriber) -> Member:
    subscription = one.course.subscription
    return Member(
        subscription_id=subscription.id,
        subscription_key=subscription.key,
        customer_key=one.customer.key,
    )


def _in_full(records: Records, migration: Migration) -> FullMigration:
    return FullMigration(migration, records.plan_migrations.counts(migration.key))


def _migration_of(records: Records, key: str, *, locked: bool = False) -> Migration:
    migration = records.plan_migrations.by_key(key, locked=locked)
    if migration is None:
        raise Missing(
            "unknown_migration",
            f"There is no migration {key[:140]!r}.",
            mend="Make it by POST /v1/plan-migrations, or name one that GET lists.",
        )
    return migration
