"""Migrations make exactly the tables that the program uses, once, whoever runs them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import tallybook.stores.sql.books  # noqa: F401 - brings every room's tables
from tallybook.stores.sql.database import metadata, open_database
from tallybook.stores.sql.migrate import LaterVersionError, migrate, missing_revisions


def test_migrations_make_what_the_program_uses(migrated_database_url: str) -> None:
    with open_database(migrated_database_url).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        differences = compare_metadata(context, metadata)
        assert not differences
        assert not missing_revisions(connection)


def test_every_row_belongs_to_an_organization() -> None:
    """By a column of its own, so that no query can forget whose rows it reads."""
    for table in metadata.tables.values():
        assert table.name == "organizations" or "organization_id" in table.c, table.name


def test_programs_that_start_side_by_side_take_turns(database_url: str) -> None:
    engine = open_database(database_url)
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: migrate(engine), range(4)))
    assert sorted(map(len, applied))[:3] == [0, 0, 0], "one applied all, the others none"
    assert max(applied)[0] == "0001_organizations"


def test_a_migration_that_fails_leaves_nothing_half_done(database_url: str) -> None:
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE subscriptions (is_in_the_way text)"))
    with pytest.raises(sa.exc.ProgrammingError):
        migrate(engine)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["subscriptions"]


def test_a_database_of_a_later_version_is_left_alone(migrated_database_url: str) -> None:
    engine = open_database(migrated_database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999_later'"))
    with pytest.raises(LaterVersionError, match="9999_later"):
        migrate(engine)
