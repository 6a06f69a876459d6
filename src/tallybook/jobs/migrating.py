"""Go on with migrations of subscribers while a server runs, until nobody is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial

import structlog

from tallybook.jobs.rounds import in_rounds
from tallybook.services.migrate_subscribers import FullMigration, continue_migrations
from tallybook.services.ports import Wiring

_log = structlog.get_logger("tallybook.jobs")


def migrating_subscribers(
    wiring: Wiring, *, every_seconds: float = 5.0
) -> AbstractContextManager[None]:
    """While the block runs, run the migrations that go on by themselves, of every organization.

    How far each is, is in the books: the next server goes on where this one stopped.
    """
    work = partial(migrate_everywhere, wiring)
    return in_rounds(work, name="migrating-subscribers", every_seconds=every_seconds)


def migrate_everywhere(wiring: Wiring) -> Iterator[FullMigration]:
    """One round: batch by batch, each organization by itself, so that none holds up another."""
    try:
        organizations = wiring.directory.organizations()
    except Exception as error:
        _log.error("migrating_failed", exc_info=error)
        return
    for organization in organizations:
        try:
            for full in continue_migrations(wiring, organization.id):
                _log.info(
                    "subscribers_migrated",
                    organization=organization.key,
                    migration=full.migration.key,
                    left=full.left,
                )
                yield full
        except Exception as error:
            _log.error("migrating_failed", organization=organization.key, exc_info=error)
