"""Run by Alembic, on the connection and in the transaction that `migrate` gives it."""

from __future__ import annotations

from alembic import context

from tallybook.stores.sql.database import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
