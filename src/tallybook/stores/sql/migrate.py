"""Bring the database's tables to what this version of the program expects."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tallybook.stores.sql.database import refusing_outages

_SCRIPTS = Path(__file__).parent / "migrations"

_TURN = 0x7A11_B00C
"""The advisory lock under which one program at a time migrates a database."""


def migrate(engine: sa.Engine) -> tuple[str, ...]:
    """Apply the migrations that are missing, all or none. Answers the revisions applied.

    Two programs that start side by side take turns; the second finds nothing left to do.
    `Unavailable` if the database does not answer.
    """
    with refusing_outages(), engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL lock_timeout = '120s'"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))
        before = missing_revisions(connection)
        if before:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "heads")
        return before


def missing_revisions(connection: sa.Connection) -> tuple[str, ...]:
    """The revisions not yet applied, in order. Raises for a database of a later version."""
    scripts = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_heads()
    every = [script.revision for script in scripts.walk_revisions()][::-1]
    unknown = set(current) - set(every)
    if unknown:
        raise LaterVersionError(
            f"The database was migrated by a later version of Tallybook ({', '.join(unknown)})."
        )
    applied = {script.revision for script in scripts.iterate_revisions(current, "base")}
    return tuple(revision for revision in every if revision not in applied)


class LaterVersionError(RuntimeError):
    """The database knows revisions that this program does not."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config
